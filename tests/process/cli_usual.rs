//! What users of a command line take for granted: pipes, odd trees, links, a server that is away.

use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use crate::harness::Cli;
use crate::harness::server::text;

#[test]
fn standard_input_is_stored_and_a_file_is_written_to_standard_output() {
    let cli = Cli::new();
    let mut put = cli.command(&["put", "-", "/piped"]);
    let mut put = put.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let content: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    put.stdin.take().unwrap().write_all(&content).unwrap();
    assert!(put.wait_with_output().unwrap().status.success());
    let got = cli.run(&["get", "/piped", "-"]);
    assert!(got.status.success() && got.stdout == content);
    // Nothing is replaced unasked, and one stream is one file.
    cli.code(1, &["put", "-", "/piped"]);
    cli.code(2, &["put", "-", "/folder/"]);
    cli.code(2, &["put", "-", "other", "/folder/"]);
    cli.code(0, &["put", "-", "/piped", "--overwrite"]);
    assert!(cli.run(&["get", "/piped", "-"]).stdout.is_empty());
}

#[test]
fn a_reader_that_goes_away_ends_a_list_without_a_word() {
    let cli = Cli::new();
    for number in 0..300 {
        let directory = cli.path("many");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{number:0200}")), "").unwrap();
    }
    cli.code(0, &["put", "many", "/many"]);
    let mut list = cli.command(&["ls", "-l", "/many"]);
    let mut list = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    list.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = list.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
}

#[test]
fn what_cannot_be_stored_is_named_and_the_rest_is_stored() {
    let cli = Cli::new();
    let tree = cli.make_tree("tree");
    symlink("/etc", tree.join("link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        tree.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    std::fs::write(tree.join("bad\nname"), "").unwrap();
    std::fs::write(tree.join("closed"), "secret").unwrap();
    std::fs::set_permissions(tree.join("closed"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let output = cli.run(&["put", "tree", "/t"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{out}{err}");
    assert!(out.contains("2 passed over"), "{out}");
    for named in ["link: passed over", "pipe: passed over", "cannot be stored"] {
        assert!(err.contains(named), "{named}: {err}");
    }
    // Root reads everything.
    let is_root = rustix::process::geteuid().is_root();
    assert_eq!(err.contains("closed"), !is_root, "{err}");
    let files = if is_root { 6 } else { 5 };
    let listed = cli.json(0, &["ls", "-R", "/t"]);
    assert_eq!(listed.iter().filter(|entry| entry["kind"] == "file").count(), files);
}

#[test]
fn a_folder_that_is_fetched_is_written_into_its_target_alone() {
    let cli = Cli::new();
    let tree = cli.make_tree("tree");
    cli.code(0, &["put", "tree", "/t"]);
    std::fs::create_dir_all(cli.path("back")).unwrap();
    std::fs::create_dir_all(cli.path("outside")).unwrap();
    symlink(cli.path("outside"), cli.path("back/deep")).unwrap();
    std::fs::write(cli.path("victim"), "stays").unwrap();
    symlink(cli.path("victim"), cli.path("back/b.txt")).unwrap();
    let output = cli.run(&["get", "-R", "/t", "back", "--overwrite"]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains("a link is not written through"), "{err}");
    assert_eq!(std::fs::read_dir(cli.path("outside")).unwrap().count(), 0);
    // A link where a file goes is replaced, and what it led to is not.
    assert_eq!(std::fs::read_to_string(cli.path("victim")).unwrap(), "stays");
    assert_eq!(std::fs::read(cli.path("back/b.txt")).unwrap(), b"b");
    assert!(std::fs::symlink_metadata(cli.path("back/b.txt")).unwrap().is_file());
    assert!(tree.is_dir());
}

#[test]
fn a_server_that_is_away_is_one_line_and_a_code_of_its_own() {
    let cli = Cli::new();
    cli.make_tree("tree");
    for arguments in [
        &["ls"][..],
        &["put", "tree", "/t"],
        &["get", "/t"],
        &["rm", "/t", "--yes"],
        &["usage", "--json"],
        &["deletions", "list"],
    ] {
        let mut command = cli.command(arguments);
        let output = command.env("DELENDA_URL", "http://127.0.0.1:1").output().unwrap();
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {err}");
        assert!(err.lines().count() == 1 && err.contains("refused"), "{arguments:?}: {err}");
    }
}

#[test]
fn lists_of_deletions_and_of_the_trail_come_whole_over_many_pages() {
    let cli = Cli::new();
    cli.make_tree("tree");
    for number in 0..105 {
        let path = format!("/t{number}");
        cli.code(0, &["mkdir", &path]);
        cli.code(0, &["rm", "--yes", "--no-wait", &path]);
    }
    let deletions = cli.json(0, &["deletions", "list", "--limit", "104"]);
    assert_eq!(deletions.len(), 104);
    // A page of the trail has a hundred.
    assert_eq!(cli.json(0, &["audit"]).len(), 105);
    assert_eq!(cli.json(0, &["audit", "--limit", "101"]).len(), 101);
}

#[test]
fn sizes_are_told_as_people_say_them_where_that_is_asked_for() {
    let cli = Cli::new();
    std::fs::write(cli.path("large"), vec![0; 1_500_000]).unwrap();
    cli.code(0, &["put", "large", "/large"]);
    assert!(cli.code(0, &["ls", "-lh", "/"]).contains(" 1.50 MB "));
    assert!(cli.code(0, &["ls", "-l", "/"]).contains(" 1500000 "));
    assert!(cli.code(0, &["ls", "--help"]).contains("--human"));
}

#[test]
fn a_profile_that_others_can_read_is_warned_of() {
    let cli = Cli::new();
    let directory = cli.path(".config/delenda");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("config.toml");
    let (url, key) = (cli.server.base(), &cli.client.key);
    std::fs::write(&file, format!("[profiles.default]\nurl = '{url}'\nkey = '{key}'\n")).unwrap();
    let warned = |mode: u32| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut command = cli.command(&["usage"]);
        let output = command.env_remove("DELENDA_URL").env_remove("DELENDA_KEY").output().unwrap();
        assert!(output.status.success());
        text(&output.stderr).contains("chmod 600")
    };
    assert!(warned(0o644) && warned(0o640) && !warned(0o600) && !warned(0o400));
}

#[test]
fn documents_and_recordings_name_only_options_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for document in ["docs/cli.md", "docs/recordings/put-and-rm.txt"] {
        let document = std::fs::read_to_string(root.join(document)).unwrap();
        for line in document.lines() {
            let line = line.trim_start_matches("$ ");
            let Some(words) = line.strip_prefix("delenda ") else { continue };
            let words: Vec<&str> = words.split_whitespace().collect();
            let help = crate::harness::server::run(&[words[0], "--help"]);
            let help = text(&help.stdout);
            assert!(help.contains("Usage: delenda"), "{line}: there is no such command");
            for option in words.iter().filter(|word| word.starts_with("--")) {
                seen += 1;
                assert!(help.contains(*option), "{line}: {option} is no option of it");
            }
        }
    }
    assert!(seen > 3, "{seen} options were looked for");
}
