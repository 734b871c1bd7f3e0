//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    delenda::cli::run()
}
