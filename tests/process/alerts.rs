//! The rules that `docs/operations.md` gives to whoever watches a server: held by Prometheus itself,
//! against what they must and must not fire at, and against a real server that it scrapes.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::Server;
use crate::harness::client::Proof;
use crate::harness::server::{blob_files, text};

/// Alerts that the file has.
const ALERTS: usize = 11;
const WAIT_MAX: Duration = Duration::from_secs(60);
const POLL_PERIOD: Duration = Duration::from_millis(200);

/// A file beside the rules.
fn rules(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus").join(name)
}

/// A program of Prometheus: from the directory that `scripts/test` names, or from wherever the
/// machine has it.
fn program(name: &str) -> Command {
    Command::new(match std::env::var_os("DELENDA_TEST_PROMETHEUS") {
        Some(directory) => Path::new(&directory).join(name),
        None => PathBuf::from(name),
    })
}

fn promtool(arguments: &[&str], input: Option<&str>) -> Output {
    let mut command = program("promtool");
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("promtool is needed: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, input.unwrap_or_default().as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_content(run: &Output) {
    let said = format!("{}{}", text(&run.stdout), text(&run.stderr));
    assert!(run.status.success() && !said.contains("FAILED"), "{said}");
}

#[test]
fn each_alert_fires_at_what_it_is_for_and_at_nothing_else() {
    assert_content(&promtool(&["check", "rules", rules("alerts.yml").to_str().unwrap()], None));
    let cases = rules("alerts_test.yml");
    assert_content(&promtool(&["test", "rules", cases.to_str().unwrap()], None));
    let cases = std::fs::read_to_string(cases).unwrap();
    let alerts = std::fs::read_to_string(rules("alerts.yml")).unwrap();
    let names: Vec<&str> = alerts.split("alert: ").skip(1).map(line).collect();
    assert_eq!(names.len(), ALERTS);
    for name in names {
        assert!(cases.contains(&format!("alertname: {name}")), "{name} has no case");
    }
}

/// The rest of the line.
fn line(text: &str) -> &str {
    text.lines().next().unwrap().trim()
}

/// A Prometheus that scrapes one server every second.
struct Prometheus {
    child: Child,
    base: String,
}

impl Prometheus {
    fn start(home: &Path, target: &str) -> Self {
        let config = home.join("prometheus.yml");
        let written = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules("alerts.yml")],
            "scrape_configs": [
                { "job_name": "delenda", "static_configs": [{ "targets": [target] }] },
            ],
        });
        std::fs::write(&config, written.to_string()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(home.join("prometheus.log")).unwrap();
        let child = program("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus is needed: {error}"));
        Self { child, base: format!("http://127.0.0.1:{port}") }
    }

    /// The data of an answer; `None` while there is none.
    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}{path}", self.base)).query(query).send().await.ok()?;
        let answer: Value = answer.json().await.ok()?;
        (answer["status"] == "success").then(|| answer["data"].clone())
    }

    /// How many series an expression finds.
    async fn series(&self, expression: &str) -> usize {
        let found = self.ask("/api/v1/query", &[("query", expression)]).await;
        let found = found.unwrap_or_else(|| panic!("{expression} cannot be evaluated"));
        found["result"].as_array().unwrap().len()
    }

    /// Waits until an alert is at least on its way.
    async fn alerts(&self, name: &str) {
        let begun = Instant::now();
        loop {
            let alerts = self.ask("/api/v1/alerts", &[]).await.unwrap_or_default();
            let alerts = alerts["alerts"].as_array().cloned().unwrap_or_default();
            if alerts.iter().any(|alert| alert["labels"]["alertname"] == name) {
                return;
            }
            assert!(begun.elapsed() < WAIT_MAX, "{name} does not see it: {alerts:?}");
            tokio::time::sleep(POLL_PERIOD).await;
        }
    }

    /// The rules, once each of them was evaluated behind a scrape.
    async fn evaluated(&self) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let is_up = self.ask("/api/v1/query", &[("query", "up == 1")]).await;
            let is_up = is_up.is_some_and(|found| found["result"] != json!([]));
            let rules = self.ask("/api/v1/rules", &[]).await.unwrap_or_default();
            let rules = rules["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
            if is_up && !rules.is_empty() && rules.iter().all(|rule| rule["health"] != "unknown") {
                return rules;
            }
            assert!(begun.elapsed() < WAIT_MAX, "nothing is evaluated: {rules:?}");
            tokio::time::sleep(POLL_PERIOD).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // A failing test must not leave a process behind; one that ended already is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What an expression names of ours.
fn metrics_in(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("delenda_"))
}

#[tokio::test]
async fn a_prometheus_scrapes_a_server_and_sees_what_the_alerts_are_about() {
    let home = TempDir::new().unwrap();
    let server = Server::start(&home.path().join("data"));
    let client = server.member("watched").client;
    for path in ["/a/gone", "/b/stuck"] {
        client.merple_put(path, Bytes::from_static(b"content")).await.unwrap().expect(201);
    }
    client.merple_delete("/a/gone").await.unwrap().expect(200);
    client.settled_usage().await;
    // A directory is what no unlink takes away.
    let [blob] = blob_files(&home.path().join("data")).try_into().unwrap();
    let prometheus = Prometheus::start(home.path(), server.host());
    let rules = prometheus.evaluated().await;
    assert_eq!(rules.len(), ALERTS);
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        for metric in metrics_in(rule["query"].as_str().unwrap()) {
            assert!(prometheus.series(metric).await > 0, "nothing of {metric}");
        }
    }
    let requests = "delenda_request_duration_seconds_count";
    for labels in ["status=~\"[1-5]xx\"", "dialect=~\"native|merple\"", "route!=\"\", method!=\"\""]
    {
        let expression = format!("count({requests}{{{labels}}}) == count({requests})");
        assert_eq!(prometheus.series(&expression).await, 1, "{expression}");
    }
    assert_eq!(prometheus.series("delenda_free_bytes{volume=~\"database|blobs\"}").await, 2);

    std::fs::remove_file(&blob).unwrap();
    std::fs::create_dir(&blob).unwrap();
    client.merple_delete("/b/stuck").await.unwrap().expect(200);
    prometheus.alerts("DelendaPurgesFail").await;
    assert_eq!(prometheus.series("delenda_condemned_oldest_age_seconds > 0").await, 1);
    let metrics = client.send(Method::GET, "/metrics", Proof::Nothing).await.unwrap().expect(200);
    assert_content(&promtool(&["check", "metrics"], Some(&metrics.text())));
    server.kill9();
    prometheus.alerts("DelendaDown").await;
}
