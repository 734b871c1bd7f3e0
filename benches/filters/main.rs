//! How long filters and fences look at an organization of a million files, and what another
//! organization feels of it: over the SQLite ledger alone, without a server and without bytes.
//! Run it with `cargo bench --bench filters`; `-- --files N` for another size.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use delenda::deletion::plan::plan;
use delenda::deletion::request::{
    Atomicity, DeleteRequest, Door, FoldersPolicy, LockedPolicy, MATCHED_FILES_MAX, MissingPolicy,
    Selector,
};
use delenda::deletion::stored::{Commitment, StoredPlan};
use delenda::domain::attach::{ATTACH_ENTRIES_MAX, Attach, Attachment};
use delenda::domain::blob::{BlobFacts, BlobKey};
use delenda::domain::clock::{Clock, SystemClock, Timestamp};
use delenda::domain::entry::{Attributes, NewVersion, Origin, TagChange};
use delenda::domain::filter::FileFilter;
use delenda::domain::id::{IdSource, KeyId};
use delenda::domain::organization::{DEFAULT_PLAN, Realm};
use delenda::domain::overwrite::Overwrite;
use delenda::domain::path::EntryPath;
use delenda::domain::random::SystemRandom;
use delenda::ledger::sqlite::{Access, SqliteLedger, SqliteSettings};
use delenda::ledger::{Lease, LeaseToken, Ledger, NewOrganization, StepLimits};

const FOLDERS: usize = 1000;
/// One of so many files has the tag and the media type that are looked for.
const RARE: usize = 100;
/// Steps of one filter that are timed; then it is cancelled.
const STEPS_MAX: usize = 200;
const LIFETIME: Duration = Duration::from_hours(1);
const CALM: Duration = Duration::from_secs(3);
/// As the server's.
const STEP: StepLimits = StepLimits {
    duration: Duration::from_millis(20),
    duration_beside_others: Duration::from_millis(1),
    blobs: 8192,
};

/// A ledger with its identities.
struct Ground {
    ledger: Arc<dyn Ledger>,
    ids: Arc<IdSource>,
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl Ground {
    fn open(directory: &Path) -> anyhow::Result<Self> {
        let random = Arc::new(SystemRandom);
        let ids = Arc::new(IdSource::new(Arc::new(SystemClock), random));
        let settings = SqliteSettings {
            file: directory.join("ledger.db"),
            ballast: directory.join("ballast"),
            readers: 4,
            access: Access::ReadWrite,
        };
        let ledger = Arc::new(SqliteLedger::open(&settings, Arc::clone(&ids), &SystemRandom)?);
        Ok(Self { ledger, ids })
    }

    async fn realm(&self) -> anyhow::Result<Realm> {
        let ids = &self.ids;
        let new = NewOrganization {
            id: ids.next(),
            name: "measured".to_owned(),
            plan: DEFAULT_PLAN.to_owned(),
            folders: [ids.next(), ids.next(), ids.next()],
        };
        let made = self.ledger.create_organization(new, None, now()).await?;
        let made = made.ok().context("a new organization")?;
        Ok(Realm::whole(made.number))
    }

    fn version(&self, blob: BlobKey, path: EntryPath, is_rare: bool) -> NewVersion {
        let media_type = if is_rare { "image/png" } else { "text/plain" };
        let attributes = Attributes {
            title: path.name().map_or_else(String::new, |name| name.as_str().to_owned()),
            content_type: media_type.to_owned(),
            tags: if is_rare { vec!["rare".to_owned()] } else { Vec::new() },
            description: None,
            external_id: None,
        };
        NewVersion {
            entry: self.ids.next(),
            path,
            overwrite: Overwrite::Always,
            blob,
            content: BlobFacts { size: 1000, checksum: [7; 32] },
            attributes,
            output_of: None,
            origin: Origin::Ordinary,
        }
    }

    async fn fill(&self, realm: &Realm, files: usize) -> anyhow::Result<()> {
        let numbers: Vec<usize> = (0..files).collect();
        for some in numbers.chunks(ATTACH_ENTRIES_MAX) {
            let blobs = self.ledger.reserve_intents(some.len(), now().plus(LIFETIME)).await?;
            let files = some.iter().zip(blobs).map(|(number, blob)| {
                let path = EntryPath::parse(&path(*number, files))?;
                let version = self.version(blob, path, number % RARE == 0);
                Ok(Attachment { version, source: None })
            });
            let files = files.collect::<anyhow::Result<Vec<_>>>()?;
            let attach = Attach { files, ..Attach::default() };
            let attached = self.ledger.attach(realm, attach, now()).await?;
            ensure!(attached.is_ok(), "{attached:?}");
        }
        Ok(())
    }

    fn request(&self, realm: &Realm, selector: Selector) -> DeleteRequest {
        DeleteRequest {
            id: self.ids.next(),
            realm: realm.clone(),
            key: KeyId::from_bytes([7; 16]),
            door: Door::Native,
            selectors: vec![selector],
            preconditions: Vec::new(),
            atomicity: Atomicity::BestEffort,
            missing: MissingPolicy::Count,
            locked: LockedPolicy::Skip,
            folders: FoldersPolicy::Whole,
            joins_missed: false,
            matched_files_max: MATCHED_FILES_MAX,
            guard: None,
            allowance: None,
            once: None,
            fence: None,
            at: now(),
        }
    }

    fn lease() -> Lease {
        let began_at = now();
        Lease { token: LeaseToken([1; 16]), began_at, expires_at: began_at.plus(LIFETIME) }
    }

    /// Stores files in another organization, one after the other, until it is told to stop: how
    /// long each took, in order of length.
    async fn write_beside(
        &self,
        realm: &Realm,
        stop: &AtomicBool,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut took = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let blob = self.ledger.reserve_intents(1, now().plus(LIFETIME)).await?[0];
            let path = EntryPath::parse(&format!("/beside/{}", took.len()))?;
            let begun = Instant::now();
            let version = self.version(blob, path, false);
            let stored = self.ledger.commit_version(realm, version, now()).await?;
            took.push(begun.elapsed());
            ensure!(stored.is_ok(), "{stored:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.sort_unstable();
        Ok(took)
    }

    /// Looks, commits, and goes on in steps; prints the longest of each.
    async fn one_filter(&self, realm: &Realm, filter: &FileFilter) -> anyhow::Result<String> {
        let request = self.request(realm, Selector::Matching(filter.clone()));
        let begun = Instant::now();
        let preview = self.ledger.preview_deletion(request.clone(), plan).await?;
        let looked = begun.elapsed();
        let Ok(preview) = preview else { bail!("refused") };
        let found = preview.plan.counts.files + preview.plan.beyond.files;
        let begun = Instant::now();
        let committed = self.ledger.commit_deletion(request, plan, Self::lease()).await?;
        let at_once = begun.elapsed();
        let Ok(committed) = committed else { bail!("refused") };
        let (mut steps, mut longest) = (0, Duration::ZERO);
        for _step in 0..STEPS_MAX {
            let begun = Instant::now();
            let step = self.ledger.select_step(None, Self::lease(), STEP, now()).await?;
            if step.served.is_none() {
                break;
            }
            (steps, longest) = (steps + 1, longest.max(begun.elapsed()));
        }
        self.ledger.cancel_deletion(realm, committed.id, None, now()).await?;
        Ok(format!(
            "dry run of {found} files {:.0} ms, commit of {} {:.0} ms, {steps} steps, the longest {:.0} ms",
            milliseconds(looked),
            committed.counts.files,
            milliseconds(at_once),
            milliseconds(longest),
        ))
    }

    /// The widest look of a fence: one file has changed in every folder of a plan.
    async fn one_fence(&self, realm: &Realm, files: usize) -> anyhow::Result<String> {
        let tree = Selector::Path(EntryPath::parse_written("/t")?);
        let request = self.request(realm, tree);
        let Ok(preview) = self.ledger.preview_deletion(request.clone(), plan).await? else {
            bail!("refused")
        };
        let stored = StoredPlan::new(self.ids.next(), &request, &preview, LIFETIME);
        let stored = stored.context("a plan")?;
        self.ledger.store_plan(realm.organization, stored.clone(), None).await?;
        let each = files.div_ceil(FOLDERS);
        for folder in 0..FOLDERS {
            let last = EntryPath::parse_written(&path(folder * each + each - 1, files))?;
            let change = TagChange::Set(vec!["changed".to_owned()]);
            let tagged = self.ledger.change_tags(realm, &last, &change).await?;
            ensure!(tagged.is_ok(), "{tagged:?}");
        }
        let commitment = Commitment {
            id: self.ids.next(),
            organization: realm.organization,
            key: request.key,
            door: Door::Native,
            guard: None,
            once: None,
            at: now(),
        };
        let begun = Instant::now();
        let request = stored.commitment(commitment);
        let committed = self.ledger.commit_deletion(request, plan, Self::lease()).await?;
        let took = begun.elapsed();
        let Ok(committed) = committed else { bail!("refused: {committed:?}") };
        let (went, stayed) = (committed.counts.files, committed.changed.files);
        Ok(format!("{went} files went and {stayed} stayed, commit {:.0} ms", milliseconds(took)))
    }
}

fn path(number: usize, files: usize) -> String {
    format!("/t/{:04}/{number:07}", number / files.div_ceil(FOLDERS))
}

fn filters() -> anyhow::Result<Vec<(&'static str, FileFilter)>> {
    let none = FileFilter::default;
    let beneath = |path: &str| -> anyhow::Result<FileFilter> {
        Ok(FileFilter { prefix: Some(EntryPath::parse(path)?), ..none() })
    };
    let (hour, second) = (Duration::from_hours(1), Duration::from_secs(1));
    Ok(vec![
        ("prefix, one folder", beneath("/t/0500")?),
        ("prefix, nothing", beneath("/elsewhere")?),
        ("tag, one in a hundred", FileFilter { tags: vec!["rare".to_owned()], ..none() }),
        ("tag, nothing", FileFilter { tags: vec!["never".to_owned()], ..none() }),
        (
            "media type, one in a hundred",
            FileFilter { media_type: Some("image/*".to_owned()), ..none() },
        ),
        ("older than an hour, nothing", FileFilter { older_than: Some(hour), ..none() }),
        ("older than a second, all", FileFilter { older_than: Some(second), ..none() }),
        ("prefix, all", beneath("/t")?),
    ])
}

fn felt(took: &[Duration]) -> String {
    let at = |percent: usize| took.get((took.len() - 1) * percent / 100).copied();
    let [p50, p99, most] = [50, 99, 100].map(|percent| at(percent).map_or(0.0, milliseconds));
    format!("p50 {p50:.1}, p99 {p99:.1}, most {most:.1} ms of {}", took.len())
}

/// Does something while another organization writes, and prints what both came to.
async fn beside(
    ground: &Arc<Ground>,
    other: &Realm,
    what: &str,
    work: impl Future<Output = anyhow::Result<String>>,
) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let (writer, realm, ended) = (Arc::clone(ground), other.clone(), Arc::clone(&stop));
    let writing = tokio::spawn(async move { writer.write_beside(&realm, &ended).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let said = work.await;
    stop.store(true, Ordering::Relaxed);
    let took = writing.await??;
    println!("{what}: {}; another organization's writes: {}", said?, felt(&took));
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let files = match arguments.iter().position(|argument| argument == "--files") {
        Some(at) => arguments.get(at + 1).context("--files N")?.parse()?,
        None => 1_000_000,
    };
    let home = tempfile::tempdir()?;
    let ground = Arc::new(Ground::open(home.path())?);
    let (realm, other) = (ground.realm().await?, ground.realm().await?);
    let begun = Instant::now();
    ground.fill(&realm, files).await?;
    println!("{files} files in {FOLDERS} folders, {:.0} s", begun.elapsed().as_secs_f64());
    beside(&ground, &other, "nothing", async {
        tokio::time::sleep(CALM).await;
        Ok(String::new())
    })
    .await?;
    // First, while there are all of the files.
    let fence = ground.realm().await?;
    ground.fill(&fence, files).await?;
    beside(&ground, &other, "the widest fence", ground.one_fence(&fence, files)).await?;
    for (what, filter) in filters()? {
        beside(&ground, &other, what, ground.one_filter(&realm, &filter)).await?;
    }
    Ok(())
}
