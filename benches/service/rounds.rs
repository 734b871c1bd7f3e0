//! Many requests over some connections, with the time that each took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::wire::Connection;

/// What a round came to.
pub struct Round {
    pub elapsed: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
    /// The bodies of the answers, in the order of the requests.
    pub bodies: Vec<Vec<u8>>,
}

impl Round {
    /// Requests in a second.
    pub fn rate(&self) -> f64 {
        per_second(self.latencies.len(), self.elapsed)
    }

    /// How long so many percent of the requests took at most, in milliseconds.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let last = self.latencies.len() - 1;
        self.latencies[last * percent / 100].as_secs_f64() * 1e3
    }

    /// How many were answered.
    pub fn len(&self) -> usize {
        self.latencies.len()
    }
}

/// How many of something in a second. Counts here are far below the largest that a `u32` holds.
pub fn per_second(count: usize, elapsed: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / elapsed.as_secs_f64()
}

/// What a round asks for.
#[derive(Clone)]
pub struct Plan {
    pub address: SocketAddr,
    pub connections: usize,
    pub requests: usize,
    /// Every answer must have this status.
    pub status: u16,
    /// Ends the round early, once it is set.
    pub stop: Arc<AtomicBool>,
}

impl Plan {
    /// A round that goes to its end.
    pub fn new(address: SocketAddr, connections: usize, requests: usize, status: u16) -> Self {
        Self { address, connections, requests, status, stop: Arc::default() }
    }

    /// Asks for everything, each connection one request at a time.
    pub async fn run(
        &self,
        make: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> anyhow::Result<Round> {
        let (make, next) = (Arc::new(make), Arc::new(AtomicUsize::new(0)));
        let begun = Instant::now();
        let mut tasks = Vec::new();
        for _ in 0..self.connections {
            let (plan, make, next) = (self.clone(), Arc::clone(&make), Arc::clone(&next));
            tasks.push(tokio::spawn(async move { plan.one_connection(&*make, &next).await }));
        }
        let mut answered = Vec::with_capacity(self.requests);
        for task in tasks {
            answered.extend(task.await??);
        }
        let elapsed = begun.elapsed();
        answered.sort_unstable_by_key(|(number, _, _)| *number);
        let mut latencies: Vec<Duration> = answered.iter().map(|(_, took, _)| *took).collect();
        latencies.sort_unstable();
        ensure!(!latencies.is_empty(), "nothing was asked");
        Ok(Round { elapsed, latencies, bodies: answered.into_iter().map(|(_, _, b)| b).collect() })
    }

    async fn one_connection(
        &self,
        make: &(impl Fn(usize) -> Vec<u8> + Send + Sync),
        next: &AtomicUsize,
    ) -> anyhow::Result<Vec<(usize, Duration, Vec<u8>)>> {
        let mut connection = Connection::open(self.address).await?;
        let mut answered = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests {
                break;
            }
            let request = make(number);
            let begun = Instant::now();
            let answer = connection.ask(&request).await.context("the server went away")?;
            let took = begun.elapsed();
            let text = || String::from_utf8_lossy(&answer.body).into_owned();
            ensure!(answer.status == self.status, "{}: {}", answer.status, text());
            answered.push((number, took, answer.body));
        }
        Ok(answered)
    }
}
