//! Pages that show a terminal: their commands are run one after another in one shell, and what
//! each prints is held against what the page shows.
//!
//! A fenced block of `console` is read so: a line that begins with `$ ` is a command, lines behind
//! it that begin with `> ` go on with it, and all others are what it printed. Whatever is fenced
//! and is nothing of this kind fails.
//!
//! What is printed must be what is shown, to the letter, but for three things: the address of the
//! server, identities (UUIDs), and times. Where a page shows one identity twice, one identity must
//! come twice.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::server::text;

/// How long one command of a page may take.
const COMMAND_MAX: Duration = Duration::from_secs(60);
/// The address that pages show.
const SHOWN_ADDRESS: &str = "127.0.0.1:8080";
/// What a line of a page's output begins with that ends a command, of ours.
const END: &str = "end-of-command";

/// A command of a page, and what it shows below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where the page has the command: the number of its first line, from 1 on.
    pub line: usize,
    pub command: String,
    pub shown: String,
}

/// The commands of all fenced blocks below this heading, up to the next one of its level or a
/// higher one.
pub fn steps(page: &str, heading: &str) -> Vec<Step> {
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let begin = page.lines().position(|line| line == heading);
    let begin = begin.unwrap_or_else(|| panic!("no heading {heading:?}")) + 1;
    let mut steps: Vec<Step> = Vec::new();
    let mut block: Option<usize> = None;
    for (index, line) in page.lines().enumerate().skip(begin) {
        let number = index + 1;
        let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
        match (block, line.trim_start().strip_prefix("```")) {
            (None, Some("console")) => block = Some(steps.len()),
            (None, Some(kind)) => panic!("line {number}: a block of {kind:?} is not run"),
            (None, None) if (1..=level).contains(&hashes) => return steps,
            (None, None) => {}
            (Some(first), Some("")) => {
                assert!(steps.len() > first, "line {number}: a block without a command");
                block = None;
            }
            (Some(_), Some(other)) => panic!("line {number}: a fence of {other:?} in a block"),
            (Some(first), None) => read_line(&mut steps, first, number, line),
        }
    }
    assert_eq!(block, None, "the last block has no end");
    steps
}

fn read_line(steps: &mut Vec<Step>, first: usize, number: usize, line: &str) {
    if let Some(command) = line.strip_prefix("$ ") {
        let (command, shown) = (command.to_owned(), String::new());
        return steps.push(Step { line: number, command, shown });
    }
    assert!(steps.len() > first, "line {number}: {line:?} belongs to no command");
    let step = steps.last_mut().unwrap();
    match line.strip_prefix("> ") {
        Some(more) if step.shown.is_empty() => step.command.extend(["\n", more]),
        _ => step.shown.extend([line, "\n"]),
    }
}

/// The page with what was printed in the place of what it shows.
pub fn refreshed(page: &str, printed: &[(Step, String)]) -> String {
    let mut lines: Vec<&str> = page.lines().collect();
    for (step, printed) in printed.iter().rev() {
        let begin = step.line - 1 + step.command.lines().count();
        lines.splice(begin..begin + step.shown.lines().count(), printed.lines());
    }
    lines.join("\n") + "\n"
}

/// A shell in which the commands of a page are run.
pub struct Terminal {
    shell: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    address: String,
    /// Which identity came where the page shows which, and the other way round.
    came: HashMap<String, String>,
    shown: HashMap<String, String>,
}

impl Terminal {
    /// A shell in a directory that is also its home, with a server at this address.
    pub fn open(directory: &Path, address: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]).current_dir(directory).env("HOME", directory);
        for (name, _) in std::env::vars() {
            if name.starts_with("DELENDA_") || name.starts_with("XDG_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().unwrap();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                if sender.send(text(&line)).is_err() {
                    return;
                }
                line.clear();
            }
        });
        let mut input = shell.stdin.take().unwrap();
        writeln!(input, "exec 2>&1").unwrap();
        let (came, shown) = (HashMap::new(), HashMap::new());
        Self { shell, input, lines, address: address.to_owned(), came, shown }
    }

    /// Whether a command, which must end well, prints what is shown; and what it prints.
    pub fn follow(&mut self, step: &Step) -> (bool, String) {
        let printed = self.run(&step.command);
        let (came, came_ids) = reduced(&printed);
        let (shown, shown_ids) = reduced(step.shown.trim_end_matches('\n'));
        let mut is_same = came == shown;
        for (came, shown) in came_ids.into_iter().zip(shown_ids) {
            is_same &= *self.came.entry(shown.clone()).or_insert(came.clone()) == came
                && *self.shown.entry(came).or_insert(shown.clone()) == shown;
        }
        (is_same, printed)
    }

    /// Runs a command, which must end well; what it prints.
    pub fn run(&mut self, command: &str) -> String {
        let command = command.replace(SHOWN_ADDRESS, &self.address);
        let asked = format!("{{ {command}\n}} </dev/null\nprintf '\\n%s %s\\n' {END} $?\n");
        self.input.write_all(asked.as_bytes()).unwrap();
        let mut printed = String::new();
        loop {
            let line = self.lines.recv_timeout(COMMAND_MAX);
            let line = line.unwrap_or_else(|error| panic!("{error} after $ {command}\n{printed}"));
            if let Some(code) = line.strip_prefix(END) {
                assert_eq!(code.trim(), "0", "$ {command}\n{printed}");
                return printed.trim_end_matches('\n').replace(&self.address, SHOWN_ADDRESS);
            }
            printed += &line;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// A text without its identities and times, and the identities.
fn reduced(text: &str) -> (String, Vec<String>) {
    let (mut reduced, mut ids, mut rest) = (String::new(), Vec::new(), text);
    let is_word = |char: char| char.is_ascii_alphanumeric() || "-:.".contains(char);
    while let Some(begin) = rest.find(is_word) {
        let end = rest[begin..].find(|char| !is_word(char)).map_or(rest.len(), |end| begin + end);
        let word = &rest[begin..end];
        reduced += &rest[..begin];
        if is_shaped(word, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") {
            reduced += "ID";
            ids.push(word.to_owned());
        } else if is_time(word) {
            reduced += "TIME";
        } else {
            reduced += word;
        }
        rest = &rest[end..];
    }
    (reduced + rest, ids)
}

/// Whether it is a time in UTC, with or without a fraction of the second.
fn is_time(word: &str) -> bool {
    let Some(word) = word.strip_suffix('Z') else { return false };
    let (seconds, fraction) = word.split_once('.').unwrap_or((word, "0"));
    is_shaped(seconds, "0000-00-00T00:00:00") && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `word` has, place by place, a digit for each `0`, a hexadecimal one in lower case for
/// each `x`, and otherwise what `shape` has.
fn is_shaped(word: &str, shape: &str) -> bool {
    let fits = |(byte, shape): (u8, u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        _ => byte == shape,
    };
    word.len() == shape.len() && word.bytes().zip(shape.bytes()).all(fits)
}

#[test]
fn a_page_is_read_line_by_line_and_can_be_refreshed() {
    let page = "## A\n```console\n$ one\n  out\n$ two \\\n>   more\n$ three\n> x\n```\n## B\n";
    let found = steps(page, "## A");
    let step = |line, command: &str, shown: &str| {
        let (command, shown) = (command.to_owned(), shown.to_owned());
        Step { line, command, shown }
    };
    let wanted =
        [step(3, "one", "  out\n"), step(5, "two \\\n  more", ""), step(7, "three\nx", "")];
    assert_eq!(found, wanted);
    let printed = found.into_iter().zip(["1", "", "3\n4"].map(str::to_owned));
    let refreshed = refreshed(page, &printed.collect::<Vec<_>>());
    let wanted = page.replace("  out", "1").replace("> x\n", "> x\n3\n4\n");
    assert_eq!(refreshed, wanted);
}

#[test]
fn what_is_no_terminal_is_not_passed_over() {
    for page in ["```sh\nls\n```", "```console\nls\n```", "```console\n$ ls", "```console\n```"] {
        let page = format!("# A\n{page}");
        assert!(std::panic::catch_unwind(|| steps(&page, "# A")).is_err(), "{page}");
    }
}

#[test]
fn identities_and_times_may_vary_and_nothing_else() {
    let id = "01a201dc-813c-7b6f-a2d8-56a270b90da7";
    let text = format!("\"{id}\" at 2026-01-02T03:04:05.678Z, {id}0 7 2026-01-02");
    let (reduced, ids) = reduced(&text);
    assert_eq!(reduced, format!("\"ID\" at TIME, {id}0 7 2026-01-02"));
    assert_eq!(ids, [id]);
}
