//! The command line as a client, from outside: the real binary against the real server.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::Cli;
use crate::harness::cli::tree;
use crate::harness::server::{delenda, run, text};

const WAIT_MAX: Duration = Duration::from_secs(60);
const POLL_PERIOD: Duration = Duration::from_millis(50);

#[test]
fn a_tree_that_is_put_comes_back_byte_for_byte_and_a_second_put_passes_it_over() {
    let cli = Cli::new();
    let source = cli.make_tree("tree");
    let sums = cli.json(0, &["put", "tree", "/kept"]).pop().unwrap();
    assert_eq!((&sums["done"], &sums["failed"]), (&5.into(), &0.into()), "{sums}");
    assert_eq!(cli.listed("/kept").len(), 5 + 4);

    let again = cli.json(0, &["put", "tree", "/kept"]).pop().unwrap();
    assert_eq!((&again["done"], &again["bytes"]), (&0.into(), &0.into()), "{again}");
    let told = cli.code(0, &["put", "tree", "/kept"]);
    assert!(told.contains("there already with the same size"), "{told}");

    cli.code(0, &["get", "-R", "/kept", "back"]);
    assert_eq!(tree(&cli.path("back")), tree(&source));
    let sums = cli.json(0, &["get", "-R", "/kept", "back"]).pop().unwrap();
    assert_eq!((&sums["done"], &sums["there"]), (&0.into(), &5.into()), "{sums}");
    let one = cli.run(&["get", "/kept/deep/-n", "-"]);
    assert_eq!(one.stdout, std::fs::read(source.join("deep/-n")).unwrap());
}

#[test]
fn what_is_there_with_another_size_is_refused_and_replaced_only_on_demand() {
    let cli = Cli::new();
    std::fs::write(cli.path("a"), "long").unwrap();
    cli.code(0, &["put", "a", "/a"]);
    std::fs::write(cli.path("a"), "no").unwrap();
    std::fs::write(cli.path("b"), "b").unwrap();
    cli.code(1, &["put", "a", "/a"]);
    let lines = cli.json(3, &["put", "a", "b", "/"]);
    let outcome = |path: &str| {
        let line = lines.iter().find(|line| line["path"] == path).unwrap();
        line["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!((outcome("/a"), outcome("/b")), ("failed".to_owned(), "done".to_owned()));
    assert_eq!(text(&cli.run(&["get", "/a", "-"]).stdout), "long");
    cli.code(0, &["put", "--overwrite", "a", "/a"]);
    assert_eq!(text(&cli.run(&["get", "/a", "-"]).stdout), "no");
    std::fs::write(cli.path("a"), "mine").unwrap();
    cli.code(1, &["get", "/a", "a"]);
    cli.code(0, &["get", "--overwrite", "/a", "a"]);
    assert_eq!(std::fs::read_to_string(cli.path("a")).unwrap(), "no");
}

#[test]
fn links_are_not_followed_and_the_rest_is_stored() {
    let cli = Cli::new();
    std::fs::create_dir(cli.path("t")).unwrap();
    std::fs::write(cli.path("t/file"), "1").unwrap();
    std::fs::write(cli.path("outside"), "2").unwrap();
    symlink(cli.path("outside"), cli.path("t/link")).unwrap();
    symlink(cli.home.path(), cli.path("t/up")).unwrap();
    let sums = cli.json(0, &["put", "t", "/t"]).pop().unwrap();
    assert_eq!((&sums["done"], &sums["passed"]), (&1.into(), &2.into()));
    assert_eq!(cli.listed("/t"), ["/t/file"]);
}

#[test]
fn a_dry_run_tells_what_a_deletion_then_takes() {
    let cli = Cli::new();
    cli.make_tree("tree");
    cli.code(0, &["put", "tree", "/kept/tree"]);
    let shown = cli.json(0, &["rm", "--dry-run", "/kept/tree", "/none"]);
    assert_eq!(shown.len(), 1);
    let would = shown[0]["would_delete"].clone();
    assert_eq!((&would["files"], &would["folders"]), (&5.into(), &5.into()), "{would}");
    assert_eq!(cli.listed("/kept").len(), 10);

    let lines = cli.json(3, &["rm", "--yes", "/kept/tree", "/none"]);
    assert_eq!((&lines[0]["would_delete"], &lines[1]["doomed"]), (&would, &would));
    assert_eq!(lines[1]["missing"], 1);
    assert_eq!(cli.listed("/kept"), Vec::<String>::new());

    let id = lines[1]["id"].as_str().unwrap();
    let record = cli.json(0, &["deletions", "watch", id]);
    let settled = record.iter().find(|line| line["id"] == id).unwrap();
    assert_eq!((&settled["state"], &settled["percent"]), (&"settled".into(), &100.into()));
    assert_eq!(cli.json(0, &["deletions", "list"])[0]["id"], id);
    assert_eq!(cli.json(0, &["deletions", "show", id])[0]["doomed"], would);
    assert_eq!(cli.json(0, &["audit"])[0]["deletion"], id);
    let usage = cli.json(0, &["usage"]).pop().unwrap();
    assert_eq!((&usage["live"]["files"], &usage["settled"]["files"]), (&0.into(), &5.into()));
}

#[test]
fn nothing_is_deleted_unasked_or_in_part_where_all_or_nothing_is_wanted() {
    let cli = Cli::new();
    std::fs::write(cli.path("a"), "a").unwrap();
    for remote in ["/f/a", "/f/b", "/f/c"] {
        cli.code(0, &["put", "a", remote]);
    }
    // Nobody sits before a terminal, and nobody said yes.
    cli.code(1, &["rm", "/f/a"]);
    cli.code(1, &["rm", "--yes", "/none"]);
    cli.code(1, &["rm", "--yes", "--atomic", "/f/a", "/none"]);
    cli.code(0, &["lock", "/f/b"]);
    cli.code(1, &["rm", "--yes", "--atomic", "/f"]);
    assert_eq!(cli.listed("/f"), ["/f/a", "/f/b", "/f/c"]);

    let told = cli.code(0, &["rm", "--dry-run", "/f"]);
    assert!(told.contains("/f/b"), "the locked one is named: {told}");
    let output = cli.run(&["rm", "--yes", "/f"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert_eq!(cli.listed("/f"), ["/f/b"]);
    cli.code(0, &["unlock", "/f/b"]);
    cli.code(0, &["rm", "--yes", "--no-wait", "--atomic", "/f"]);
    cli.code(1, &["ls", "/f"]);
}

#[test]
fn an_entry_is_deleted_by_its_id_and_outputs_by_their_command() {
    let cli = Cli::new();
    std::fs::write(cli.path("a"), "a").unwrap();
    cli.code(0, &["put", "a", "/a"]);
    let id = cli.json(0, &["stat", "/a"])[0]["id"].as_str().unwrap().to_owned();
    cli.code(0, &["mv", "/a", "/elsewhere/"]);
    let lines = cli.json(0, &["rm", "--yes", "--id", &id]);
    assert_eq!(lines[1]["doomed"]["files"], 1);
    cli.code(1, &["stat", "/elsewhere/a"]);
    cli.code(1, &["rm", "--yes", "--command", &id]);
}

#[test]
fn entries_are_made_moved_copied_tagged_and_locked_by_their_paths() {
    let cli = Cli::new();
    cli.make_tree("tree");
    cli.code(0, &["mkdir", "/x/y", "/x/z"]);
    assert_eq!(cli.listed("/x"), ["/x/y", "/x/z"]);
    cli.code(0, &["put", "tree", "/x/y/"]);
    cli.code(0, &["cp", "-R", "/x/y/tree", "/copy"]);
    cli.code(0, &["get", "-R", "/copy", "copied"]);
    assert_eq!(tree(&cli.path("copied")), tree(&cli.path("tree")));
    cli.code(1, &["cp", "/x/y/tree", "/other"]);
    cli.code(1, &["cp", "-R", "/x", "/x/y/z"]);
    cli.code(0, &["cp", "/copy/b.txt", "/x/"]);
    cli.code(0, &["mv", "/x/b.txt", "/x/c.txt"]);
    cli.code(1, &["mv", "/x/c.txt", "/copy/a"]);
    cli.code(1, &["mv", "/none", "/x/none"]);

    cli.code(0, &["tag", "/x/c.txt", "--add", "red", "--add", "blue"]);
    cli.code(0, &["tag", "/x/c.txt", "--remove", "red"]);
    let entry = |path: &str| cli.json(0, &["stat", path]).pop().unwrap();
    assert_eq!(entry("/x/c.txt")["tags"], serde_json::json!(["blue"]));
    cli.code(0, &["tag", "/x/c.txt", "--clear"]);
    assert_eq!(entry("/x/c.txt")["tags"], serde_json::json!([]));
    cli.code(0, &["lock", "/x/c.txt"]);
    assert_eq!(entry("/x/c.txt")["locked"], true);
    cli.code(1, &["mv", "/x/c.txt", "/x/d.txt"]);
    cli.code(3, &["lock", "/x/c.txt", "/none"]);
    let long = cli.code(0, &["ls", "-l", "/x"]);
    assert!(long.lines().any(|line| line.starts_with('L') && line.ends_with("c.txt")), "{long}");
    assert_eq!(cli.code(0, &["ls", "/x"]), "c.txt\ny/\nz/\n");
    assert_eq!(cli.code(0, &["ls", "/x/c.txt"]), "/x/c.txt\n");
}

#[test]
fn each_way_to_fail_has_its_code() {
    let cli = Cli::new();
    for usage in [
        &["ls", "relative"][..],
        &["rm"],
        &["tag", "/a"],
        &["put", "/only"],
        &["put", "not-there", "/a"],
        &["ls", "--url", "localhost", "/"],
        &["ls", "--profile", "none"],
    ] {
        cli.code(2, usage);
    }
    cli.code(1, &["ls", "/none"]);
    cli.code(1, &["get", "/none"]);
    cli.code(1, &["deletions", "show", "none"]);
    let refused = cli.run_with("ffsk_wrong", &["usage"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert!(!text(&refused.stderr).contains("ffsk_wrong"));
    cli.code(4, &["ls", "--url", "http://127.0.0.1:1"]);
    let elsewhere = format!("{}/elsewhere", cli.server.base());
    assert_ne!(cli.run(&["usage", "--url", &elsewhere]).status.code(), Some(0));
}

#[test]
fn an_interrupted_put_says_how_to_go_on_and_leaves_no_half_a_file() {
    let cli = Cli::new();
    std::fs::create_dir(cli.path("t")).unwrap();
    std::fs::write(cli.path("t/a"), "a").unwrap();
    // It takes longer to store than anybody waits.
    let endless = std::fs::File::create(cli.path("t/z")).unwrap();
    endless.set_len(4 << 30).unwrap();
    let mut command = delenda(&["put", "t", "/t"]);
    command.env("DELENDA_URL", cli.server.base()).env("DELENDA_KEY", &cli.client.key);
    command.current_dir(cli.home.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let begun = Instant::now();
    while cli.run(&["stat", "/t/a"]).status.code() != Some(0) {
        assert!(begun.elapsed() < WAIT_MAX, "the small file is not stored");
        std::thread::sleep(POLL_PERIOD);
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("the same command again"), "{told}");
    assert_eq!(cli.listed("/t"), ["/t/a"]);
    endless.set_len(3).unwrap();
    cli.code(0, &["put", "t", "/t"]);
    assert_eq!(cli.listed("/t"), ["/t/a", "/t/z"]);
}

#[test]
fn a_profile_names_server_key_and_organization() {
    let cli = Cli::new();
    let directory = cli.path(".config/delenda");
    std::fs::create_dir_all(&directory).unwrap();
    let operator = cli.server.cli(&["key", "create", "--operator"]);
    let profiles = format!(
        "[profiles.default]\nurl = '{url}'\nkey = '{key}'\n\
         [profiles.operator]\nurl = '{url}'\nkey = '{operator}'\norganization = '{organization}'\n",
        url = cli.server.base(),
        key = cli.client.key,
        operator = operator["key"].as_str().unwrap(),
        organization = cli.organization,
    );
    std::fs::write(directory.join("config.toml"), profiles).unwrap();
    let usage = |more: &[&str]| {
        let mut command = delenda(&["usage", "--json"]);
        command.args(more).env("HOME", cli.home.path()).env_remove("XDG_CONFIG_HOME");
        command.env_remove("DELENDA_URL").env_remove("DELENDA_KEY").output().unwrap()
    };
    let mine = usage(&[]);
    assert!(mine.status.success(), "{}", text(&mine.stderr));
    assert_eq!(usage(&["--profile", "operator"]).stdout, mine.stdout);
    assert_eq!(usage(&["--key", "ffsk_other"]).status.code(), Some(1));
}

#[test]
fn the_doctor_finds_a_sound_server_sound_and_an_open_directory_ill() {
    let cli = Cli::new();
    let data = cli.path("data");
    let data = data.to_str().unwrap();
    let failing = |output: &Output| -> Vec<String> {
        let lines = text(&output.stdout);
        let found = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let failing = found.filter(|finding| finding["level"] == "fail");
        failing.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
    };
    let beside = run(&["doctor", "--data", data, "--json"]);
    assert_eq!((beside.status.code(), failing(&beside)), (Some(0), vec![]));
    let Cli { home, server, .. } = cli;
    server.terminate();
    let alone = run(&["doctor", "--data", data, "--json"]);
    assert_eq!((alone.status.code(), failing(&alone)), (Some(0), vec![]));
    assert!(text(&alone.stdout).contains("sync of the database"));

    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(home.path().join("data/blobs"), home.path().join("elsewhere")).unwrap();
    let ill = run(&["doctor", "--data", data, "--json"]);
    let found = vec!["data directory".to_owned(), "blobs".to_owned()];
    assert_eq!((ill.status.code(), failing(&ill)), (Some(1), found));
    std::fs::write(home.path().join("bad.toml"), "listen = 1").unwrap();
    let config = home.path().join("bad.toml");
    let ill = run(&["doctor", "--data", data, "--json", "--config", config.to_str().unwrap()]);
    assert!(failing(&ill).contains(&"configuration".to_owned()));
}

#[test]
fn shells_complete_it_and_every_command_has_a_page() {
    let home = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("deletions"), "{shell}");
    }
    let pages = home.path().join("man");
    assert!(run(&["man", pages.to_str().unwrap()]).status.success());
    for page in ["delenda.1", "delenda-rm.1", "delenda-deletions-watch.1"] {
        assert!(std::fs::read_to_string(pages.join(page)).unwrap().contains("delenda"), "{page}");
    }
}
