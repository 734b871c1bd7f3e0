//! Commands and their outputs.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{Holdings, MemoryLedger};
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::command::{Command, CommandReport, Output};
use crate::domain::entry::FileRecord;
use crate::domain::id::{CommandId, EntryId};
use crate::domain::once::{Once, Repeat};
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::{CommandLedger, LedgerError, NewCommand};

/// A command. Its outputs outlive their files.
pub(super) struct CommandRow {
    pub(super) created_at: Timestamp,
    pub(super) report: CommandReport,
    pub(super) closed: bool,
    /// By the key under which the worker stored each.
    pub(super) outputs: BTreeMap<String, OutputRow>,
}

/// One output as it was stored.
pub(super) struct OutputRow {
    pub(super) file: EntryId,
    blob: BlobKey,
    title: String,
}

impl Holdings {
    /// The live files that are outputs of a command, by their own links.
    fn linked(&self, command: CommandId) -> impl Iterator<Item = (&EntryPath, &FileRecord)> {
        self.files.iter().filter(move |(_, file)| file.command == Some(command))
    }

    /// The paths of a command's live outputs.
    pub(super) fn live_outputs(&self, command: CommandId) -> BTreeSet<EntryPath> {
        self.linked(command).map(|(path, _)| path.clone()).collect()
    }

    /// The command, unless one of its live outputs lies outside of what the realm sees.
    pub(super) fn visible_command(&self, realm: &Realm, id: CommandId) -> Option<&CommandRow> {
        let all_seen = self.live_outputs(id).iter().all(|path| realm.sees(path));
        self.commands.get(&id).filter(|_| all_seen)
    }

    /// The command with its outputs, where the realm sees it. Of what is gone it shows only what
    /// the realm sees by the rule of keepsakes.
    pub(super) fn command(&self, realm: &Realm, id: CommandId) -> Option<Command> {
        let row = self.visible_command(realm, id)?;
        let kept = |output: &OutputRow| &self.keepsakes[&(output.file, output.blob)];
        let live = |output: &OutputRow| {
            let mut linked = self.linked(id);
            let live = linked.find(|(_, file)| file.id == output.file).map(|(_, file)| file.blob);
            live.filter(|blob| *blob == output.blob)
        };
        let is_shown = |(_, output): &(&String, &OutputRow)| {
            live(output).is_some() || realm.sees(&kept(output).prefix)
        };
        let output = |(key, output): (&String, &OutputRow)| {
            let kept = kept(output);
            Output {
                key: key.clone(),
                file: output.file,
                title: output.title.clone(),
                size: kept.size,
                content_type: kept.content_type.clone(),
                live: live(output),
            }
        };
        Some(Command {
            id,
            created_at: row.created_at,
            report: row.report.clone(),
            closed: row.closed,
            outputs: row.outputs.iter().filter(is_shown).map(output).collect(),
        })
    }

    pub(super) fn record_output(&mut self, command: CommandId, key: String, file: &FileRecord) {
        let title = file.attributes.title.clone();
        let row = OutputRow { file: file.id, blob: file.blob, title };
        let command = self.commands.get_mut(&command).expect("its absence was refused before");
        let before = command.outputs.insert(key, row);
        if let Some(before) = before.filter(|before| before.file == file.id) {
            self.keepsakes.remove(&(before.file, before.blob));
        }
    }
}

#[async_trait]
impl CommandLedger for MemoryLedger {
    async fn create_command(
        &self,
        realm: &Realm,
        new: NewCommand,
        once: Option<Once>,
        now: Timestamp,
    ) -> Result<Result<(), Repeat>, LedgerError> {
        let (mut state, owner) = (self.state(), Some(realm.organization));
        state.must_stand(realm.organization)?;
        if let Some(repeat) = state.repeat(owner, once.as_ref()) {
            return Ok(Err(repeat));
        }
        state.remember(owner, once.as_ref(), new.id);
        let NewCommand { id, report } = new;
        let row = CommandRow { created_at: now, report, closed: false, outputs: BTreeMap::new() };
        state.holdings_mut(realm.organization).commands.insert(id, row);
        Ok(Ok(()))
    }

    async fn command(&self, realm: &Realm, id: CommandId) -> Result<Option<Command>, LedgerError> {
        Ok(self.state().holdings(realm.organization).command(realm, id))
    }
}
