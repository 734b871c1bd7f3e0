//! What is measured: every metric by its name, its meaning and its buckets, and the recorder that
//! `GET /metrics` renders. `docs/operations.md` says what to do about each.
//!
//! The parts measure through the `metrics` crate, which costs next to nothing where no recorder is
//! installed, as in commands. A server installs one for its process; a test keeps its own. Labels
//! are routes, methods, dialects and classes of status: never a path, an identity or the name of
//! an organization.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio_util::sync::CancellationToken;

use crate::domain::clock::Timestamp;

/// How a metric is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows; begins at zero with the process.
    Counter,
    /// Read when it is asked for.
    Gauge,
    /// Counted in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name, with its unit at the end.
    pub name: &'static str,
    /// How it is counted.
    pub kind: Kind,
    /// What it says, in one line.
    pub text: &'static str,
}

const SECONDS: Kind = Kind::Histogram(&[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
]);
const LONG_SECONDS: Kind = Kind::Histogram(&[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0,
    43_200.0,
]);
const GROUP: Kind = Kind::Histogram(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]);

macro_rules! metrics {
    ($($constant:ident, $name:literal, $kind:expr, $text:literal;)*) => {
        $(
            #[doc = $text]
            pub const $constant: &str = $name;
        )*

        /// Every metric that there is.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: $name, kind: $kind, text: $text },)*];
    };
}

metrics! {
    REQUEST_SECONDS, "delenda_request_duration_seconds", SECONDS,
        "From the head of a request to the head of its answer, by route, method, dialect and status";
    COMMIT_JOBS, "delenda_commit_group_jobs", GROUP,
        "Transactions that one commit made durable together";
    COMMIT_WORK_SECONDS, "delenda_commit_work_duration_seconds", SECONDS,
        "How long the transactions of one commit ran";
    COMMIT_SYNC_SECONDS, "delenda_commit_sync_duration_seconds", SECONDS,
        "How long one commit took to become durable";
    PURGE_LAG_SECONDS, "delenda_purge_lag_seconds", LONG_SECONDS,
        "From the commit of a deletion until a batch of its blobs is durably gone";
    PURGED_BLOBS, "delenda_purge_blobs_removed_total", Kind::Counter,
        "Blobs that are durably gone";
    PURGE_FAILURES, "delenda_purge_blobs_failed_total", Kind::Counter,
        "Tries to remove a blob that failed, each of which is repeated";
    PURGE_RETRIES, "delenda_purge_batches_retried_total", Kind::Counter,
        "Batches that were tried again after a failure";
    WEBHOOKS_DELIVERED, "delenda_webhook_messages_delivered_total", Kind::Counter,
        "Messages to webhooks that arrived";
    WEBHOOK_FAILURES, "delenda_webhook_attempts_failed_total", Kind::Counter,
        "Tries to deliver a message to a webhook that failed";
    WEBHOOKS_DIED, "delenda_webhook_messages_died_total", Kind::Counter,
        "Messages to webhooks that are not tried any more";
    WEBHOOKS_PENDING, "delenda_webhook_messages_pending", Kind::Gauge,
        "Messages that wait to be delivered to webhooks, those that are switched off among them";
    WEBHOOKS_DEAD, "delenda_webhook_messages_dead", Kind::Gauge,
        "Messages to webhooks that are not tried any more, as many as are kept";
    WEBHOOKS_DROPPED, "delenda_webhook_messages_dropped", Kind::Gauge,
        "Messages that were never kept, since too many waited for their webhook";
    OLDEST_WEBHOOK_SECONDS, "delenda_webhook_oldest_age_seconds", Kind::Gauge,
        "How long the oldest message has waited for a webhook that is switched on; 0 where none does";
    LIVE_FILES, "delenda_live_files", Kind::Gauge, "Files that can be read";
    LIVE_BYTES, "delenda_live_bytes", Kind::Gauge, "Bytes of the files that can be read";
    DOOMED_FILES, "delenda_doomed_files", Kind::Gauge,
        "Deleted files that are not on the purge queue yet";
    DOOMED_BYTES, "delenda_doomed_bytes", Kind::Gauge,
        "Bytes of the deleted files that are not on the purge queue yet";
    CONDEMNED_FILES, "delenda_condemned_files", Kind::Gauge,
        "Files on the purge queue; uploads that never ended are not counted";
    CONDEMNED_BYTES, "delenda_condemned_bytes", Kind::Gauge,
        "Bytes on the purge queue; uploads that never ended are not counted";
    CONDEMNED_BATCHES, "delenda_condemned_batches", Kind::Gauge,
        "Batches on the purge queue; counted up to 100,000";
    OLDEST_CONDEMNED_SECONDS, "delenda_condemned_oldest_age_seconds", Kind::Gauge,
        "How long the oldest batch has been on the purge queue; 0 where it is empty";
    EXPANSIONS, "delenda_expansions_waiting", Kind::Gauge,
        "Doomed trees and folders whose files are not on the purge queue yet; up to 100,000";
    OPEN_INTENTS, "delenda_upload_intents_open", Kind::Gauge,
        "Keys for blobs that are recorded and belong to no file yet; up to 100,000";
    UNSETTLED_DELETIONS, "delenda_deletions_unsettled", Kind::Gauge,
        "Deletions of which something is still to be removed, among the first 10,000 of what waits";
    FREE_BYTES, "delenda_free_bytes", Kind::Gauge,
        "Free bytes of the volume of the database, and of that of the blobs";
    BALLAST_SPENT, "delenda_ballast_spent", Kind::Gauge,
        "1 while the reserve for deleting is given up and uploads are refused, else 0";
    RESIDENT_BYTES, "process_resident_memory_bytes", Kind::Gauge, "Memory of the process";
    OPEN_FDS, "process_open_fds", Kind::Gauge, "Open file descriptors of the process";
    START_SECONDS, "process_start_time_seconds", Kind::Gauge,
        "When the process started, in seconds since the Unix epoch";
    UPTIME_SECONDS, "delenda_uptime_seconds", Kind::Gauge, "How long the process has run";
}

/// How often what was recorded is put into its buckets: between two times it takes eight bytes
/// each.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// A recorder of everything that is measured. Clones share it.
#[derive(Clone)]
pub struct Meters {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    started_at: Timestamp,
}

impl Meters {
    /// A recorder of a process that started at this time. Nobody records into it yet.
    pub fn new(started_at: Timestamp) -> Self {
        let mut builder = PrometheusBuilder::new();
        for metric in METRICS {
            if let Kind::Histogram(bounds) = metric.kind {
                let name = Matcher::Full(metric.name.to_owned());
                let bounded = builder.set_buckets_for_metric(name, bounds);
                builder = bounded.expect("every histogram has buckets");
            }
        }
        let recorder = Arc::new(builder.build_recorder());
        metrics::with_local_recorder(&recorder, || METRICS.iter().for_each(describe));
        let handle = recorder.handle();
        Self { recorder, handle, started_at }
    }

    /// Has the whole process record into it; false where another recorder was there before.
    pub fn install(&self) -> bool {
        metrics::set_global_recorder(Arc::clone(&self.recorder)).is_ok()
    }

    /// The recorder, for a test that keeps it to itself.
    pub fn recorder(&self) -> &PrometheusRecorder {
        &self.recorder
    }

    /// Sets gauges by their names, each with the value of its label `volume`, if it has one.
    pub fn set(&self, readings: &[(&'static str, Option<&'static str>, f64)]) {
        metrics::with_local_recorder(&self.recorder, || {
            for (name, volume, value) in readings {
                match volume {
                    Some(volume) => gauge!(*name, "volume" => *volume).set(*value),
                    None => gauge!(*name).set(*value),
                }
            }
        });
    }

    /// What is known of the process itself.
    pub fn process(&self, now: Timestamp) -> Vec<(&'static str, Option<&'static str>, f64)> {
        let mut readings = vec![
            (START_SECONDS, None, float(self.started_at.seconds().unsigned_abs())),
            (UPTIME_SECONDS, None, now.since(self.started_at).as_secs_f64()),
        ];
        readings.extend(resident_bytes().map(|bytes| (RESIDENT_BYTES, None, float(bytes))));
        readings.extend(open_files().map(|files| (OPEN_FDS, None, float(files))));
        readings
    }

    /// Everything, in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Puts what was recorded into buckets, again and again until `stop`.
    pub async fn keep_up(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(UPKEEP_INTERVAL)).await.is_some() {
            self.handle.run_upkeep();
        }
    }
}

/// A count as Prometheus has it. Above 2^53 the last digits are rounded.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float by its format")]
pub fn float(count: u64) -> f64 {
    count as f64
}

fn describe(metric: &Metric) {
    match metric.kind {
        Kind::Counter => {
            describe_counter!(metric.name, metric.text);
            // From the start on there is a zero, without which no growth would be seen.
            counter!(metric.name).increment(0);
        }
        Kind::Gauge => describe_gauge!(metric.name, metric.text),
        Kind::Histogram(_) => describe_histogram!(metric.name, metric.text),
    }
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

fn open_files() -> Option<u64> {
    let files = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(files).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_rendered_with_its_meaning() {
        let meters = Meters::new(Timestamp::from_millis(1_000));
        metrics::with_local_recorder(meters.recorder(), || {
            metrics::histogram!(COMMIT_JOBS).record(3.0);
            counter!(PURGED_BLOBS).increment(2);
        });
        meters.set(&[(FREE_BYTES, Some("blobs"), 7.0), (BALLAST_SPENT, None, 0.0)]);
        let text = meters.render();
        for line in [
            "# TYPE delenda_commit_group_jobs histogram",
            "delenda_commit_group_jobs_bucket{le=\"2\"} 0",
            "delenda_commit_group_jobs_bucket{le=\"4\"} 1",
            "delenda_purge_blobs_removed_total 2",
            "delenda_purge_blobs_failed_total 0",
            "delenda_free_bytes{volume=\"blobs\"} 7",
            "# HELP delenda_ballast_spent 1 while the reserve for deleting is given up and uploads \
             are refused, else 0",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} in {text}");
        }
    }

    #[test]
    fn the_process_knows_itself() {
        let meters = Meters::new(Timestamp::from_millis(1_000));
        let readings = meters.process(Timestamp::from_millis(4_500));
        let of = |name| readings.iter().find(|(known, ..)| *known == name).map(|reading| reading.2);
        assert_eq!((of(START_SECONDS), of(UPTIME_SECONDS)), (Some(1.0), Some(3.5)));
        assert!(of(RESIDENT_BYTES) > Some(1_000_000.0) && of(OPEN_FDS) > Some(2.0));
    }

    #[test]
    fn the_page_of_operations_has_every_metric_and_no_other() {
        let page = include_str!("../docs/operations.md");
        let known = |name: &str| METRICS.iter().any(|metric| metric.name == name);
        for metric in METRICS {
            let row = format!("| `{}` |", metric.name);
            assert!(page.contains(&row), "docs/operations.md has no row for {}", metric.name);
        }
        let words = page.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let named = words.filter(|word| word.starts_with("delenda_") && !word.ends_with("_db"));
        for word in named {
            let plain = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix))
                .filter(|plain| known(plain));
            assert!(known(word) || plain.is_some(), "docs/operations.md names {word}");
        }
    }
}
