use std::ffi::OsString;
use std::path::Path;

use super::{Flags, Settings};
use crate::domain::webhooks::Schedule;

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
        ("connections_max = 0.5", "connections_max"),
        ("connections_max = 2.0", "connections_max"),
        ("connections_max = true", "connections_max"),
        ("connections_max = 'yes'", "connections_max"),
        ("connections_max = []", "connections_max"),
        ("batch_attempts_per_minute = 1e3", "batch_attempts_per_minute"),
        ("header_timeout_seconds = 86401", "header_timeout_seconds"),
        ("batch_deletions_per_hour = 0", "batch_deletions_per_hour"),
        ("upload_bytes_max = 'big'", "upload_bytes_max"),
        ("public_url = 'files.example.org'", "public_url"),
        ("public_url = 'https://a.example/path'", "public_url"),
        ("cors_origins = 'a.example'", "cors_origins"),
        ("body_bytes_per_second_min = 0", "body_bytes_per_second_min"),
        ("webhook_networks = 'localhost'", "webhook_networks"),
        ("webhook_networks = '10.0.0.0/33'", "webhook_networks"),
        ("webhook_retry_seconds = ''", "webhook_retry_seconds"),
        ("webhook_retry_seconds = '5,0'", "webhook_retry_seconds"),
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
        ("[plans.gold]\nquota_files = 0.5", "plans.gold.quota_files"),
        ("[plans.gold]\nguard_share_max = 99.5", "plans.gold.guard_share_max"),
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
    let error = load("", &[("DELENDA_CONNECTIONS_MAX", "0.5")]).unwrap_err();
    assert!(error.contains("`connections_max` is 0.5, and must be a whole number"), "{error}");
    let settings = load("", &[("DELENDA_CONNECTIONS_MAX", "2")]).unwrap();
    assert_eq!(settings.connections_max, 2);
    let settings = load("", &[("DELENDA_STRICT_ISOLATION", "true")]).unwrap();
    assert!(settings.strict_isolation);
}

#[test]
fn webhooks_reach_what_is_listed_and_are_tried_as_often_as_is_said() {
    let settings = load(
        "webhook_retry_seconds = '1,2'",
        &[("DELENDA_WEBHOOK_NETWORKS", "127.0.0.1,10.0.0.0/8")],
    );
    let settings = settings.unwrap();
    assert!(settings.http().egress.allows([10, 1, 2, 3].into()));
    assert!(!settings.http().egress.allows([127, 0, 0, 2].into()));
    assert_eq!(settings.webhook_schedule(), Schedule::parse("1,2").unwrap());
    let usual = load("", &[("DELENDA_WEBHOOK_RETRY_SECONDS", "7")]).unwrap();
    assert_eq!(usual.webhook_schedule(), Schedule::parse("7").unwrap());
    assert!(!usual.egress().allows([127, 0, 0, 1].into()));
    assert_eq!(Settings::default().webhook_schedule(), Schedule::default());
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
