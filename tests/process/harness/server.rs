//! The real binary as a process: started, asked through its command line, killed, stopped.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Client;

const START_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(30);
const POLL_PERIOD: Duration = Duration::from_millis(10);

/// A running server.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    data: PathBuf,
    base: String,
}

/// An organization with a client that may do everything in it.
#[derive(Clone)]
pub struct Member {
    pub organization: String,
    pub client: Client,
}

/// The command line of the binary under test.
pub fn delenda(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_delenda"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Runs an administrative command to its end.
pub fn run(arguments: &[&str]) -> Output {
    delenda(arguments).output().unwrap()
}

/// Runs an administrative command that must succeed, and reads the JSON it prints.
pub fn run_json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?} gave {}: {out}{err}", output.status);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {out:?}"))
}

/// Bytes as text, for messages.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The oracle: ledger and blobs agree. The server must not run.
pub fn verify(data: &Path) -> Value {
    let found = run_json(&["verify", "--data", data.to_str().unwrap(), "--json"]);
    for list in ["missing_blobs", "wrong_sizes", "unknown_blobs", "disagreements"] {
        assert_eq!(found[list].as_array().map(Vec::len), Some(0), "{list} in {found}");
    }
    found
}

/// Everything below `data/blobs` that is a file, but for what marks the directory as ours.
pub fn blob_files(data: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![data.join("blobs")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.parent() != Some(&data.join("blobs")) {
                files.push(path);
            }
        }
    }
    files
}

impl Server {
    /// Starts it on a free port, and waits until it says where it listens.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// The same with a configuration file of this text.
    pub fn start_configured(data: &Path, configuration: &str) -> Self {
        let file = data.with_extension("toml");
        std::fs::write(&file, configuration).unwrap();
        Self::start_with(data, &["--config", file.to_str().unwrap()])
    }

    fn start_with(data: &Path, more: &[&str]) -> Self {
        Self::try_start_with(data, more).unwrap_or_else(|(status, log)| panic!("{status}: {log}"))
    }

    /// Starts it, or gives the exit status and what it complained of.
    pub fn try_start(data: &Path) -> Result<Self, (ExitStatus, String)> {
        Self::try_start_with(data, &[])
    }

    fn try_start_with(data: &Path, more: &[&str]) -> Result<Self, (ExitStatus, String)> {
        let mut command =
            delenda(&["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
        command.args(more);
        Self::spawn(command, data)
    }

    /// Starts it with a command that ends up in `serve` on this data directory, as the tests see
    /// that, and on a free port.
    pub fn spawn(mut command: Command, data: &Path) -> Result<Self, (ExitStatus, String)> {
        let log_path = data.with_extension("log");
        let log = std::fs::File::options().create(true).append(true).open(&log_path).unwrap();
        let begin = std::fs::metadata(&log_path).unwrap().len();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        match lines.recv_timeout(START_MAX) {
            Ok(line) => Ok(Self { child, lines, data: data.to_owned(), base: address_in(&line) }),
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait().unwrap();
                let whole = std::fs::read(&log_path).unwrap();
                Err((status, text(&whole[usize::try_from(begin).unwrap()..])))
            }
            Err(RecvTimeoutError::Timeout) => {
                child.kill().unwrap();
                panic!(
                    "not ready within {START_MAX:?}: {}",
                    text(&std::fs::read(&log_path).unwrap())
                )
            }
        }
    }

    /// The scheme and authority at which it listens.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The authority at which it listens.
    pub fn host(&self) -> &str {
        self.base.rsplit('/').next().unwrap()
    }

    /// The port at which it listens.
    pub fn port(&self) -> u16 {
        self.base.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The text of the key that the first start wrote.
    pub fn first_key(&self) -> String {
        std::fs::read_to_string(self.data.join("first-key")).unwrap().trim().to_owned()
    }

    /// Runs an administrative command against this instance.
    pub fn cli(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--data", self.data.to_str().unwrap(), "--json"]);
        run_json(&all)
    }

    /// Makes an organization and a key with all scopes in it.
    pub fn member(&self, name: &str) -> Member {
        let organization = self.organization(name);
        let client = self.client(&organization, &["--scopes", "read,write,delete,admin"]);
        Member { organization, client }
    }

    /// Makes an organization; its id.
    pub fn organization(&self, name: &str) -> String {
        let made = self.cli(&["org", "create", name]);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Makes a key in an organization, and a client that uses it.
    pub fn client(&self, organization: &str, more: &[&str]) -> Client {
        let mut arguments = vec!["key", "create", "--org", organization];
        arguments.extend(more);
        let made = self.cli(&arguments);
        let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        Client::new(&self.base, id, key)
    }

    /// The same client against this process, which may listen elsewhere than its predecessor.
    pub fn again(&self, client: &Client) -> Client {
        Client::new(&self.base, &client.key_id, &client.key)
    }

    /// The most memory that the process ever had, in bytes.
    pub fn memory_peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
        kilobytes << 10
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it as a crash does: nothing of it runs any further.
    pub fn kill9(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.data.clone()
    }

    /// Asks it to end, without waiting.
    pub fn send_sigterm(&self) {
        self.send(Signal::TERM);
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Stops every thread of it where it is, with no system call under way.
    pub fn freeze(&self) {
        self.send(Signal::STOP);
        let tasks = PathBuf::from(format!("/proc/{}/task", self.child.id()));
        let begun = Instant::now();
        let is_stopped = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
        };
        while !std::fs::read_dir(&tasks).unwrap().all(is_stopped) {
            assert!(begun.elapsed() < STOP_MAX, "some threads do not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.send(Signal::CONT);
    }

    /// Waits for the end that [`Server::send_sigterm`] asked for, which must be a clean one; what
    /// it printed after its first line.
    pub fn wait_for_exit(mut self) -> Vec<String> {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < STOP_MAX, "still running {STOP_MAX:?} after the signal");
            std::thread::sleep(POLL_PERIOD);
        };
        assert_eq!(status.code(), Some(0), "after SIGTERM: {status}");
        self.lines.iter().collect()
    }

    /// Stops it cleanly; its data directory.
    pub fn terminate(self) -> PathBuf {
        let data = self.data.clone();
        self.send_sigterm();
        self.wait_for_exit();
        data
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A failing test must not leave a process behind; one that ended already is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> String {
    let start = line.find("http://").unwrap_or_else(|| panic!("no address in {line:?}"));
    let address = line[start..].split_whitespace().next().unwrap();
    address.trim_end_matches('/').to_owned()
}
