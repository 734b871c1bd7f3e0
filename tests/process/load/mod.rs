//! A mixed load whose clients keep account of what they were told, and the comparison of their
//! accounts with what a restarted server shows. Used wherever a server ends without warning.
//!
//! Each worker has files of its own and does one thing at a time, so that whatever has no answer
//! when the server dies is the only thing of which that worker is unsure.

mod account;
mod check;
mod work;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub use self::account::{Account, Standing};
use crate::harness::{Client, Server};

const WORKERS: usize = 8;
/// Batch deletions are not what this load wants to be refused for.
const CONFIGURATION: &str =
    "batch_deletions_per_hour = 1000000\nbatch_attempts_per_minute = 1000000\n";

/// Set just before a disk loses its power: from then on a 5xx is an answer, from which nothing
/// follows. A success counts as before.
pub type Cut = Arc<AtomicBool>;

/// The clients of one organization, and all they know.
pub struct Load {
    client: Client,
    accounts: Vec<Account>,
    locked: String,
    rng: StdRng,
}

impl Load {
    /// Starts a server for a load.
    pub fn start_server(data: &Path) -> Server {
        Server::start_configured(data, CONFIGURATION)
    }

    /// A load without files yet, but for a locked one that nothing may ever delete.
    pub async fn begin(server: &Server, seed: u64) -> Self {
        let client = server.member("load").client;
        let locked = "/locked/for-ever".to_owned();
        client.merple_put(&locked, locked.clone().into()).await.unwrap().expect(201);
        client.sirv_lock(&locked).await.unwrap().expect(200);
        let accounts = (0..WORKERS).map(|worker| Account::new(worker, seed)).collect();
        Self { client, accounts, locked, rng: StdRng::seed_from_u64(seed) }
    }

    /// Lets all workers work for a moment of random length, then calls `end`, which ends the
    /// server, then waits until each worker has noticed.
    pub async fn run(&mut self, server: Server, end: impl FnOnce(Server, &Cut)) {
        self.client = server.again(&self.client);
        let (mut workers, cut) = (Vec::new(), Cut::default());
        for mut account in self.accounts.drain(..) {
            let (client, locked) = (self.client.clone(), self.locked.clone());
            let cut = Arc::clone(&cut);
            workers.push(tokio::spawn(async move {
                account.work(&client, &locked, &cut).await;
                account
            }));
        }
        tokio::time::sleep(Duration::from_millis(self.rng.random_range(20..500))).await;
        end(server, &cut);
        for worker in workers {
            self.accounts.push(worker.await.unwrap());
        }
    }

    /// Everything that was ever reported still holds on this server; whatever was unsure is
    /// looked up, and is as sure as the rest from then on.
    pub async fn check(&mut self, server: &Server) {
        self.client = server.again(&self.client);
        check::everything(&self.client, &mut self.accounts, &self.locked).await;
    }

    /// Deletes all that is left through all doors, waits until the bytes are gone, and expects
    /// the account to come out even.
    pub async fn end(mut self, server: &Server) {
        self.check(server).await;
        check::delete_all(&self.client, &mut self.accounts, &self.locked).await;
        check::drained(&self.client).await;
    }

    /// How much was done, for the log of a test.
    pub fn summary(&self) -> String {
        let pieces = || self.accounts.iter().flat_map(|account| &account.pieces);
        let stored = pieces().filter(|piece| piece.standing == Standing::Stored).count();
        let jobs: usize = self.accounts.iter().map(|account| account.jobs.len()).sum();
        format!("{} uploads, {stored} of them stored, {jobs} batch deletions", pieces().count())
    }
}

/// The seed of a random test: from `DELENDA_SEED`, else fresh; printed either way.
pub fn seed() -> u64 {
    let seed = match std::env::var("DELENDA_SEED") {
        Ok(text) => text.parse().expect("DELENDA_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("DELENDA_SEED={seed}");
    seed
}
