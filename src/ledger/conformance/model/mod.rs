//! Two ledgers side by side: random operations, and equal answers and equal states after each.
//!
//! What a caller gives (paths, ids of entries and deletions, times, leases) is the same on both
//! sides. What a ledger draws itself (numbers of folders and batches, sequences, keys of blobs)
//! may differ: a blob is compared by the order in which its key was reserved, a batch by its
//! blobs. A failing run is shrunk to the operations that matter and printed.

mod arrange;
mod drafts;
mod operations;
mod side;
mod together;
mod wishes;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::operations::{Operation, operations};
use self::side::{Given, Side};
use super::Fixture;

/// Operations of one run at most; half of it on average.
const OPERATIONS_MAX: usize = 120;
/// Runs, unless `PROPTEST_CASES` says more.
const RUNS_MIN: u32 = 48;

/// Runs random operations on the ledgers of two fixtures, the same ones at every call.
pub(crate) fn answers_are_equal(one: impl Fn() -> Fixture, other: impl Fn() -> Fixture) {
    let asked = Config::default();
    let is_asked = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if is_asked { asked.cases } else { RUNS_MIN };
    let config = Config { cases, failure_persistence: None, ..asked };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = |operations: Vec<Operation>| {
        runtime.block_on(async { compare(one(), other(), &operations).await })
    };
    match runner.run(&operations(OPERATIONS_MAX), run) {
        Ok(()) => {}
        Err(TestError::Fail(reason, operations)) => panic!("{reason}\n{operations:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

async fn compare(
    one: Fixture,
    other: Fixture,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    let mut given = Given::new();
    let mut one = Side::open(one, &mut given).await;
    let mut other = Side::open(other, &mut given).await;
    for (step, operation) in operations.iter().enumerate() {
        given.prepare();
        let answers = (one.apply(operation, &given).await, other.apply(operation, &given).await);
        given.advance(operation);
        same(step, operation, "answer", answers)?;
        let states = (one.state(&given).await, other.state(&given).await);
        same(step, operation, "state", states)?;
    }
    Ok(())
}

fn same(
    step: usize,
    operation: &Operation,
    what: &str,
    (one, other): (String, String),
) -> Result<(), TestCaseError> {
    if one == other {
        return Ok(());
    }
    let differing = one.lines().zip(other.lines()).find(|(a, b)| a != b);
    let (a, b) = differing.unwrap_or((&one, &other));
    let at = format!("step {step}, {operation:?}: another {what}");
    Err(TestCaseError::fail(format!("{at}\n  one:   {a}\n  other: {b}")))
}
