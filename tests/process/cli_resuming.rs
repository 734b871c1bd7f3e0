//! What breaks in the middle of a large file goes on there: the client or the server is killed,
//! and the same command given again.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::road::Road;
use crate::harness::server::{text, verify};
use crate::harness::{Cli, Server};

const MIB: u64 = 1 << 20;
const FILE_BYTES: u64 = 80 * MIB;
/// So many pass before something breaks: the server has acknowledged some of them by then.
const BROKEN_AFTER_BYTES: u64 = 48 * MIB;
/// At least so many are there then, and need not go again.
const KEPT_BYTES_MIN: u64 = 16 * MIB;
const WAIT_MAX: Duration = Duration::from_secs(60);
const POLL_PERIOD: Duration = Duration::from_millis(20);

/// A client that reaches its server by a road.
struct Broken {
    cli: Cli,
    road: Road,
}

impl Broken {
    fn new() -> Self {
        let cli = Cli::new();
        let road = Road::to(cli.server.port());
        let broken = Self { cli, road };
        broken.write(7);
        broken
    }

    /// The file, with another content for each seed.
    fn write(&self, seed: u64) {
        let words = (0..FILE_BYTES / 8).map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed);
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        std::fs::write(self.cli.path("large"), bytes).unwrap();
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.cli.command(arguments);
        command.env("DELENDA_URL", self.road.base()).arg("--json");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs a command until the road is full, and kills it there.
    fn kill_in_the_middle(&self, arguments: &[&str]) {
        self.road.allow(BROKEN_AFTER_BYTES);
        let mut child = self.start(arguments);
        self.road.wait_until_full();
        child.kill().unwrap();
        child.wait().unwrap();
        self.road.allow(u64::MAX);
    }

    /// Runs a command to its end; the bytes that went for its one file.
    #[track_caller]
    fn bytes_of(&self, arguments: &[&str]) -> u64 {
        bytes_in(&self.start(arguments).wait_with_output().unwrap())
    }

    fn notes(&self) -> usize {
        let notes = std::fs::read_dir(self.cli.path(".local/state/delenda/uploads"));
        notes.map_or(0, Iterator::count)
    }

    #[track_caller]
    fn is_stored_as_it_is_here(&self) {
        self.cli.code(0, &["get", "/kept", "back", "--overwrite"]);
        let (back, here) = (self.cli.path("back"), self.cli.path("large"));
        assert!(std::fs::read(back).unwrap() == std::fs::read(here).unwrap());
    }
}

#[track_caller]
fn bytes_in(output: &Output) -> u64 {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    let first: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!(first["outcome"], "done", "{out}");
    first["bytes"].as_u64().unwrap()
}

#[test]
fn a_put_that_was_killed_goes_on_inside_the_file() {
    let broken = Broken::new();
    broken.kill_in_the_middle(&["put", "large", "/kept"]);
    broken.cli.code(1, &["stat", "/kept"]);
    assert_eq!(broken.notes(), 1);
    let went = broken.bytes_of(&["put", "large", "/kept"]);
    assert!(0 < went && went <= FILE_BYTES - KEPT_BYTES_MIN, "{went}");
    assert_eq!(broken.notes(), 0);
    broken.is_stored_as_it_is_here();
}

#[test]
fn a_put_of_what_changed_meanwhile_begins_anew_and_ends_the_upload_before() {
    let broken = Broken::new();
    broken.kill_in_the_middle(&["put", "large", "/kept"]);
    broken.write(8);
    assert_eq!(broken.bytes_of(&["put", "large", "/kept"]), FILE_BYTES);
    assert_eq!(broken.notes(), 0);
    broken.is_stored_as_it_is_here();
    // The bytes of the upload before are on their way out, and nothing else is.
    let begun = Instant::now();
    let blobs = || crate::harness::server::blob_files(&broken.cli.path("data")).len();
    while blobs() != 1 {
        assert!(begun.elapsed() < WAIT_MAX, "{} blobs", blobs());
        std::thread::sleep(POLL_PERIOD);
    }
}

#[test]
fn a_put_outlives_the_server_that_is_killed_under_it() {
    let mut broken = Broken::new();
    broken.road.allow(BROKEN_AFTER_BYTES);
    let put = broken.start(&["put", "large", "/kept"]);
    broken.road.wait_until_full();
    let Broken { cli, road } = broken;
    let Cli { home, server, client, organization } = cli;
    let data = server.kill9();
    let server = Server::start(&data);
    road.lead_to(server.port());
    road.allow(u64::MAX);
    let before = road.passed();
    broken = Broken { cli: Cli { home, server, client, organization }, road };
    let output = put.wait_with_output().unwrap();
    assert_eq!(bytes_in(&output), FILE_BYTES);
    let went = broken.road.passed() - before;
    assert!(went <= FILE_BYTES - KEPT_BYTES_MIN + MIB, "{went} bytes went after the kill");
    broken.is_stored_as_it_is_here();
    verify(&broken.cli.server.terminate());
}

#[test]
fn a_get_that_was_killed_goes_on_inside_the_file_of_the_same_version() {
    let broken = Broken::new();
    broken.bytes_of(&["put", "large", "/kept"]);
    let fetched = || std::fs::read(broken.cli.path("back")).unwrap();
    broken.kill_in_the_middle(&["get", "/kept", "back"]);
    assert!(!broken.cli.path("back").exists());
    let went = broken.bytes_of(&["get", "/kept", "back"]);
    assert!(0 < went && went <= FILE_BYTES - KEPT_BYTES_MIN, "{went}");
    assert!(fetched() == std::fs::read(broken.cli.path("large")).unwrap());

    // Of another version nothing is kept.
    broken.kill_in_the_middle(&["get", "/kept", "back", "--overwrite"]);
    broken.write(8);
    broken.bytes_of(&["put", "large", "/kept", "--overwrite"]);
    assert_eq!(broken.bytes_of(&["get", "/kept", "back", "--overwrite"]), FILE_BYTES);
    assert!(fetched() == std::fs::read(broken.cli.path("large")).unwrap());
    let left = std::fs::read_dir(broken.cli.home.path()).unwrap().flatten();
    let parts = left.filter(|entry| entry.file_name().to_string_lossy().contains("part"));
    assert_eq!(parts.count(), 0);
}

#[test]
fn a_get_outlives_the_server_that_is_killed_under_it() {
    let broken = Broken::new();
    broken.bytes_of(&["put", "large", "/kept"]);
    broken.road.allow(BROKEN_AFTER_BYTES);
    let get = broken.start(&["get", "/kept", "back"]);
    broken.road.wait_until_full();
    let Broken { cli, road } = broken;
    let server = Server::start(&cli.server.kill9());
    road.lead_to(server.port());
    road.allow(u64::MAX);
    let before = road.passed();
    assert_eq!(bytes_in(&get.wait_with_output().unwrap()), FILE_BYTES);
    assert!(road.passed() - before <= FILE_BYTES - KEPT_BYTES_MIN + MIB);
    let read = |name: &str| std::fs::read(cli.home.path().join(name)).unwrap();
    assert!(read("back") == read("large"));
}
