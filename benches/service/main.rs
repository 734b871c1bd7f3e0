//! How fast the release binary deletes, measured from outside on a disk of its own, beside the
//! targets. Run it with `scripts/bench`.
//!
//! What is compared is measured in the same run, within the same minutes: a durable write costs
//! several times as much when the host is busy.

#[path = "../../tests/process/harness/events.rs"]
mod events;
mod folders;
mod installation;
mod rounds;
mod singles;
mod watched;
mod wire;

use std::path::PathBuf;

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};

use self::installation::{Installation, Place};

/// What is asked on the command line.
struct Options {
    /// A tenth of the sizes.
    quick: bool,
    /// Also the trees of a million files, which take minutes to fill.
    million: bool,
    /// How many files they have.
    files: usize,
    /// Only the measurements of this topic.
    only: Option<String>,
    /// Where the disk's image lies.
    directory: PathBuf,
}

/// One line of the table.
pub struct Line {
    /// What was measured.
    pub what: String,
    /// What came out.
    pub measured: String,
    /// What it should come to.
    pub target: &'static str,
    /// Whether it does.
    pub met: bool,
}

/// A measurement with its installation.
pub struct Bench {
    /// The server.
    pub server: Installation,
    /// Its disk.
    pub place: Place,
    /// Files of the largest tree.
    pub files: usize,
    quick: bool,
    lines: Vec<Line>,
}

impl Bench {
    /// A size, or a tenth of it.
    pub fn size(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }

    /// Prints a line at once, and keeps it for the table.
    pub fn report(&mut self, what: &str, measured: String, target: &'static str, met: bool) {
        println!("  {what}: {measured}");
        self.lines.push(Line { what: what.to_owned(), measured, target, met });
    }
}

fn options() -> anyhow::Result<Options> {
    let directory = std::env::temp_dir();
    let mut options =
        Options { quick: false, million: false, files: 1_000_000, only: None, directory };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // This one cargo adds.
            "--bench" => {}
            "--quick" => options.quick = true,
            "--million" => options.million = true,
            "--files" => {
                options.million = true;
                options.files = arguments.next().unwrap_or_default().parse()?;
            }
            "--only" => options.only = arguments.next(),
            "--directory" => options.directory = arguments.next().unwrap_or_default().into(),
            other => {
                bail!(
                    "unknown argument {other}: --quick, --million, --files N, --only TOPIC, \
                     --directory DIR"
                )
            }
        }
    }
    Ok(options)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let options = options()?;
    let mut terminated = signal(SignalKind::terminate())?;
    // Whoever interrupts it gets the disk unmounted and the server ended all the same.
    tokio::select! {
        measured = measure(&options) => measured,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let place = Place::new(&options.directory)?;
    let server = Installation::start(&place.path().join("data"))?;
    let (quick, files) = (options.quick, options.files);
    let mut bench = Bench { server, place, files, quick, lines: Vec::new() };
    singles::idle_memory(&mut bench)?;
    let wants = |topic| options.only.as_deref().is_none_or(|only| only == topic);
    if wants("singles") {
        singles::uploads_and_single_deletes(&mut bench).await?;
    }
    if wants("ids") {
        singles::many_ids(&mut bench).await?;
    }
    if wants("folder") {
        folders::one_folder(&mut bench).await?;
    }
    if wants("batch") {
        folders::one_batch(&mut bench).await?;
    }
    if options.million && wants("million") {
        folders::a_million(&mut bench).await?;
    }
    if options.million && wants("watch") {
        watched::two_connections(&mut bench).await?;
    }
    println!("\n{:<58} {:>34}  {:<26}", "what", "measured", "target");
    for Line { what, measured, target, met } in &bench.lines {
        let verdict = if *met { "met" } else { "MISSED" };
        println!("{what:<58} {measured:>34}  {target:<26} {verdict}");
    }
    bench.server.stop()
}
