//! The rules of the source text: which part may name which, how long a file may be, what nothing
//! may be called, and that documents name only what exists. A rule without a test is a wish.

#![expect(clippy::unwrap_used, reason = "a test's surprise is a failed test")]

use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;
const TEST_LINES_MAX: usize = 800;
const INVARIANTS: usize = 15;
const DIALECTS: [&str; 5] = ["renderio", "swiftia", "templated", "merple", "sirv"];

/// A file of the project: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.contains("tests") || self.path.contains("conformance")
    }

    /// The text without line comments, and without the test module at its end: tests may name
    /// what they wire together.
    fn code(&self) -> String {
        let production = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        production
            .lines()
            .map(|line| line.split("//").next().unwrap())
            .fold(String::new(), |code, line| code + line + "\n")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    let text = std::fs::read_to_string(path);
    text.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every text file below these places with one of these endings.
fn sources(places: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut open: Vec<PathBuf> = places.iter().map(|place| root().join(place)).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if endings.iter().any(|ending| path.to_str().unwrap().ends_with(ending)) {
            let text = read(&path);
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push(Source { path, text });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn rust() -> Vec<Source> {
    let found = sources(&["src", "tests", "benches"], &[".rs"]);
    assert!(found.len() > 50, "the sources are not where they are looked for");
    found
}

/// Whether `word` stands in `code` by itself, and not as a part of a longer name.
fn names(code: &str, word: &str) -> bool {
    let part_of_name =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(word).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| code.as_bytes().get(at));
        !part_of_name(before) && !part_of_name(code.as_bytes().get(at + word.len()))
    })
}

/// Fails for every file below `place` that names one of `words`.
fn must_not_name(place: &str, words: &[&str]) {
    for source in rust().iter().filter(|source| source.path.starts_with(place)) {
        let code = source.code();
        for word in words {
            assert!(!names(&code, word), "{} names {word}", source.path);
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let engine = ["http", "axum", "hyper", "rusqlite", "refinery", "object_store", "sqlite"];
    must_not_name("src/deletion/", &engine);
    must_not_name("src/uploads/", &engine);
    must_not_name("src/archives/", &engine);
    must_not_name("src/http/", &["rusqlite", "sqlite", "SqliteLedger", "disk", "DiskBlobs"]);
    let above = ["crate::deletion", "crate::ledger", "crate::blobs", "crate::http", "crate::jobs"];
    must_not_name("src/domain/", &above);
    must_not_name("src/domain/", &["tokio", "axum", "rusqlite"]);
    must_not_name("src/ledger/", &["crate::http", "crate::blobs", "axum"]);
    must_not_name("src/blobs/", &["crate::http", "crate::ledger", "crate::deletion", "axum"]);
}

#[test]
fn a_dialect_names_no_other_dialect() {
    for dialect in DIALECTS {
        let others: Vec<String> = DIALECTS
            .iter()
            .filter(|other| **other != dialect)
            .map(|other| format!("dialects::{other}"))
            .collect();
        let mut others: Vec<&str> = others.iter().map(String::as_str).collect();
        let types = ["RenderIo", "Renderio", "Swiftia", "Templated", "Merple", "Sirv"];
        let own = |name: &&&str| !name.eq_ignore_ascii_case(dialect);
        others.extend(types.iter().filter(own).copied());
        must_not_name(&format!("src/http/dialects/{dialect}"), &others);
    }
}

#[test]
fn one_file_alone_names_the_backends() {
    for source in rust() {
        let backend = source.path.starts_with("src/ledger/sqlite")
            || source.path.starts_with("src/blobs/disk");
        if backend || source.is_test() || source.path == "src/app.rs" {
            continue;
        }
        let code = source.code();
        for word in ["SqliteLedger", "DiskBlobs"] {
            assert!(!names(&code, word), "{} names {word}", source.path);
        }
    }
}

#[test]
fn the_ledger_knows_of_deletions_only_their_words() {
    let ledger = rust().into_iter().find(|source| source.path == "src/ledger/mod.rs").unwrap();
    let code = ledger.code();
    for (at, _) in code.match_indices("deletion::") {
        let module = code[at + "deletion::".len()..].split("::").next().unwrap();
        let words = ["request", "snapshot", "plan", "record", "stored", "items"];
        assert!(words.contains(&module), "src/ledger/mod.rs names deletion::{module}");
    }
}

#[test]
fn no_file_is_too_long() {
    for source in rust() {
        let max = if source.is_test() { TEST_LINES_MAX } else { LINES_MAX };
        let lines = source.text.lines().count();
        assert!(lines < max, "{} has {lines} lines, {max} are too many", source.path);
    }
}

#[test]
fn nothing_has_a_name_that_says_nothing() {
    for source in rust() {
        let code = source.code();
        let types = ["struct ", "enum ", "trait ", "mod ", "type "];
        let declared = types.iter().flat_map(|keyword| code.split(keyword).skip(1));
        let declared = declared.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_'));
        for name in declared.filter_map(|mut parts| parts.next()) {
            for word in ["manager", "helper", "util"] {
                assert!(!name.to_lowercase().contains(word), "{} has {name}", source.path);
            }
        }
        // Written in pieces, so that this file does not have them.
        for word in ["handle_", "process_", "do_"] {
            let function = ["fn ", word].concat();
            assert!(!code.contains(&function), "{} has a {function}…", source.path);
        }
    }
}

#[test]
fn the_project_names_no_machine_and_no_registry() {
    let places = ["src", "tests", "benches", "scripts", "docs", ".ci", ".config", "README.md"];
    let texts = sources(&places, &["", ".md", ".rs"]);
    // Written in pieces, so that this file does not name them either.
    let forbidden = [
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
        ["crates", ".io"].concat(),
        ["npmjs", "."].concat(),
        ["pypi", "."].concat(),
        ["deb.", "debian"].concat(),
    ];
    for source in texts {
        for word in &forbidden {
            assert!(!source.text.contains(word), "{} names {word}", source.path);
        }
    }
}

#[test]
fn every_invariant_names_tests_that_exist() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    let code: String = rust().iter().map(|source| source.text.as_str()).collect();
    for number in 1..=INVARIANTS {
        let row = architecture.lines().find(|line| {
            line.starts_with('|') && names(line.split('|').nth(1).unwrap(), &format!("I{number}"))
        });
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for I{number}"));
        let quoted = row.split('`').skip(1).step_by(2);
        let tests: Vec<&str> = quoted.filter(|name| is_test_name(name)).collect();
        assert!(!tests.is_empty(), "I{number} names no test");
        for test in tests {
            assert!(
                code.contains(&format!("fn {test}(")),
                "I{number} names {test}, which is no test"
            );
        }
    }
}

/// The pages that say of each row which test holds it, in the last cell of the row.
const PAGES_OF_ROWS: [&str; 2] = ["docs/dialects/README.md", "docs/hostile-inputs.md"];

#[test]
fn every_row_of_a_contract_and_of_hostile_inputs_names_tests_that_exist() {
    let code: String = rust().iter().map(|source| source.text.as_str()).collect();
    for page in PAGES_OF_ROWS {
        let text = read(&root().join(page));
        let rows = text.lines().filter(|line| line.starts_with('|') && line.contains('`'));
        let cells = rows.filter_map(|row| row.trim_end_matches([' ', '|']).rsplit('|').next());
        let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
        let tests: Vec<&str> = quoted.filter(|name| is_test_name(name)).collect();
        assert!(tests.len() > INVARIANTS, "{page} names hardly any test");
        for test in tests {
            assert!(code.contains(&format!("fn {test}(")), "{page} names {test}, which is no test");
        }
    }
}

/// Test names are sentences: words in lower case with underscores between.
fn is_test_name(quoted: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    quoted.bytes().all(plain) && quoted.matches('_').count() >= 2
}

/// The documents of the project.
fn documents() -> Vec<Source> {
    let top = ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "SECURITY.md", "STYLE.md"];
    let documents = sources(&[&top[..], &["CHANGELOG.md", "docs"]].concat(), &[".md"]);
    assert!(documents.len() > top.len(), "the documents are not where they are looked for");
    documents
}

#[test]
fn documents_name_only_paths_that_exist() {
    let places =
        ["src/", "tests/", "docs/", "scripts/", "benches/", "migrations/", "fuzz/", "packaging/"];
    for document in documents() {
        for quoted in document.text.split('`').skip(1).step_by(2) {
            let path = quoted.split([' ', '\n', ':']).next().unwrap();
            let is_path = places.iter().any(|place| path.starts_with(place));
            if is_path && !path.contains(['{', '*', '<', '…']) {
                let exists = root().join(path).exists();
                assert!(exists, "{} names {path}, which does not exist", document.path);
            }
        }
    }
}

#[test]
fn the_alerts_that_are_shipped_are_those_that_are_explained() {
    let page = read(&root().join("docs/operations.md"));
    let quoted = page.split("```yaml\n").find(|block| block.starts_with("groups:")).unwrap();
    let quoted = quoted.split("```").next().unwrap();
    assert_eq!(quoted, read(&root().join("packaging/prometheus/alerts.yml")));
    for name in quoted.split("alert: ").skip(1).map(|rest| rest.lines().next().unwrap()) {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not explained");
    }
}

/// The anchor that a heading has in a page: its words in lower case, with dashes between.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

#[test]
fn documents_link_only_to_what_exists() {
    for document in documents() {
        let place = root().join(&document.path);
        for link in document.text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (path, part) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { place.clone() } else { place.with_file_name(path) };
            assert!(target.exists(), "{} links to {link}, which does not exist", document.path);
            let has_part = || {
                let headings = read(&target);
                headings.lines().any(|line| line.starts_with('#') && anchor(line) == part)
            };
            assert!(part.is_empty() || has_part(), "{} links to {link}: no heading", document.path);
        }
    }
}

#[test]
fn documents_run_only_tests_that_exist() {
    let files = rust();
    let is_there = |filter: &str| {
        let path = filter.trim_end_matches("::").replace("::", "/");
        files.iter().any(|source| {
            source.path.contains(&format!("/{path}/"))
                || source.path.ends_with(&format!("/{path}.rs"))
                || (source.text.contains("#[test]") || source.text.contains("#[tokio::test"))
                    && source.text.contains(&format!("fn {filter}"))
        })
    };
    let mut found = 0;
    for document in documents() {
        for run in document.text.split("cargo nextest run ").skip(1) {
            let run = run.split(['`', '\n']).next().unwrap();
            let mut words = run.split(' ');
            while let Some(word) = words.next() {
                match word {
                    "--profile" | "--run-ignored" | "--test" => {
                        words.next();
                    }
                    filter => {
                        assert!(is_there(filter), "{} runs {filter}: no test", document.path);
                        found += 1;
                    }
                }
            }
        }
    }
    assert!(found > 10, "the documents name hardly any test to run");
}
