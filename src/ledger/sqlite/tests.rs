//! The conformance suite over a real database, and what only a real database can get wrong.

use std::sync::Arc;

use super::{Access, SqliteLedger, SqliteSettings};
use crate::domain::random::SystemRandom;
use crate::ledger::conformance::{self, Fixture};

fn settings(dir: &std::path::Path, access: Access) -> SqliteSettings {
    let (file, ballast) = (dir.join("ledger.sqlite"), dir.join("ballast"));
    SqliteSettings { file, ballast, readers: 2, access }
}

fn fixture() -> Fixture {
    Fixture::over(|ids| {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), Access::ReadWrite);
        let ledger = SqliteLedger::open(&settings, ids, &SystemRandom).unwrap();
        (Arc::new(ledger), Some(dir))
    })
}

conformance::suite!(fixture());

#[test]
fn the_database_answers_as_the_model_does() {
    conformance::model::answers_are_equal(fixture, crate::ledger::memory::tests::fixture);
}
