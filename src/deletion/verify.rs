//! Verifying: ledger and blob store are compared, blob by blob. The oracle of every test. Never
//! writes, never repairs.

use std::cmp::Ordering;

use serde::Serialize;

use crate::blobs::{BlobStore, Inventory};
use crate::domain::blob::BlobKey;
use crate::ledger::{Inspection, Ledger, LedgerError, Standing};

/// What the comparison found. Names blobs by their keys, never files by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Blobs that a file needs and the store does not hold.
    pub missing_blobs: Vec<String>,
    /// Blobs of another size than their row says.
    pub wrong_sizes: Vec<String>,
    /// Blobs, and other things in the store, that no row knows.
    pub unknown_blobs: Vec<String>,
    /// Where the ledger disagrees with itself.
    pub disagreements: Vec<String>,
    /// Blobs on the purge queue: no disagreement.
    pub condemned_blobs: u64,
    /// Uploads that have not ended: no disagreement.
    pub open_intents: u64,
    /// Blobs of files, live or in doomed folders.
    pub stored_blobs: u64,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The blob store cannot be listed.
    #[error(transparent)]
    Blobs(#[from] crate::blobs::BlobError),
}

impl Verification {
    /// Whether ledger and store agree.
    pub fn is_clean(&self) -> bool {
        self.missing_blobs.is_empty()
            && self.wrong_sizes.is_empty()
            && self.unknown_blobs.is_empty()
            && self.disagreements.is_empty()
    }
}

/// Compares everything.
pub async fn verify(
    ledger: &dyn Ledger,
    blobs: &dyn BlobStore,
) -> Result<Verification, VerifyError> {
    let inspection = ledger.inspect().await?;
    let inventory = blobs.inventory().await?;
    Ok(compare(inspection, inventory))
}

/// The comparison itself: a merge of two sorted lists.
pub fn compare(inspection: Inspection, inventory: Inventory) -> Verification {
    let mut found = Verification {
        disagreements: inspection.disagreements,
        unknown_blobs: inventory.strangers,
        ..Verification::default()
    };
    let mut stored = inventory.blobs.into_iter().peekable();
    let mut previous: Option<BlobKey> = None;
    for (key, size, standing) in inspection.blobs {
        if previous == Some(key) {
            found.disagreements.push(format!("blob {} is known twice", name(key)));
            continue;
        }
        previous = Some(key);
        match standing {
            Standing::Stored => found.stored_blobs += 1,
            Standing::Condemned => found.condemned_blobs += 1,
            Standing::Intended => found.open_intents += 1,
        }
        while let Some((unknown, _)) = stored.next_if(|(there, _)| *there < key) {
            found.unknown_blobs.push(name(unknown));
        }
        let there = stored.next_if(|(there, _)| there.cmp(&key) == Ordering::Equal);
        match (there, standing) {
            (Some((_, actual)), Standing::Stored) if size != Some(actual) => {
                found.wrong_sizes.push(name(key));
            }
            (None, Standing::Stored) => found.missing_blobs.push(name(key)),
            (Some(_) | None, Standing::Stored | Standing::Condemned | Standing::Intended) => {}
        }
    }
    found.unknown_blobs.extend(stored.map(|(unknown, _)| name(unknown)));
    found
}

fn name(key: BlobKey) -> String {
    format!("{}/{:x}-{}", key.directory(), key.number, key.id.simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::BlobId;

    fn key(number: i64) -> BlobKey {
        BlobKey { number, id: BlobId::from_bytes([7; 16]) }
    }

    #[test]
    fn agreement_is_clean() {
        let inspection = Inspection {
            blobs: vec![
                (key(1), Some(10), Standing::Stored),
                (key(2), Some(10), Standing::Condemned),
                (key(3), None, Standing::Intended),
            ],
            disagreements: Vec::new(),
        };
        let inventory = Inventory { blobs: vec![(key(1), 10)], strangers: Vec::new() };
        let found = compare(inspection, inventory);
        assert!(found.is_clean(), "{found:?}");
        let counts = (found.stored_blobs, found.condemned_blobs, found.open_intents);
        assert_eq!(counts, (1, 1, 1));
    }

    #[test]
    fn each_disagreement_is_found() {
        let inspection = Inspection {
            blobs: vec![
                (key(2), Some(10), Standing::Stored),
                (key(4), Some(10), Standing::Stored),
                (key(4), Some(10), Standing::Condemned),
            ],
            disagreements: Vec::new(),
        };
        let blobs = vec![(key(1), 1), (key(2), 9), (key(5), 1)];
        let found = compare(inspection, Inventory { blobs, strangers: vec!["x".to_owned()] });
        assert_eq!(found.wrong_sizes, [name(key(2))]);
        assert_eq!(found.missing_blobs, [name(key(4))]);
        assert_eq!(found.unknown_blobs, ["x".to_owned(), name(key(1)), name(key(5))]);
        assert_eq!(found.disagreements.len(), 1);
    }
}
