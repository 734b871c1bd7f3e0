//! Every setting: its name, default, unit, range and meaning. `docs/configuration.md` is printed
//! from here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::archives::ArchiveLimits;
use crate::domain::attach::ATTACH_ENTRIES_MAX;
use crate::domain::declared::declared;
use crate::domain::organization::DEFAULT_PLAN;
use crate::domain::plans::{
    BATCH_ATTEMPTS_PER_MINUTE, BATCH_DELETIONS_PER_HOUR, PlanLimits, Plans, REQUESTS_MAX,
};
use crate::domain::webhooks::{RETRY_PAUSES_USUAL, Schedule};
use crate::http::cors::Origins;
use crate::http::state::HttpSettings;
use crate::http::streams::Rhythm;
use crate::webhooks::egress::Egress;

/// Above a day a time-out is a mistake in the unit.
const TIMEOUT: RangeInclusive<u64> = 1..=24 * 3600;
/// A number of bytes, as large as the database can count.
const BYTES: RangeInclusive<u64> = 1..=i64::MAX.unsigned_abs();
/// Entries of an archive by default, and at most: one commit attaches all of them.
const ARCHIVE_ENTRIES_MAX: u64 = ATTACH_ENTRIES_MAX as u64;
/// Threads of either kind at most.
const THREADS_MAX: u64 = 1024;
/// A signed url works for thirty days at most.
const URL_LIFETIME_SECONDS_MAX: u64 = 30 * 24 * 3600;

declared! {
    /// Every setting, with its default.
    pub struct Settings {
        data: PathBuf = PathBuf::from("./delenda-data"), "path",
            "The data directory: database, locks, socket. Made where it is absent.";
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)), "address and port",
            "Where to listen. Port 0 picks a free one.";
        blobs: PathBuf = PathBuf::new(), "path",
            "The directory of the bytes, which may lie on another file system. Empty: `blobs` in \
            the data directory.";
        public_url: String = String::new(), "url",
            "Scheme and authority that absolute urls begin with, such as \
            `https://files.example.org`. Empty: the `Host` of each request.";
        cors_origins: String = String::new(), "origins, with commas",
            "Whose pages may read answers in a browser; `*`: all; empty: none. Sirv's routes are \
            open to all in any case, as the product's are.";
        strict_isolation: bool = false, "true or false",
            "Whether ids of other organizations are reported as missing in Templated's answer too, \
            whose contract would name them.";
        bytes_gone_wait_seconds: u64 = 10, "s", [TIMEOUT],
            "How long `RenderIO` and Swiftia wait for the bytes before their 500.";
        signed_url_lifetime_seconds: u64 = 3600, "s", [1..=URL_LIFETIME_SECONDS_MAX],
            "How long a signed url works.";
        plan_lifetime_seconds: u64 = 3600, "s", [TIMEOUT],
            "How long the plan of a dry run can be committed.";
        upload_bytes_max: u64 = 5 << 40, "bytes", [BYTES],
            "Of one upload at most.";
        archive_entries_max: u64 = ARCHIVE_ENTRIES_MAX, "files and folders", [1..=ARCHIVE_ENTRIES_MAX],
            "Of one archive that is unpacked at most: one commit takes them.";
        archive_bytes_max: u64 = 10 << 30, "bytes", [BYTES],
            "Of all files of such an archive together at most, and of the archive itself.";
        archive_ratio_max: u64 = 200, "times", [1..=1_000_000],
            "How much larger than the archive its files together may be.";
        connections_max: u64 = 4096, "connections", [1..=1_000_000],
            "At the same time at most; further ones wait to be accepted.";
        header_timeout_seconds: u64 = 25, "s", [TIMEOUT],
            "For the head of a request; for the first one, from the beginning of the connection.";
        idle_timeout_seconds: u64 = 75, "s", [TIMEOUT],
            "That a connection may stay open between two requests.";
        body_timeout_seconds: u64 = 25, "s", [TIMEOUT],
            "Of silence while a body is sent or an answer taken, and of a body that comes more \
            slowly than `body_bytes_per_second_min`.";
        body_bytes_per_second_min: u64 = 256, "bytes a second", [1..=1_000_000],
            "The pace below which a body uses up those seconds; faster bytes earn them back. The \
            default lies below what the slowest links that carry files at all can do.";
        drain_timeout_seconds: u64 = 8, "s", [TIMEOUT],
            "That requests under way have to end once the server was told to stop.";
        batch_deletions_per_hour: u32 = BATCH_DELETIONS_PER_HOUR, "batches", [1..=REQUESTS_MAX],
            "Accepted Sirv batches of one organization in a rolling hour, where its plan says \
            nothing.";
        batch_attempts_per_minute: u32 = BATCH_ATTEMPTS_PER_MINUTE, "attempts", [1..=REQUESTS_MAX],
            "Sirv batches of one organization in a rolling minute, refused ones included, where \
            its plan says nothing.";
        sweep_interval_seconds: u64 = 600, "s", [TIMEOUT],
            "Between two sweeps for uploads that never ended.";
        worker_threads: u64 = 0, "threads", [0..=THREADS_MAX],
            "That run requests. 0: one for each processor.";
        blocking_threads_max: u64 = 32, "threads", [1..=THREADS_MAX],
            "For calls that block, such as those to the disk.";
        metrics_public: bool = false, "true or false",
            "Whether anybody may read `GET /metrics`; else operator keys may, and whoever asks from \
            this machine without a proxy in between.";
        webhook_networks: String = String::new(), "networks, with commas",
            "That webhooks may connect to although they are not everybody's, such as \
            `10.1.0.0/16,::1`; `*`: everywhere; empty: none.";
        webhook_retry_seconds: String = RETRY_PAUSES_USUAL.to_owned(), "s, with commas",
            "Between the tries to deliver a message to a webhook; after the last of them it is dead.";
        log: String = "info,refinery_core=warn".to_owned(), "level or directives",
            "What goes to standard error: `error`, `warn`, `info`, `debug`, `trace`, or directives \
            by module.";
        +
        /// The plans of organizations, by name. In the file only: `[plans.NAME]`.
        plans: BTreeMap<String, PlanLimits>;
    }
}

impl Settings {
    /// The directory of the blobs.
    pub fn blobs_directory(&self) -> PathBuf {
        if self.blobs == Path::new("") { self.data.join("blobs") } else { self.blobs.clone() }
    }

    /// What the edge needs of all this.
    pub fn http(&self) -> HttpSettings {
        let public_url = self.public_url.trim_end_matches('/');
        HttpSettings {
            public_url: (!public_url.is_empty()).then(|| public_url.to_owned()),
            // Checked when the settings were read; none are allowed where they are wrong.
            cors_origins: Origins::parse(&self.cors_origins).unwrap_or_default(),
            strict_isolation: self.strict_isolation,
            bytes_gone_wait: Duration::from_secs(self.bytes_gone_wait_seconds),
            signed_url_lifetime: Duration::from_secs(self.signed_url_lifetime_seconds),
            plan_lifetime: Duration::from_secs(self.plan_lifetime_seconds),
            matched_files_max: HttpSettings::default().matched_files_max,
            upload_bytes_max: self.upload_bytes_max,
            archives: ArchiveLimits {
                entries_max: self.archive_entries_max,
                bytes_max: self.archive_bytes_max,
                ratio_max: self.archive_ratio_max,
            },
            body_idle_max: Duration::from_secs(self.body_timeout_seconds),
            body_bytes_per_second_min: self.body_bytes_per_second_min,
            rhythm: Rhythm::default(),
            plans: self.plans(),
            metrics_public: self.metrics_public,
            egress: self.egress(),
        }
    }

    /// Where webhooks may connect to.
    pub fn egress(&self) -> Egress {
        // Checked when the settings were read; nothing is added where they are wrong.
        Egress::parse(&self.webhook_networks).unwrap_or_default()
    }

    /// When messages to webhooks are tried again.
    pub fn webhook_schedule(&self) -> Schedule {
        Schedule::parse(&self.webhook_retry_seconds).unwrap_or_default()
    }

    /// The plans that exist, each with what the settings say where it says nothing.
    pub fn plans(&self) -> Plans {
        let mut plans = self.plans.clone();
        plans.entry(DEFAULT_PLAN.to_owned()).or_default();
        for plan in plans.values_mut() {
            plan.batch_deletions_per_hour.get_or_insert(self.batch_deletions_per_hour);
            plan.batch_attempts_per_minute.get_or_insert(self.batch_attempts_per_minute);
        }
        Plans::new(plans)
    }
}
