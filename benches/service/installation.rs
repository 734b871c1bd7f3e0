//! A server on a disk of its own, and what can be seen of it from outside.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::wire::{Connection, request, request_with};

const DISK_BYTES: u64 = 16 << 30;
/// One inode for so many bytes: the default would run out of them below a million small files.
const BYTES_PER_INODE: &str = "8192";
const UNMOUNT_ATTEMPTS_MAX: u32 = 100;
const SETTLE_MAX: Duration = Duration::from_secs(3600);

/// Where the data lies: a fresh ext4 in a file, where that is possible.
pub struct Place {
    home: tempfile::TempDir,
    mounted: bool,
}

impl Place {
    /// Makes it below `directory`.
    pub fn new(directory: &Path) -> anyhow::Result<Self> {
        let home = tempfile::tempdir_in(directory)?;
        let mount_point = home.path().join("disk");
        std::fs::create_dir(&mount_point)?;
        let mut place = Self { home, mounted: false };
        match place.mount() {
            Ok(()) => println!("file system: a fresh ext4 with a journal, mounted from a file"),
            Err(error) => println!("file system: {} ({error:#})", place.file_system()?),
        }
        Ok(place)
    }

    fn mount(&mut self) -> anyhow::Result<()> {
        ensure!(rustix::process::getuid().is_root(), "no disk of its own without root");
        let image = self.home.path().join("image");
        std::fs::File::create(&image)?.set_len(DISK_BYTES)?;
        succeed(Command::new("mkfs.ext4").args(["-q", "-F", "-i", BYTES_PER_INODE]).arg(&image))?;
        succeed(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(self.path()))?;
        self.mounted = true;
        Ok(())
    }

    fn file_system(&self) -> anyhow::Result<String> {
        let output = Command::new("stat").args(["-f", "-c", "%T"]).arg(self.path()).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The directory.
    pub fn path(&self) -> PathBuf {
        self.home.path().join("disk")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for _ in 0..UNMOUNT_ATTEMPTS_MAX {
            if !self.mounted {
                return;
            }
            self.mounted = succeed(Command::new("umount").arg(self.path())).is_err();
            std::thread::sleep(Duration::from_millis(50));
        }
        eprintln!("{} stays mounted", self.path().display());
    }
}

/// Runs a program to its end.
pub fn succeed(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(output.stdout)
}

/// The release build of the server, running.
pub struct Installation {
    child: Child,
    data: PathBuf,
    pub address: SocketAddr,
}

/// A key with its place in the headers of two doors.
#[derive(Clone)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

impl Key {
    pub fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.secret)
    }

    pub fn merple(&self) -> String {
        format!("x-user-api-key: {}", self.secret)
    }
}

impl Installation {
    /// Starts one with its data here.
    pub fn start(data: &Path) -> anyhow::Result<Self> {
        let config = data.with_extension("toml");
        std::fs::write(&config, "batch_deletions_per_hour = 1000000\n")?;
        let log = std::fs::File::create(data.with_extension("log"))?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_delenda"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--config")
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("piped")?).read_line(&mut line)?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address = address.with_context(|| format!("no address in {line:?}"))?.parse()?;
        Ok(Self { child, data: data.to_owned(), address })
    }

    /// A key of a fresh organization.
    pub fn organization(&self, name: &str) -> anyhow::Result<Key> {
        let organization = self.administer(&["org", "create", name])?;
        let id = organization["id"].as_str().context("an id")?;
        let key = self.administer(&["key", "create", "--org", id])?;
        let part = |name: &str| key[name].as_str().map(str::to_owned).context("a key");
        Ok(Key { id: part("id")?, secret: part("key")? })
    }

    fn administer(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_delenda"));
        command.args(arguments).arg("--data").arg(&self.data).arg("--json");
        Ok(serde_json::from_slice(&succeed(&mut command)?)?)
    }

    /// One request that must succeed; its body as JSON.
    pub async fn ask(&self, request: &[u8]) -> anyhow::Result<Value> {
        let answer = Connection::open(self.address).await?.ask(request).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!((200..300).contains(&answer.status), "{}: {text}", answer.status);
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// The header of a Sirv token.
    pub async fn sirv_header(&self, key: &Key) -> anyhow::Result<String> {
        let body = serde_json::json!({ "clientId": key.id, "clientSecret": key.secret });
        let header = "Content-Type: application/json";
        let request = request_with("POST", "/v2/token", header, body.to_string().as_bytes());
        let token = self.ask(&request).await?;
        Ok(format!("Authorization: Bearer {}", token["token"].as_str().context("a token")?))
    }

    /// Waits until every byte of what the key's organization deleted is gone.
    pub async fn settled(&self, key: &Key) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut connection = Connection::open(self.address).await?;
        let question = request("GET", "/delenda/v1/usage", &key.bearer());
        while begun.elapsed() < SETTLE_MAX {
            let usage: Value = serde_json::from_slice(&connection.ask(&question).await?.body)?;
            if usage["doomed"]["files"] == 0 && usage["condemned"]["files"] == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("not settled within {SETTLE_MAX:?}")
    }

    /// Resident memory in MiB: now, and at most since [`Installation::forget_peak`].
    pub fn memory_mib(&self) -> anyhow::Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
            number.map(|kib| kib / 1024.0).with_context(|| format!("no {name}"))
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// Begins the peak anew.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    /// Stops it and waits.
    pub fn stop(mut self) -> anyhow::Result<()> {
        succeed(Command::new("kill").arg(self.child.id().to_string()))?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // Whether it ended already or is killed now, the disk must become free.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
