//! Logs: to standard error, which leaves standard output to what was asked for.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Begins to log what `directives` let through; coloured on a terminal only. An error says which
/// directive means nothing. Where something logs already, that stays as it is.
pub fn start(directives: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("configuration: `log` is not understood: {error}"))?;
    // A second start in one process keeps the first, which is what tests want.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_directive_that_means_nothing_is_named() {
        assert!(super::start("delenda=louder").unwrap_err().contains("`log`"));
    }
}
