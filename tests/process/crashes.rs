//! Killed at random moments, again and again.

use std::time::Instant;

use tempfile::TempDir;

use crate::harness::Server;
use crate::harness::server::{blob_files, verify};
use crate::load::{Load, seed};

const KILLS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_answered_survives_a_hundred_kills() {
    let (home, seed) = (TempDir::new().unwrap(), seed());
    let data = home.path().join("data");
    let begun = Instant::now();
    let mut server = Load::start_server(&data);
    let mut load = Load::begin(&server, seed).await;
    for kill in 1..=KILLS {
        load.run(server, |server, _| {
            server.kill9();
        })
        .await;
        let found = verify(&data);
        server = Load::start_server(&data);
        load.check(&server).await;
        if kill % 10 == 0 {
            println!("{kill} kills, {:?}: {}; {found}", begun.elapsed(), load.summary());
        }
    }
    load.end(&server).await;
    let data = Server::terminate(server);
    let found = verify(&data);
    assert_eq!((&found["stored_blobs"], &found["condemned_blobs"]), (&0.into(), &0.into()));
    // Uploads that a kill cut short leave bytes behind, each known by an intent, for the sweep.
    assert!(blob_files(&data).len() as u64 <= found["open_intents"].as_u64().unwrap());
}
