//! The command line as a client: the real binary, called by somebody with a home of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::server::{delenda, text};
use super::{Client, Server};

/// A server, an organization, and a caller of the command line.
pub struct Cli {
    pub home: TempDir,
    pub server: Server,
    pub client: Client,
    pub organization: String,
}

impl Cli {
    /// All of them, fresh.
    pub fn new() -> Self {
        let home = TempDir::new().unwrap();
        let server = Server::start(&home.path().join("data"));
        let member = server.member("one");
        Self { home, server, client: member.client, organization: member.organization }
    }

    /// A place of the caller.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs a command with the member's key, by the environment.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(&self.client.key, arguments)
    }

    /// The same with another key.
    pub fn run_with(&self, key: &str, arguments: &[&str]) -> Output {
        self.command(arguments).env("DELENDA_KEY", key).output().unwrap()
    }

    /// A command that is not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = delenda(arguments);
        command.env("DELENDA_URL", self.server.base()).env("DELENDA_KEY", &self.client.key);
        command.env("HOME", self.home.path());
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME");
        command.current_dir(self.home.path());
        command
    }

    /// Runs a command that must end with this code; what it printed.
    #[track_caller]
    pub fn code(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
        assert!(!err.contains(&self.client.key) && !out.contains(&self.client.key));
        out
    }

    /// Runs a command that must end with this code, and reads each of its lines as an object.
    #[track_caller]
    pub fn json(&self, code: i32, arguments: &[&str]) -> Vec<Value> {
        let mut all = arguments.to_vec();
        all.push("--json");
        let printed = self.code(code, &all);
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The paths below a folder.
    pub fn listed(&self, folder: &str) -> Vec<String> {
        let entries = self.json(0, &["ls", "-R", folder]);
        entries.iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
    }

    /// A tree with names and contents that are not easy.
    pub fn make_tree(&self, name: &str) -> PathBuf {
        let tree = self.path(name);
        std::fs::create_dir_all(tree.join("deep/er ünd #%?&+/x")).unwrap();
        std::fs::create_dir(tree.join("empty")).unwrap();
        for (file, content) in [
            ("a", Vec::new()),
            ("b.txt", b"b".to_vec()),
            ("deep/-n", (0..=255).cycle().take(300_000).collect()),
            ("deep/er ünd #%?&+/%2e%2e", b"escaped".to_vec()),
            ("deep/er ünd #%?&+/x/\u{1f980}", b"crab".to_vec()),
        ] {
            std::fs::write(tree.join(file), content).unwrap();
        }
        tree
    }
}

/// All files below a directory with their contents, and all directories.
pub fn tree(top: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![top.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let content = path.is_file().then(|| std::fs::read(&path).unwrap());
            if content.is_none() {
                open.push(path.clone());
            }
            found.insert(path.strip_prefix(top).unwrap().to_owned(), content);
        }
    }
    found
}
