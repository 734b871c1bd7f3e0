//! What an operator can set: a flag before the environment, the environment before the file, the
//! file before the default.
//!
//! The file is TOML with the names of the fields of [`Settings`]; the environment has the same
//! names in capitals after `DELENDA_`. A key of the file that is unknown, a value of a wrong type
//! or out of its range is an error that names the key: nothing starts on half a configuration.
//! Other variables of the environment that begin with `DELENDA_` are ignored, since
//! orchestrators set such names by themselves.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config, Environment, File, FileFormat};
use serde::{Deserialize, Serialize};

use crate::archives::ArchiveLimits;
use crate::domain::attach::ATTACH_ENTRIES_MAX;
use crate::domain::organization::DEFAULT_PLAN;
use crate::domain::plans::{
    BATCH_ATTEMPTS_PER_MINUTE, BATCH_DELETIONS_PER_HOUR, PlanLimits, Plans, REQUESTS_MAX,
};
use crate::http::cors::Origins;
use crate::http::state::{HttpSettings, OPERATOR_REQUESTS_PER_MINUTE};
use crate::http::streams::Rhythm;

/// What the names in the environment begin with.
const ENVIRONMENT_PREFIX: &str = "DELENDA";
/// Above this a time-out is a mistake in the unit: one day.
const TIMEOUT_SECONDS_MAX: u64 = 24 * 3600;
/// Entries of an archive by default, and at most: one commit attaches all of them.
const ARCHIVE_ENTRIES_MAX: u64 = ATTACH_ENTRIES_MAX as u64;
/// Unpacked bytes of an archive by default: 10 GiB.
const ARCHIVE_BYTES_MAX: u64 = 10 << 30;
/// By default no archive's files are more than this many times larger than it.
const ARCHIVE_RATIO_MAX: u64 = 200;
/// Threads of either kind at most.
const THREADS_MAX: u64 = 1024;
/// A signed url works for thirty days at most.
const URL_LIFETIME_SECONDS_MAX: u64 = 30 * 24 * 3600;

/// Every setting, with its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The data directory: database, locks, socket. Made where it is absent.
    pub data: PathBuf,
    /// Address and port to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The directory of the blobs, which may lie on another file system; empty: `<data>/blobs`.
    pub blobs: PathBuf,
    /// Scheme and authority that absolute urls begin with, such as `https://files.example.org`;
    /// empty: the `Host` of each request.
    pub public_url: String,
    /// Origins whose pages may read answers in a browser, with commas between them; `*`: all;
    /// empty: none. What a dialect's contract opens to all is open in any case.
    pub cors_origins: String,
    /// Whether ids of other organizations are reported as missing, where a contract would name
    /// them.
    pub strict_isolation: bool,
    /// Seconds that a dialect which answers when bytes are gone waits for that.
    pub bytes_gone_wait_seconds: u64,
    /// Seconds for which a signed url works.
    pub signed_url_lifetime_seconds: u64,
    /// Seconds for which the plan of a dry run can be committed.
    pub plan_lifetime_seconds: u64,
    /// Bytes of one upload at most.
    pub upload_bytes_max: u64,
    /// Files and folders of one archive that is unpacked at most.
    pub archive_entries_max: u64,
    /// Bytes of all files of such an archive together at most, and of the archive itself.
    pub archive_bytes_max: u64,
    /// How many times larger than the archive its files together may be.
    pub archive_ratio_max: u64,
    /// Connections at the same time at most; further ones wait to be accepted.
    pub connections_max: u64,
    /// Seconds that a client has to send the head of a request; of the first one, from the
    /// beginning of the connection.
    pub header_timeout_seconds: u64,
    /// Seconds that a connection may stay open between two requests.
    pub idle_timeout_seconds: u64,
    /// Seconds that a client may be silent while it sends a body, or takes an answer; and that a
    /// body may come more slowly than the next setting says.
    pub body_timeout_seconds: u64,
    /// Bytes a second below which a body uses up those seconds. The default lies below what the
    /// slowest links that carry files at all can do.
    pub body_bytes_per_second_min: u64,
    /// Seconds that open requests have to end once the server was told to stop.
    pub drain_timeout_seconds: u64,
    /// Accepted batch deletions of one organization in an hour, where its plan says nothing.
    pub batch_deletions_per_hour: u32,
    /// Attempts at batch deletions of one organization in a minute, accepted or not, where its
    /// plan says nothing.
    pub batch_attempts_per_minute: u32,
    /// Requests of operator keys that name no organization, all together, in a rolling minute.
    pub operator_requests_per_minute: u32,
    /// Seconds between two sweeps for uploads that never ended.
    pub sweep_interval_seconds: u64,
    /// Threads that run requests; 0: one for each processor.
    pub worker_threads: u64,
    /// Threads for calls that block, such as those to the disk.
    pub blocking_threads_max: u64,
    /// Whether anybody may read `GET /metrics`; else operator keys, and whoever asks from this
    /// machine without a proxy in between.
    pub metrics_public: bool,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or directives by module.
    pub log: String,
    /// The plans of organizations, by name. In the file only: `[plans.NAME]`.
    pub plans: BTreeMap<String, PlanLimits>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./delenda-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            blobs: PathBuf::new(),
            public_url: String::new(),
            cors_origins: String::new(),
            strict_isolation: false,
            bytes_gone_wait_seconds: 10,
            signed_url_lifetime_seconds: 3600,
            plan_lifetime_seconds: 3600,
            upload_bytes_max: 5 << 40,
            archive_entries_max: ARCHIVE_ENTRIES_MAX,
            archive_bytes_max: ARCHIVE_BYTES_MAX,
            archive_ratio_max: ARCHIVE_RATIO_MAX,
            connections_max: 4096,
            header_timeout_seconds: 25,
            idle_timeout_seconds: 75,
            body_timeout_seconds: 25,
            body_bytes_per_second_min: 256,
            drain_timeout_seconds: 8,
            batch_deletions_per_hour: BATCH_DELETIONS_PER_HOUR,
            batch_attempts_per_minute: BATCH_ATTEMPTS_PER_MINUTE,
            operator_requests_per_minute: OPERATOR_REQUESTS_PER_MINUTE,
            sweep_interval_seconds: 600,
            worker_threads: 0,
            blocking_threads_max: 32,
            metrics_public: false,
            log: "info,refinery_core=warn".to_owned(),
            plans: BTreeMap::new(),
        }
    }
}

/// What the command line says; `None`: nothing.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<SocketAddr>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file or the environment cannot be read as settings.
    #[error("configuration: {0}")]
    Unreadable(String),
    /// A value is out of its range.
    #[error("configuration: `{key}` {problem}")]
    OutOfRange {
        /// The key.
        key: String,
        /// What is wrong with its value.
        problem: String,
    },
}

impl Settings {
    /// Reads flags, `environment` and file, and checks what they say.
    pub fn load(
        flags: Flags,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let mut builder = Config::builder();
        if let Some(file) = &flags.config {
            builder = builder.add_source(File::from(file.as_path()).format(FileFormat::Toml));
        }
        let read = builder
            .add_source(Environment::default().try_parsing(true).source(Some(known(environment)?)))
            .build()
            .and_then(Config::try_deserialize::<Self>);
        let mut settings = read.map_err(|error| SettingsError::Unreadable(one_line(&error)))?;
        if let Some(data) = flags.data {
            settings.data = data;
        }
        if let Some(listen) = flags.listen {
            settings.listen = listen;
        }
        settings.check()?;
        Ok(settings)
    }

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
            operator_requests_per_minute: self.operator_requests_per_minute,
        }
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

    fn check(&self) -> Result<(), SettingsError> {
        let timeouts = 1..=TIMEOUT_SECONDS_MAX;
        for (key, value, range) in [
            ("bytes_gone_wait_seconds", self.bytes_gone_wait_seconds, timeouts.clone()),
            (
                "signed_url_lifetime_seconds",
                self.signed_url_lifetime_seconds,
                1..=URL_LIFETIME_SECONDS_MAX,
            ),
            ("plan_lifetime_seconds", self.plan_lifetime_seconds, timeouts.clone()),
            ("upload_bytes_max", self.upload_bytes_max, 1..=i64::MAX.unsigned_abs()),
            ("archive_entries_max", self.archive_entries_max, 1..=ARCHIVE_ENTRIES_MAX),
            ("archive_bytes_max", self.archive_bytes_max, 1..=i64::MAX.unsigned_abs()),
            ("archive_ratio_max", self.archive_ratio_max, 1..=1_000_000),
            ("connections_max", self.connections_max, 1..=1_000_000),
            ("header_timeout_seconds", self.header_timeout_seconds, timeouts.clone()),
            ("idle_timeout_seconds", self.idle_timeout_seconds, timeouts.clone()),
            ("body_timeout_seconds", self.body_timeout_seconds, timeouts.clone()),
            ("body_bytes_per_second_min", self.body_bytes_per_second_min, 1..=1_000_000),
            ("drain_timeout_seconds", self.drain_timeout_seconds, timeouts.clone()),
            ("batch_deletions_per_hour", self.batch_deletions_per_hour.into(), 1..=REQUESTS_MAX),
            ("batch_attempts_per_minute", self.batch_attempts_per_minute.into(), 1..=REQUESTS_MAX),
            (
                "operator_requests_per_minute",
                self.operator_requests_per_minute.into(),
                1..=REQUESTS_MAX,
            ),
            ("sweep_interval_seconds", self.sweep_interval_seconds, timeouts),
            ("worker_threads", self.worker_threads, 0..=THREADS_MAX),
            ("blocking_threads_max", self.blocking_threads_max, 1..=THREADS_MAX),
        ] {
            if !range.contains(&value) {
                let (least, most) = range.into_inner();
                let problem = format!("is {value}, and must lie between {least} and {most}");
                return Err(SettingsError::OutOfRange { key: key.to_owned(), problem });
            }
        }
        if self.data == Path::new("") {
            let problem = "must not be empty".to_owned();
            return Err(SettingsError::OutOfRange { key: "data".to_owned(), problem });
        }
        for (name, plan) in &self.plans {
            let checked = plan.check(name);
            checked.map_err(|(key, problem)| SettingsError::OutOfRange { key, problem })?;
        }
        if let Err(wrong) = Origins::parse(&self.cors_origins) {
            let problem = format!("has `{wrong}`, which is no origin such as https://a.example");
            return Err(SettingsError::OutOfRange { key: "cors_origins".to_owned(), problem });
        }
        check_public_url(&self.public_url)
    }
}

fn check_public_url(url: &str) -> Result<(), SettingsError> {
    let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let authority = authority.map(|rest| rest.trim_end_matches('/'));
    let plain = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    };
    if url.is_empty() || authority.is_some_and(plain) {
        return Ok(());
    }
    let problem = "must be http:// or https://, a host, and perhaps a port".to_owned();
    Err(SettingsError::OutOfRange { key: "public_url".to_owned(), problem })
}

/// The variables that name a setting, under the setting's own name.
fn known(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<HashMap<String, String>, SettingsError> {
    let keys = keys();
    let mut found = HashMap::new();
    for (name, value) in environment {
        let Some(name) = name.to_str() else { continue };
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX).and_then(|n| n.strip_prefix('_'))
        else {
            continue;
        };
        let Some(key) = keys.iter().find(|known| known.to_ascii_uppercase() == key) else {
            continue;
        };
        let value = value.into_string().map_err(|_| {
            SettingsError::Unreadable(format!("the variable {name} is not valid UTF-8"))
        })?;
        found.insert(key.clone(), value);
    }
    Ok(found)
}

fn keys() -> Vec<String> {
    let defaults = serde_json::to_value(Settings::default()).expect("plain fields can be written");
    let fields = defaults.as_object().expect("settings have fields");
    // A table has no form in the environment.
    let single = fields.iter().filter(|(_, value)| !value.is_object());
    single.map(|(key, _)| key.clone()).collect()
}

fn one_line(error: &config::ConfigError) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.trim_matches('|').is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("delenda.toml");
        std::fs::write(&file, toml).unwrap();
        let flags = Flags { config: Some(file), ..Flags::default() };
        load_with(flags, environment)
    }

    fn load_with(flags: Flags, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let environment =
            environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Settings::load(flags, environment).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_said_gives_the_defaults() {
        assert_eq!(load_with(Flags::default(), &[]).unwrap(), Settings::default());
        assert_eq!(Settings::default().blobs_directory(), Path::new("./delenda-data/blobs"));
    }

    #[test]
    fn a_flag_goes_before_the_environment_and_that_before_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("any-name");
        let text = "listen = '0.0.0.0:1'\ndata = '/file'\nupload_bytes_max = 7\nlog = 'warn'";
        std::fs::write(&file, text).unwrap();
        let flags = Flags { config: Some(file), data: Some("/flag".into()), listen: None };
        let environment =
            [("DELENDA_DATA", "/variable"), ("DELENDA_LISTEN", "[::1]:2"), ("DELENDA_LOG", "1")];
        let settings = load_with(flags, &environment).unwrap();
        assert_eq!(settings.data, Path::new("/flag"));
        assert_eq!(settings.listen, "[::1]:2".parse().unwrap());
        assert_eq!(settings.upload_bytes_max, 7);
        assert_eq!(settings.log, "1");
    }

    #[test]
    fn a_wrong_value_is_an_error_that_names_its_key_in_one_line() {
        for (toml, key) in [
            ("lissen = '1'", "lissen"),
            ("strict_isolation = 'perhaps'", "strict_isolation"),
            ("connections_max = 0", "connections_max"),
            ("archive_entries_max = 10001", "archive_entries_max"),
            ("connections_max = -1", "connections_max"),
            ("header_timeout_seconds = 86401", "header_timeout_seconds"),
            ("batch_deletions_per_hour = 0", "batch_deletions_per_hour"),
            ("upload_bytes_max = 'big'", "upload_bytes_max"),
            ("public_url = 'files.example.org'", "public_url"),
            ("public_url = 'https://a.example/path'", "public_url"),
            ("cors_origins = 'a.example'", "cors_origins"),
            ("body_bytes_per_second_min = 0", "body_bytes_per_second_min"),
            ("data = ''", "data"),
            ("listen = '8080'", "listen"),
            ("log = [", "log"),
            ("[plans.gold]\nquota = 1", "quota"),
            ("[plans.gold]\nrequests_per_minute = 0", "plans.gold.requests_per_minute"),
            ("[plans.gold]\nbatch_deletions_per_hour = 1000001", "plans.gold.batch_deletions"),
            ("[plans.gold]\nbatch_attempts_per_minute = 0", "plans.gold.batch_attempts_per"),
            ("[plans.gold]\nquota_bytes = -1", "quota_bytes"),
            ("[plans.gold]\nquota_files = 'many'", "quota_files"),
            ("[plans.gold]\nbacklog_bytes_max = -1", "backlog_bytes_max"),
            ("[plans.gold]\nguard_files_max = -1", "guard_files_max"),
            ("[plans.gold]\nguard_share_max = 101", "plans.gold.guard_share_max"),
            ("[plans.gold]\nmedia_types = ['image']", "plans.gold.media_types"),
            ("[plans.gold]\nmedia_types = ['*/*']", "plans.gold.media_types"),
            ("[plans.'two words']", "plans.two words"),
            ("plans = 1", "plans"),
        ] {
            let error = load(toml, &[]).unwrap_err();
            assert!(error.contains(key), "{toml}: {error}");
            assert!(!error.contains('\n'), "{toml}: {error}");
        }
    }

    #[test]
    fn a_plan_says_what_differs_from_the_settings() {
        let settings = load(
            "batch_deletions_per_hour = 20\n\
             [plans.gold]\nquota_bytes = 1000\nmedia_types = ['image/*']\n\
             [plans.silver_2]\nbatch_deletions_per_hour = 3\nrequests_per_minute = 60",
            &[("DELENDA_PLANS", "{}")],
        );
        let plans = settings.unwrap().plans();
        assert_eq!(plans.names().collect::<Vec<_>>(), ["default", "gold", "silver_2"]);
        let of = |name| plans.get(name).unwrap();
        assert_eq!(of("default").batch_deletions_per_hour(), 20);
        assert_eq!(of("default").batch_attempts_per_minute(), 600);
        assert!(!of("default").limit_storage());
        assert_eq!((of("gold").quota_bytes, of("gold").quota_files), (Some(1000), None));
        assert_eq!(of("gold").media_types, ["image/*"]);
        assert_eq!(of("gold").batch_deletions_per_hour(), 20);
        assert_eq!(of("silver_2").batch_deletions_per_hour(), 3);
        assert_eq!(of("silver_2").requests_per_minute, Some(60));
        let own_default = load("[plans.default]\nquota_files = 1", &[]).unwrap().plans();
        assert_eq!(own_default.get("default").unwrap().quota_files, Some(1));
    }

    #[test]
    fn the_environment_is_read_as_strictly_as_the_file() {
        let error = load("", &[("DELENDA_CONNECTIONS_MAX", "many")]).unwrap_err();
        assert!(error.contains("connections_max"), "{error}");
        let settings = load("", &[("DELENDA_STRICT_ISOLATION", "true")]).unwrap();
        assert!(settings.strict_isolation);
    }

    #[test]
    fn variables_that_name_no_setting_are_ignored() {
        let environment = [("DELENDA_PORT", "tcp://10.0.0.1:80"), ("LISTEN", "x"), ("delenda", "")];
        assert_eq!(load("", &environment).unwrap(), Settings::default());
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let flags = Flags { config: Some("/nowhere/delenda.toml".into()), ..Flags::default() };
        assert!(load_with(flags, &[]).unwrap_err().contains("/nowhere/delenda.toml"));
    }

    #[test]
    fn the_public_url_loses_its_slash_and_may_be_absent() {
        let settings = load("public_url = 'https://a.example:8443/'", &[]).unwrap();
        assert_eq!(settings.http().public_url.as_deref(), Some("https://a.example:8443"));
        assert_eq!(Settings::default().http().public_url, None);
    }
}
