//! Completions and man pages, made from the arguments themselves, and the settings.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::{Ending, print};
use crate::config::{Settings, SettingsError, reference};

/// Writes the settings that are in force, or the page of all of them, to standard output.
pub(super) fn configuration(
    settings: Result<Settings, SettingsError>,
    markdown: bool,
) -> anyhow::Result<Ending> {
    // The page is the same whatever is set, also where that is wrong.
    let text = if markdown { reference::page() } else { reference::in_force(&settings?) };
    print(&text)?;
    Ok(Ending::Done)
}

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
