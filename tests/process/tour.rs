//! The pages that show a terminal, run as somebody would who has nothing but them: an empty
//! directory, the binary, and the commands in their order.
//!
//! With `DELENDA_REFRESH_PAGES=1` what was printed is written into the pages, for whoever has
//! changed an answer to read and to commit; the tests fail then, too.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::Server;
use crate::harness::page::{Step, Terminal, refreshed, steps};

/// A page, and what its commands have printed so far.
struct Page {
    path: PathBuf,
    text: String,
    printed: Vec<(Step, String)>,
    differ: Vec<String>,
}

impl Page {
    fn read(path: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(&path).unwrap();
        Self { path, text, printed: Vec::new(), differ: Vec::new() }
    }

    /// Runs what stands below a heading; how many commands those were.
    fn run(&mut self, terminal: &mut Terminal, heading: &str) -> usize {
        let steps = steps(&self.text, heading);
        let number = steps.len();
        for step in steps {
            let (is_same, printed) = terminal.follow(&step);
            if !is_same {
                let Step { line, command, shown } = &step;
                self.differ.push(format!("line {line}: $ {command}\n{printed}\nand not\n{shown}"));
            }
            self.printed.push((step, printed));
        }
        number
    }

    /// Fails where something else was printed than the page shows.
    fn hold(self) {
        if self.differ.is_empty() {
            return;
        }
        if std::env::var_os("DELENDA_REFRESH_PAGES").is_some() {
            std::fs::write(&self.path, refreshed(&self.text, &self.printed)).unwrap();
        }
        panic!("{} shows what is not so:\n{}", self.path.display(), self.differ.join("\n"));
    }
}

/// A directory in which the binary lies where a build puts it, and a server that was started there.
fn started() -> (TempDir, Server) {
    let home = TempDir::new().unwrap();
    let built = home.path().join("target/release");
    std::fs::create_dir_all(&built).unwrap();
    symlink(env!("CARGO_BIN_EXE_delenda"), built.join("delenda")).unwrap();
    let server = Server::start(&home.path().join("delenda-data"));
    (home, server)
}

#[test]
fn the_tour_of_the_readme_gives_what_it_shows() {
    let mut readme = Page::read("README.md");
    let (home, server) = started();
    let mut terminal = Terminal::open(home.path(), server.host());
    let number = readme.run(&mut terminal, "## A tour");
    assert!(number > 40, "the tour has only {number} commands");
    server.terminate();
    assert!(readme.run(&mut terminal, "## When the server has stopped") > 0);
    readme.hold();
}

/// Runs the calls of a dialect's page against a server of their own.
fn hold_examples(dialect: &str) {
    let mut page = Page::read(&format!("docs/dialects/{dialect}.md"));
    let (home, server) = started();
    let mut terminal = Terminal::open(home.path(), server.host());
    terminal.run("PATH=$PWD/target/release:$PATH");
    let number = page.run(&mut terminal, "### Examples");
    assert!(number > 8, "the page has only {number} commands");
    server.terminate();
    page.hold();
}

#[test]
fn the_examples_of_renderio_give_what_they_show() {
    hold_examples("renderio");
}

#[test]
fn the_examples_of_swiftia_give_what_they_show() {
    hold_examples("swiftia");
}

#[test]
fn the_examples_of_templated_give_what_they_show() {
    hold_examples("templated");
}

#[test]
fn the_examples_of_merple_give_what_they_show() {
    hold_examples("merple");
}

#[test]
fn the_examples_of_sirv_give_what_they_show() {
    hold_examples("sirv");
}

#[test]
fn the_readme_starts_a_server_as_the_tour_has_it() {
    let shown = steps(&Page::read("README.md").text, "## Start");
    let shown: Vec<(&str, &str)> =
        shown.iter().map(|step| (step.command.as_str(), step.shown.as_str())).collect();
    let line = "listening on http://127.0.0.1:8080\n";
    assert_eq!(shown, [("cargo build --release", ""), ("target/release/delenda serve", line)]);
}
