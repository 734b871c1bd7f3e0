//! Waiting for what goes on behind the answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Client;

const WAIT_MAX: Duration = Duration::from_secs(60);
const POLL_PERIOD: Duration = Duration::from_millis(20);

impl Client {
    /// The result of a batch deletion, once it has one.
    pub async fn sirv_result(&self, job: &str) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.sirv_progress(job).await.unwrap().expect(200).json();
            if answer["progress"] == 100 {
                return answer["result"].clone();
            }
            assert!(answer.get("result").is_none(), "a result before the end: {answer}");
            assert!(begun.elapsed() < WAIT_MAX, "{job} stays at {answer}");
            tokio::time::sleep(POLL_PERIOD).await;
        }
    }

    /// The usage, once every byte of what was deleted is gone.
    pub async fn settled_usage(&self) -> Value {
        let (begun, nothing) = (Instant::now(), json!({ "files": 0, "bytes": 0 }));
        loop {
            let usage = self.usage().await.unwrap().expect(200).json();
            if usage["doomed"] == nothing && usage["condemned"] == nothing {
                return usage;
            }
            assert!(begun.elapsed() < WAIT_MAX, "not settled: {usage}");
            tokio::time::sleep(POLL_PERIOD).await;
        }
    }
}
