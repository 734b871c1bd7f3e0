//! `delenda rm`: what it shows is what it does, also where it goes in steps.

use std::time::Duration;

use serde_json::Value;

use crate::harness::Cli;
use crate::harness::server::text;

/// Ids and commands of one tree below a folder.
struct Tree {
    top: String,
    file: String,
    folder: String,
    command: String,
}

impl Tree {
    /// Files of every kind that a selector can mean, some of them locked.
    fn make(cli: &Cli, number: usize) -> Self {
        let top = format!("/case-{number}");
        cli.code(0, &["put", "local", &top]);
        let id = |path: &str| {
            let entry = cli.json(0, &["stat", &format!("{top}/{path}")]).pop().unwrap();
            entry["id"].as_str().unwrap().to_owned()
        };
        let (file, folder) = (id("b.txt"), id("deep"));
        for path in ["a", "deep/-n"] {
            cli.code(0, &["tag", &format!("{top}/{path}"), "--add", &format!("case-{number}")]);
        }
        cli.code(0, &["lock", &format!("{top}/held/one"), &format!("{top}/kept")]);
        let command = Self::command(cli);
        Self { top, file, folder, command }
    }

    fn command(cli: &Cli) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (http, key) = (reqwest::Client::new(), &cli.client.key);
            let all = format!("{}/delenda/v1/commands", cli.server.base());
            let made = http.post(&all).bearer_auth(key).send().await.unwrap();
            let made: Value = made.json().await.unwrap();
            let id = made["command_id"].as_str().unwrap().to_owned();
            for name in ["one", "two"] {
                let output = http.put(format!("{all}/{id}/outputs/{name}")).bearer_auth(key);
                assert_eq!(output.body("12345").send().await.unwrap().status().as_u16(), 201);
            }
            id
        })
    }

    /// The arguments of a case, where `@` stands for the tree and words in capitals for ids.
    fn arguments(&self, case: &str, number: usize) -> Vec<String> {
        let word = |word: &str| {
            word.replace('@', &self.top)
                .replace("FILE", &self.file)
                .replace("FOLDER", &self.folder)
                .replace("COMMAND", &self.command)
                .replace("TAG", &format!("case-{number}"))
        };
        case.split_whitespace().map(word).collect()
    }
}

/// What `rm` is asked for, in each case of a fresh tree.
const CASES: [&str; 22] = [
    "@/a",
    "@/a @/none @/a",
    "@",
    "@/deep @/deep/-n @/held",
    "@/kept",
    "@/empty/",
    "--id FILE",
    "--id FOLDER @/a",
    "--id none @/b.txt",
    "--command COMMAND",
    "--tag TAG",
    "--prefix @",
    "--prefix @/held",
    "--prefix @ --older-than 1s",
    "--prefix @ --older-than 1d",
    "--tag TAG --prefix @/deep",
    "--tag TAG @/held --id FILE --command COMMAND @/none",
    "--prefix @/deep --id FOLDER --tag TAG",
    "--atomic @/a @/b.txt",
    "--atomic @/a @/held",
    "--atomic @/a @/none",
    "--atomic --prefix @/deep @/a",
];

/// What is left of a tree.
fn left(cli: &Cli, top: &str) -> Vec<String> {
    cli.json(0, &["ls", "-R", top])
        .iter()
        .filter(|entry| entry["kind"] == "file")
        .map(|entry| entry["path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_a_dry_run_shows_is_what_goes() {
    let cli = Cli::new();
    let local = cli.make_tree("local");
    for (directory, file) in [("held", "one"), ("held", "two"), ("kept", "x"), ("kept", "y")] {
        std::fs::create_dir_all(local.join(directory)).unwrap();
        std::fs::write(local.join(directory).join(file), directory).unwrap();
    }
    for (number, case) in CASES.into_iter().enumerate() {
        let tree = Tree::make(&cli, number);
        if case.contains("1s") {
            std::thread::sleep(Duration::from_millis(1500));
        }
        let arguments = tree.arguments(case, number);
        let run = |more: &[&str]| {
            let mut all = vec!["rm", "--json"];
            all.extend(more);
            all.extend(arguments.iter().map(String::as_str));
            let output = cli.run(&all);
            let lines = text(&output.stdout);
            let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
            (output.status.code().unwrap(), lines.collect::<Vec<Value>>())
        };
        let before = left(&cli, &tree.top).len() as u64;
        let (dry, shown) = run(&["--dry-run"]);
        assert_eq!(left(&cli, &tree.top).len() as u64, before, "{case}: a dry run deletes");
        let (code, went) = run(&["--yes"]);
        let after = left(&cli, &tree.top).len() as u64;
        if shown[0].get("refused").is_some() {
            assert_eq!((dry, code, &shown), (1, 1, &went), "{case}");
            assert_eq!(before, after, "{case}");
            continue;
        }
        assert_eq!(dry, 0, "{case}: {shown:?}");
        assert_eq!(shown[0], went[0], "{case}: the same is shown");
        let would = &shown[0]["would_delete"];
        if would["files"] == 0 && would["folders"] == 0 {
            assert_eq!((code, before), (1, after), "{case}");
            continue;
        }
        assert!(code == 0 || code == 3, "{case}: {code}");
        let done = &went[1];
        assert_eq!(&done["doomed"], would, "{case}");
        assert_eq!(&done["missing"], &shown[0]["missing"], "{case}");
        let fate = |item: &Value| {
            ["outcome", "files", "bytes", "folders", "locked"].map(|name| item[name].clone())
        };
        let fates = |items: &Value| items.as_array().unwrap().iter().map(fate).collect::<Vec<_>>();
        assert_eq!(fates(&done["items"]), fates(&shown[0]["items"]), "{case}");
        let outputs = if case.contains("COMMAND") { 2 } else { 0 };
        assert_eq!(before - after + outputs, would["files"].as_u64().unwrap(), "{case}");
        let (_, again) = run(&["--dry-run"]);
        let nothing = again[0].get("refused").is_some() || again[0]["would_delete"]["files"] == 0;
        assert!(nothing, "{case}: {again:?}");
    }
}

#[test]
fn a_filter_of_more_than_one_commit_takes_goes_in_steps_and_not_atomically() {
    const FILES: usize = 10_400;
    let cli = Cli::new();
    std::fs::create_dir_all(cli.path("some")).unwrap();
    for number in 0..FILES / 10 {
        std::fs::write(cli.path("some").join(number.to_string()), "12345").unwrap();
    }
    let sums = cli.json(0, &["put", "some", "/many/0", "--jobs", "32"]).pop().unwrap();
    assert_eq!(sums["done"], FILES / 10, "{sums}");
    for copy in 1..10 {
        cli.code(0, &["cp", "-R", "/many/0", &format!("/many/{copy}")]);
    }
    cli.code(0, &["lock", "/many/3/303"]);
    let refused = cli.run(&["rm", "--prefix", "/many", "--atomic", "--yes"]);
    let told = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains(&FILES.to_string()) && told.contains("without --atomic"), "{told}");
    let shown = cli.json(0, &["rm", "--prefix", "/many", "--dry-run"]).pop().unwrap();
    assert_eq!(
        (&shown["would_delete"]["files"], &shown["goes_in_steps"]),
        (&(FILES - 1).into(), &true.into())
    );
    assert_eq!(left(&cli, "/many").len(), FILES);
    let output = cli.run(&["rm", "--prefix", "/many", "--yes"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{out}{err}");
    assert!(out.contains("deleted 10,399 files (51.99 kB) in all"), "{out}");
    assert!(
        out.contains("all bytes are gone") && err.contains("not deleted: 1 locked"),
        "{out}{err}"
    );
    assert_eq!(left(&cli, "/many"), ["/many/3/303"]);
}

#[test]
fn nothing_is_deleted_without_a_selector_or_as_a_whole() {
    let cli = Cli::new();
    cli.make_tree("tree");
    cli.code(0, &["put", "tree", "/t"]);
    let before = cli.listed("/");
    for (code, arguments) in [
        (2, &["rm"][..]),
        (2, &["rm", "--yes"]),
        (2, &["rm", ""]),
        (2, &["rm", "--yes", "relative"]),
        (2, &["rm", "--yes", "/t/../t"]),
        (1, &["rm", "--yes", "/"]),
        (1, &["rm", "--yes", "/t", "/"]),
        (1, &["rm", "--yes", "--prefix", "/"]),
        // Nobody can be asked.
        (1, &["rm", "/t"]),
    ] {
        cli.code(code, arguments);
    }
    assert_eq!(cli.listed("/"), before);
}
