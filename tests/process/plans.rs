//! Plans of the configuration file, held by the real binary and over its restarts.

use bytes::Bytes;
use futures::future::join_all;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::server::{run, run_json, text, verify};
use crate::harness::{Client, Server};

/// Names of plans in the order in which the refusal of another gives them.
const PLANS: &str = "[plans.gold]\nquota_bytes = 20\nbatch_deletions_per_hour = 2\n\
                     [plans.slow]\nrequests_per_minute = 5\n";

fn bytes(count: usize) -> Bytes {
    Bytes::from(vec![b'x'; count])
}

/// A client that may do everything in a new organization with this plan.
fn member_of(server: &Server, plan: &str) -> Client {
    let made = server.cli(&["org", "create", plan, "--plan", plan]);
    server.client(made["id"].as_str().unwrap(), &["--scopes", "read,write,delete,admin"])
}

async fn live_bytes(client: &Client) -> Value {
    client.usage().await.unwrap().expect(200).json()["live"]["bytes"].clone()
}

#[tokio::test]
async fn a_plan_that_is_not_configured_is_refused_at_org_create_and_at_the_start() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start_configured(&data, PLANS);
    let place = data.to_str().unwrap().to_owned();
    let refused = run(&["org", "create", "one", "--plan", "silver", "--data", &place]);
    assert_eq!(refused.status.code(), Some(1));
    let message = text(&refused.stderr);
    assert!(
        message.contains("no plan 'silver' is configured; there are: default, gold, slow"),
        "{message}"
    );
    member_of(&server, "gold");
    server.terminate();

    let Err((status, log)) = Server::try_start(&data) else { panic!("it starts without the plan") };
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("organizations have plans that are not configured: 'gold'"), "{log}");

    // Commands that need no plan work all the same, and a start with the plan does.
    let all = run_json(&["org", "list", "--data", &place, "--json"]);
    assert!(all.to_string().contains("\"gold\""), "{all}");
    let alone = run(&["org", "create", "two", "--plan", "gold", "--data", &place]);
    assert_eq!(alone.status.code(), Some(1));
    Server::start_configured(&data, PLANS).terminate();
    verify(&data);
}

#[tokio::test]
async fn a_quota_and_what_it_counts_outlive_the_process() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start_configured(&data, PLANS);
    let gold = member_of(&server, "gold");
    gold.merple_put("/a", bytes(12)).await.unwrap().expect(201);
    gold.sirv_delete(&["/none"]).await.unwrap().expect(200);
    server.kill9();

    let server = Server::start_configured(&data, PLANS);
    let gold = server.again(&gold);
    gold.merple_put("/b", bytes(9)).await.unwrap().expect(507);
    gold.merple_put("/b", bytes(8)).await.unwrap().expect(201);
    gold.sirv_put("/c", bytes(1)).await.unwrap().expect(507);
    gold.templated_put("c", bytes(1)).await.unwrap().expect(507);
    gold.sirv_delete(&["/none"]).await.unwrap().expect(200);
    let third = gold.sirv_delete(&["/none"]).await.unwrap().expect(429);
    assert_eq!(third.header("x-ratelimit-limit"), Some("2"));
    let left = gold.limits().await.unwrap().expect(200).json()["left"].clone();
    assert_eq!(
        (&left["storage"]["bytes"], &left["batch_deletions"]["remaining"]),
        (&0.into(), &0.into())
    );
    gold.merple_delete("/a").await.unwrap().expect(200);
    server.kill9();

    let server = Server::start_configured(&data, PLANS);
    let gold = server.again(&gold);
    gold.sirv_delete(&["/none"]).await.unwrap().expect(429);
    gold.merple_put("/c", bytes(13)).await.unwrap().expect(507);
    gold.merple_put("/c", bytes(12)).await.unwrap().expect(201);
    assert_eq!(live_bytes(&gold).await, 20);
    server.terminate();
    verify(&data);
}

#[tokio::test]
async fn of_uploads_at_once_as_many_are_stored_as_the_quota_has_room_for() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start_configured(&data, PLANS);
    let gold = member_of(&server, "gold");
    let uploads = (0..24).map(|number| {
        let gold = gold.clone();
        async move { gold.merple_put(&format!("/f/{number}"), bytes(3)).await.unwrap().status }
    });
    let statuses = join_all(uploads).await;
    let count = |status| statuses.iter().filter(|answered| **answered == status).count();
    assert_eq!((count(201), count(507)), (6, 18), "{statuses:?}");
    assert_eq!(live_bytes(&gold).await, 18);
    server.terminate();
    verify(&data);
}

#[tokio::test]
async fn accounts_tell_the_plan_and_without_a_quota_the_capacity_of_the_volume() {
    let home = TempDir::new().unwrap();
    let server = Server::start_configured(&home.path().join("data"), PLANS);
    let (free, slow) = (server.member("free").client, member_of(&server, "slow"));
    let storage = free.sirv_account("/storage").await.unwrap().expect(200).json();
    let capacity = storage["plan"].as_f64().unwrap();
    assert!(capacity > 1e6, "{storage}");
    let list = free.swiftia_list().await.unwrap().expect(200).json();
    assert!((list["subSize"].as_f64().unwrap() * 1e6 - capacity).abs() < 1.0, "{list}");
    let account = free.sirv_account("").await.unwrap().expect(200).json();
    assert_eq!((&account["alias"], &account["cdnURL"]), (&"free".into(), &server.host().into()));
    // Five requests in a minute: those of another organization take nothing from them.
    for used in 1..=5 {
        let account = slow.templated_account().await.unwrap().expect(200).json();
        assert_eq!((&account["apiUsage"], &account["plan"]), (&used.into(), &"slow".into()));
    }
    let refused = slow.templated_account().await.unwrap().expect(429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=60).contains(&wait), "the first of five leaves in {wait} s");
    free.templated_account().await.unwrap().expect(200);
    server.terminate();
}
