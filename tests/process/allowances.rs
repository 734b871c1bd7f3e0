//! What a customer can count is counted in the ledger, and outlives the process.

use tempfile::TempDir;

use crate::harness::Server;

const BATCHES_PER_HOUR: usize = 10;

#[tokio::test]
async fn the_eleventh_batch_in_an_hour_is_refused_also_after_a_restart() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let server = Server::start(&data);
    let one = server.member("one").client;
    let refused = one.sirv_delete(&[]).await.unwrap();
    assert_eq!(refused.status, 400, "a refused request is not counted");
    for _ in 0..BATCHES_PER_HOUR - 4 {
        one.sirv_delete(&["/absent"]).await.unwrap().expect(200);
    }
    server.kill9();

    let server = Server::start(&data);
    let one = server.again(&one);
    for _ in BATCHES_PER_HOUR - 4..BATCHES_PER_HOUR {
        one.sirv_delete(&["/absent"]).await.unwrap().expect(200);
    }
    let eleventh = one.sirv_delete(&["/absent"]).await.unwrap().expect(429);
    assert_eq!(eleventh.json()["statusCode"], 429);
    let message = eleventh.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Rate limit exceeded. Too many requests."), "{message}");
    let wait: u64 = eleventh.header("retry-after").unwrap().parse().unwrap();
    assert!((3400..=3600).contains(&wait), "the oldest of ten leaves in {wait} s");
    server.terminate();

    let server = Server::start(&data);
    let one = server.again(&one);
    one.sirv_delete(&["/absent"]).await.unwrap().expect(429);
    let other = server.member("other").client;
    other.sirv_delete(&["/absent"]).await.unwrap().expect(200);
    server.terminate();
}
