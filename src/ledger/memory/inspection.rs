//! The model's rules, checked on its own rows.

use async_trait::async_trait;

use super::{Holdings, MemoryLedger, State};
use crate::domain::blob::BlobKey;
use crate::domain::usage::Tally;
use crate::ledger::{InspectLedger, Inspection, LedgerError, Standing};

impl State {
    fn inspect(&self) -> Inspection {
        let mut blobs: Vec<(BlobKey, Option<u64>, Standing)> = Vec::new();
        let mut disagreements = Vec::new();
        for (number, holdings) in &self.organizations {
            let files = holdings.files.values().map(|file| (file.blob, file.content.size));
            let doomed = holdings.deletions.values().flat_map(|deletion| &deletion.doomed);
            let stored = files.chain(doomed.map(|blob| (blob.key, blob.size)));
            blobs.extend(stored.map(|(key, size)| (key, Some(size), Standing::Stored)));
            if !self.whole_usage(*number).is_conserved() {
                disagreements.push(format!("usage of organization {} is off", number.0));
            }
            disagreements.extend(holdings.disagreements());
            disagreements.extend(self.deletion_disagreements(holdings));
        }
        let condemned = self.queue.values().flat_map(|batch| &batch.blobs);
        blobs.extend(condemned.map(|blob| (blob.key, Some(blob.size), Standing::Condemned)));
        blobs.extend(self.intents.keys().map(|key| (*key, None, Standing::Intended)));
        blobs.sort_by_key(|(key, _, _)| *key);
        if blobs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            disagreements.push("a blob is in two places".to_owned());
        }
        Inspection { blobs, disagreements }
    }

    /// What a deletion doomed is purged, on the queue, or waits to be expanded.
    fn deletion_disagreements(&self, holdings: &Holdings) -> Vec<String> {
        let mut disagreements = Vec::new();
        for (id, deletion) in &holdings.deletions {
            let queued = self.queue.values().filter(|batch| batch.deletion == Some(*id));
            let queued: Tally = queued.map(super::purge::Batch::tally).sum();
            let record = &deletion.record;
            let doomed = Tally { files: record.doomed.files, bytes: record.doomed.bytes };
            if doomed != record.purged + queued + deletion.waiting() {
                disagreements.push(format!("counts of deletion {id} are off"));
            }
        }
        disagreements
    }
}

impl Holdings {
    fn disagreements(&self) -> Vec<String> {
        let mut disagreements = Vec::new();
        for (path, file) in &self.files {
            let folder = path.parent().and_then(|parent| self.folders.get(&parent));
            if folder.is_none_or(|row| row.number != file.folder) {
                disagreements.push(format!("file {} lies in no folder", file.id));
            }
            if self.folders.contains_key(path) {
                disagreements.push(format!("file {} is a folder, too", file.id));
            }
        }
        for (path, folder) in &self.folders {
            if path.parent().is_some_and(|parent| !self.folders.contains_key(&parent)) {
                disagreements.push(format!("folder {} lies in no folder", folder.number.0));
            }
        }
        disagreements
    }
}

#[async_trait]
impl InspectLedger for MemoryLedger {
    async fn inspect(&self) -> Result<Inspection, LedgerError> {
        Ok(self.state().inspect())
    }
}
