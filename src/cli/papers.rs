//! Completions and man pages, made from the arguments themselves.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::{Ending, print};

/// Writes what a shell needs to standard output.
pub(super) fn completions(shell: Shell) -> anyhow::Result<Ending> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "delenda", &mut text);
    print(&String::from_utf8(text).context("the completions are no text")?)?;
    Ok(Ending::Done)
}

/// Writes a page for each command into a directory, which is made where it is absent.
pub(super) fn man_pages(directory: &Path) -> anyhow::Result<Ending> {
    let place = directory.display();
    std::fs::create_dir_all(directory).with_context(|| format!("{place} cannot be made"))?;
    clap_mangen::generate_to(Arguments::command(), directory)
        .with_context(|| format!("the pages cannot be written to {place}"))?;
    Ok(Ending::Done)
}
