//! What outlives files.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{Holdings, MemoryLedger};
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::command::{Command, CommandStatus};
use crate::domain::entry::{FileRecord, Origin};
use crate::domain::id::{CommandId, EntryId};
use crate::domain::keepsake::KnownFile;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::{KeepsakeLedger, LedgerError, Page};

/// What was kept of a version.
pub(super) struct Keepsake {
    origin: Origin,
    pub(super) prefix: EntryPath,
    pub(super) size: u64,
    pub(super) content_type: String,
    created_at: Timestamp,
}

impl Holdings {
    pub(super) fn keep(&mut self, realm: &Realm, origin: Origin, file: &FileRecord) {
        let keepsake = Keepsake {
            origin,
            prefix: realm.prefix.clone(),
            size: file.content.size,
            content_type: file.attributes.content_type.clone(),
            created_at: file.created_at,
        };
        self.keepsakes.insert((file.id, file.blob), keepsake);
    }

    fn keepsakes_of(&self, id: EntryId) -> impl Iterator<Item = (BlobKey, &Keepsake)> {
        let all = self.keepsakes.iter().rev();
        all.filter(move |((file, _), _)| *file == id).map(|((_, blob), kept)| (*blob, kept))
    }

    fn known_file(&self, realm: &Realm, id: EntryId) -> Option<KnownFile> {
        if let Some((path, file)) = self.file_by_id(id) {
            let kept = self.keepsakes_of(id).find(|(blob, _)| *blob == file.blob);
            return realm.sees(path).then(|| KnownFile {
                id,
                origin: kept.map_or(Origin::Ordinary, |(_, kept)| kept.origin),
                size: file.content.size,
                content_type: file.attributes.content_type.clone(),
                created_at: file.created_at,
                live: Some(file.blob),
            });
        }
        let (_, kept) = self.keepsakes_of(id).find(|(_, kept)| realm.sees(&kept.prefix))?;
        Some(KnownFile {
            id,
            origin: kept.origin,
            size: kept.size,
            content_type: kept.content_type.clone(),
            created_at: kept.created_at,
            live: None,
        })
    }
}

fn cut<T>(all: impl Iterator<Item = T>, page: Page) -> Vec<T> {
    let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    all.skip(offset).take(limit).collect()
}

#[async_trait]
impl KeepsakeLedger for MemoryLedger {
    async fn known_file(
        &self,
        realm: &Realm,
        id: EntryId,
    ) -> Result<Option<KnownFile>, LedgerError> {
        Ok(self.state().holdings(realm.organization).known_file(realm, id))
    }

    async fn known_files(&self, realm: &Realm, page: Page) -> Result<Vec<KnownFile>, LedgerError> {
        let state = self.state();
        let holdings = state.holdings(realm.organization);
        let mut ids: BTreeSet<EntryId> = holdings.files.values().map(|file| file.id).collect();
        ids.extend(holdings.keepsakes.keys().map(|(file, _)| *file));
        Ok(cut(ids.into_iter().rev().filter_map(|id| holdings.known_file(realm, id)), page))
    }

    async fn commands(
        &self,
        realm: &Realm,
        status: Option<CommandStatus>,
        page: Page,
    ) -> Result<Vec<Command>, LedgerError> {
        let state = self.state();
        let holdings = state.holdings(realm.organization);
        let ids: Vec<CommandId> = holdings.commands.keys().rev().copied().collect();
        let seen = ids.into_iter().filter_map(|id| holdings.command(realm, id));
        let wanted =
            |command: &Command| status.is_none_or(|status| command.report.status == status);
        Ok(cut(seen.filter(wanted), page))
    }
}
