//! What an operator can set: a flag before the environment, the environment before the file, the
//! file before the default.
//!
//! The file is TOML with the names of the fields of [`Settings`]; the environment has the same
//! names in capitals after `DELENDA_`. A key of the file that is unknown, a value of a wrong type
//! or out of its range is an error that names the key: nothing starts on half a configuration.
//! Other variables of the environment that begin with `DELENDA_` are ignored, since
//! orchestrators set such names by themselves.

mod read;
pub mod reference;
mod settings;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use self::settings::Settings;

/// What the command line says; `None`: nothing.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<SocketAddr>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file or the environment cannot be read as settings.
    #[error("configuration: {0}")]
    Unreadable(String),
    /// A value is out of its range.
    #[error("configuration: `{key}` {problem}")]
    OutOfRange {
        /// The key.
        key: String,
        /// What is wrong with its value.
        problem: String,
    },
}

impl SettingsError {
    fn out_of_range(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::OutOfRange { key: key.into(), problem: problem.into() }
    }
}
