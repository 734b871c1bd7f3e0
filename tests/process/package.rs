//! The Debian package: built from the binary under test, installed, run as the unit runs it,
//! upgraded, removed and purged.
//!
//! All of it happens in a root of its own, an overlay of this machine's that is thrown away, so
//! that nothing is installed here. There is no systemd in it: the test reads the unit's command
//! and user, and starts the command as systemd would, without the sandbox that only systemd makes;
//! of that `systemd-analyze` judges what it would be.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bytes::Bytes;
use reqwest::Method;
use tempfile::TempDir;

use crate::harness::client::Proof;
use crate::harness::disks::must;
use crate::harness::server::{blob_files, text};
use crate::harness::{Client, Server};

const UNIT: &str = "/lib/systemd/system/delenda.service";
const SETTINGS: &str = "/etc/delenda/delenda.toml";
const DATA: &str = "/var/lib/delenda";
/// Tenths of what `systemd-analyze security` calls the exposure; the unit has 1.4.
const EXPOSURE_MAX: &str = "15";

#[tokio::test]
#[ignore = "needs root and dpkg"]
async fn a_package_runs_is_upgraded_and_leaves_what_is_stored_behind() {
    let home = TempDir::new().unwrap();
    let package = build(home.path());
    let root = Root::over(home.path());
    std::fs::copy(&package, root.outside("/delenda.deb")).unwrap();

    root.dpkg("-i");
    check_files(&root);
    check_unit(&root);
    // What the operator writes into the settings stays through all that follows.
    let mut settings = std::fs::read_to_string(root.outside(SETTINGS)).unwrap();
    settings.push_str("listen = \"127.0.0.1:0\"\n");
    std::fs::write(root.outside(SETTINGS), &settings).unwrap();

    let server = root.start_unit();
    let client = Client::new(server.base(), "", &server.first_key());
    let health = client.send(Method::GET, "/healthz", Proof::Nothing).await.unwrap().expect(200);
    assert_eq!(health.text(), "ok");
    client.merple_put("/kept", Bytes::from_static(b"kept")).await.unwrap().expect(201);
    // Root administers the running service through its socket.
    let listed = root.run(&["delenda", "org", "list", "--data", DATA, "--json"]);
    assert!(text(&listed.stdout).contains("\"default\""), "{}", text(&listed.stdout));
    server.terminate();

    root.dpkg("-i");
    assert_eq!(std::fs::read_to_string(root.outside(SETTINGS)).unwrap(), settings);
    let server = root.start_unit();
    let client = server.again(&client);
    assert_eq!(client.merple_get("/kept").await.unwrap().expect(200).body, "kept");
    server.terminate();
    root.run(&["delenda", "verify", "--data", DATA]);

    root.dpkg("-r");
    assert!(!root.outside("/usr/bin/delenda").exists() && root.outside(SETTINGS).exists());
    assert_eq!(blob_files(&root.outside(DATA)).len(), 1);
    let purged = root.dpkg("-P");
    assert!(!root.outside("/etc/delenda").exists());
    assert!(text(&purged.stderr).contains("is kept"), "{}", text(&purged.stderr));
    assert_eq!(blob_files(&root.outside(DATA)).len(), 1);
    root.run(&["getent", "passwd", "delenda"]);

    // Where nothing was ever stored nothing stays.
    std::fs::remove_dir_all(root.outside(DATA)).unwrap();
    root.dpkg("-i");
    root.dpkg("-P");
    assert!(!root.outside(DATA).exists());
}

/// Packs the binary under test; the package.
fn build(directory: &Path) -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_delenda"));
    let target = binary.parent().and_then(Path::parent).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/package");
    let mut command = Command::new(script);
    command.args(["--profile", "dev", "--no-build", "--fast"]).arg(directory);
    must(command.env("CARGO_TARGET_DIR", target));
    let mut found = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    found.find(|path| path.extension().is_some_and(|end| end == "deb")).expect("a package")
}

fn check_files(root: &Root) {
    for (file, mode) in [
        ("/usr/bin/delenda", 0o755),
        (SETTINGS, 0o644),
        (UNIT, 0o644),
        ("/usr/share/man/man1/delenda.1.gz", 0o644),
        ("/usr/share/man/man1/delenda-org-create.1.gz", 0o644),
        ("/usr/share/bash-completion/completions/delenda", 0o644),
        ("/usr/share/zsh/vendor-completions/_delenda", 0o644),
        ("/usr/share/fish/vendor_completions.d/delenda.fish", 0o644),
        ("/usr/share/doc/delenda/copyright", 0o644),
        ("/usr/share/doc/delenda/changelog.Debian.gz", 0o644),
    ] {
        let found = std::fs::metadata(root.outside(file));
        let found = found.unwrap_or_else(|error| panic!("{file}: {error}"));
        let owner = (found.uid(), found.gid(), found.permissions().mode() & 0o7777);
        assert_eq!(owner, (0, 0, mode), "{file}");
    }
    let settings = root.run(&["dpkg-query", "-W", "-f", "${Conffiles}", "delenda"]);
    assert!(text(&settings.stdout).contains(SETTINGS), "{}", text(&settings.stdout));
    let data = std::fs::metadata(root.outside(DATA)).unwrap();
    assert_eq!(data.permissions().mode() & 0o7777, 0o700);
    assert_eq!([data.uid(), data.gid()], ["-u", "-g"].map(|of| root.number(of)));
    assert_ne!(data.uid(), 0);
}

fn check_unit(root: &Root) {
    root.run(&["systemd-analyze", "verify", "--man=no", UNIT]);
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    root.run(&["systemd-analyze", "security", "--offline=true", "--no-pager", &threshold, UNIT]);
    let enabled = root.outside("/etc/systemd/system/multi-user.target.wants/delenda.service");
    assert!(enabled.symlink_metadata().is_ok(), "the unit is not enabled");
}

/// This machine's root, with all changes in memory.
struct Root {
    /// Holds the changes.
    memory: PathBuf,
    merged: PathBuf,
}

impl Root {
    fn over(home: &Path) -> Self {
        let root = Self { memory: home.join("memory"), merged: home.join("root") };
        let [memory, merged] = [&root.memory, &root.merged].map(|path| path.to_str().unwrap());
        for directory in [memory, merged] {
            std::fs::create_dir(directory).unwrap();
        }
        mount(&["-t", "tmpfs", "-o", "size=1g,mode=755", "tmpfs", memory]);
        for directory in ["upper", "work"] {
            std::fs::create_dir(root.memory.join(directory)).unwrap();
        }
        let layers = format!("lowerdir=/,upperdir={memory}/upper,workdir={memory}/work");
        mount(&["-t", "overlay", "-o", &layers, "overlay", merged]);
        mount(&["-t", "proc", "proc", &format!("{merged}/proc")]);
        mount(&["--bind", "/dev", &format!("{merged}/dev")]);
        root
    }

    /// Where a path in it lies for this test.
    fn outside(&self, path: &str) -> PathBuf {
        self.merged.join(path.trim_start_matches('/'))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.merged).args(arguments).stdin(Stdio::null()).env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("LANG", "C.UTF-8");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        must(&mut self.command(arguments))
    }

    fn dpkg(&self, action: &str) -> Output {
        let subject = if action == "-i" { "/delenda.deb" } else { "delenda" };
        self.run(&["dpkg", action, subject])
    }

    /// The number of the service's user or group.
    fn number(&self, of: &str) -> u32 {
        text(&self.run(&["id", of, "delenda"]).stdout).trim().parse().unwrap()
    }

    /// Starts what the installed unit starts: its command, as its user, without any capability,
    /// with its file mode mask.
    fn start_unit(&self) -> Server {
        let unit = std::fs::read_to_string(self.outside(UNIT)).unwrap();
        let setting = |name: &str| {
            let found = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_else(|| panic!("the unit has no {name}"))
        };
        let line = format!(
            "umask {}; exec setpriv --reuid={} --regid={} --clear-groups --no-new-privs \
             --inh-caps=-all --bounding-set=-all {}",
            setting("UMask"),
            setting("User"),
            setting("Group"),
            setting("ExecStart"),
        );
        let started = Server::spawn(self.command(&["sh", "-c", &line]), &self.outside(DATA));
        started.unwrap_or_else(|(status, log)| panic!("{status}: {log}"))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for mounted in [&self.merged, &self.memory] {
            let status = Command::new("umount").arg("--recursive").arg(mounted).status();
            if !status.is_ok_and(|status| status.success()) {
                eprintln!("{} stays mounted", mounted.display());
            }
        }
    }
}

fn mount(arguments: &[&str]) {
    must(Command::new("mount").args(arguments));
}
