//! Attaching many versions in one transaction: first everything is checked, then everything is
//! written. A refusal after the first write would leave a part of it behind, so there is none.

use async_trait::async_trait;

use super::rows::corrupt;
use super::tree::{Grounds, Way, live_child};
use super::versions::{make_folders, names_below, path_to_depth};
use super::writer::WriteTx;
use super::{SqliteLedger, entries, intents, once, plans, tree, versions};
use crate::domain::attach::{Attach, AttachOnce, AttachRefusal, Attached, CopySource};
use crate::domain::blob::BlobKey;
use crate::domain::clock::Timestamp;
use crate::domain::entry::{FolderNumber, UploadRefusal};
use crate::domain::id::{EntryId, IdSource};
use crate::domain::organization::Realm;
use crate::domain::path::{EntryName, EntryPath};
use crate::domain::plans::Incoming;
use crate::ledger::{AttachLedger, LedgerError};

#[async_trait]
impl AttachLedger for SqliteLedger {
    async fn renew_intents(
        &self,
        blobs: &[BlobKey],
        expires_at: Timestamp,
    ) -> Result<bool, LedgerError> {
        let blobs = blobs.to_vec();
        self.writer()?.run(move |tx| intents::renew(tx, &blobs, expires_at)).await
    }

    async fn attach(
        &self,
        realm: &Realm,
        attach: Attach,
        now: Timestamp,
    ) -> Result<Result<Attached, AttachRefusal>, LedgerError> {
        if let Err(refusal) = attach.check_by_itself() {
            return Ok(Err(refusal));
        }
        let writer = self.writer()?;
        if writer.is_ballast_spent() {
            let first = attach.files.first().map(|file| &file.version.path);
            let path = first.or(attach.folders.first()).cloned().unwrap_or_else(EntryPath::root);
            return Ok(Err(AttachRefusal::Entry(path, UploadRefusal::ReserveSpent)));
        }
        let (realm, ids) = (realm.clone(), self.ids.clone());
        writer
            .run(move |tx| {
                let once = attach.once.as_ref().map(|asked| &asked.once);
                if let Some(repeat) = once::repeat(tx.connection, Some(realm.organization), once)? {
                    return Ok(Err(AttachRefusal::Repeated(repeat)));
                }
                match check(tx, &realm, &attach)? {
                    Err(refusal) => Ok(Err(refusal)),
                    Ok(()) => apply(tx, &ids, &realm, &attach, now).map(Ok),
                }
            })
            .await
    }
}

/// The folders that have to be made for a path: below which one, and their names.
type MissingFolders = (FolderNumber, Vec<EntryName>);

/// Whether all of it can be attached now. Changes nothing.
fn check(
    tx: &WriteTx<'_>,
    realm: &Realm,
    attach: &Attach,
) -> Result<Result<(), AttachRefusal>, LedgerError> {
    let grounds = Grounds::of(tx.connection, realm.organization)?;
    for path in &attach.vacant {
        if is_occupied(tx, grounds, path)? {
            return Ok(Err(AttachRefusal::Occupied(path.clone())));
        }
    }
    for path in &attach.folders {
        if let Err(refusal) = missing_folders(tx, realm, grounds, path)? {
            return Ok(Err(AttachRefusal::Entry(path.clone(), refusal)));
        }
    }
    let mut incoming = Vec::with_capacity(attach.files.len());
    for file in &attach.files {
        match versions::check(tx, realm, &file.version)? {
            Ok(replaces) => incoming.push(Incoming::of(&file.version, replaces)),
            Err(refusal) => {
                return Ok(Err(AttachRefusal::Entry(file.version.path.clone(), refusal)));
            }
        }
    }
    if let Err((place, refusal)) = plans::admit_together(tx, realm.organization, &incoming)? {
        return Ok(Err(AttachRefusal::Entry(attach.files[place].version.path.clone(), refusal)));
    }
    for file in &attach.files {
        if let Some(source) = file.source
            && !is_unchanged(tx, realm, grounds, source)?
        {
            return Ok(Err(AttachRefusal::SourceChanged(file.version.path.clone())));
        }
    }
    for file in &attach.files {
        if !intents::exists(tx, file.version.blob)? {
            let path = file.version.path.clone();
            return Ok(Err(AttachRefusal::Entry(path, UploadRefusal::IntentExpired)));
        }
    }
    Ok(Ok(()))
}

/// Whether anything live lies at a path.
fn is_occupied(tx: &WriteTx<'_>, grounds: Grounds, path: &EntryPath) -> Result<bool, LedgerError> {
    let way = Way::along(tx.connection, grounds.root, path)?;
    let depth = path.names().count();
    match path.name() {
        Some(name) if way.folders.len() == depth => {
            Ok(live_child(tx.connection, way.last(), &name)?.is_some())
        }
        Some(_) | None => Ok(way.folders.len() > depth),
    }
}

fn missing_folders(
    tx: &WriteTx<'_>,
    realm: &Realm,
    grounds: Grounds,
    path: &EntryPath,
) -> Result<Result<MissingFolders, UploadRefusal>, LedgerError> {
    if !realm.sees(path) {
        return Ok(Err(UploadRefusal::OutsidePrefix));
    }
    let way = Way::along(tx.connection, grounds.root, path)?;
    let missing = names_below(path, way.folders.len() - 1);
    if let Some(first) = missing.first()
        && live_child(tx.connection, way.last(), first)?.is_some()
    {
        return Ok(Err(match missing.len() {
            1 => UploadRefusal::Exists,
            _ => UploadRefusal::ParentIsFile(path_to_depth(path, way.folders.len())),
        }));
    }
    Ok(Ok((way.last().record.number, missing)))
}

/// Whether the source of a copy is still there for the realm to see, and the same version.
fn is_unchanged(
    tx: &WriteTx<'_>,
    realm: &Realm,
    grounds: Grounds,
    source: CopySource,
) -> Result<bool, LedgerError> {
    let row = entries::live_row(tx.connection, &grounds, realm.organization, source.entry)?;
    let Some(row) = row else { return Ok(false) };
    Ok(row.blob.key == source.blob && tree::is_seen(tx.connection, realm, &row)?)
}

/// Writes what was checked in the same transaction.
fn apply(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    attach: &Attach,
    now: Timestamp,
) -> Result<Attached, LedgerError> {
    let grounds = Grounds::of(tx.connection, realm.organization)?;
    for path in &attach.folders {
        let missing = missing_folders(tx, realm, grounds, path)?;
        let (deepest, missing) = missing.map_err(|_| refused_late())?;
        make_folders(tx, ids, realm, (deepest, &missing), now)?;
    }
    let mut attached = Attached::default();
    for file in &attach.files {
        let stored = versions::commit_admitted(tx, ids, realm, &file.version, now)?;
        match stored.map_err(|_| refused_late())?.created {
            true => attached.created += 1,
            false => attached.replaced += 1,
        }
    }
    if let Some(AttachOnce { once, made }) = &attach.once
        && let Some(id) = entry_at(tx, grounds, made)?
    {
        once::remember(tx, Some(realm.organization), Some(once), id)?;
    }
    Ok(attached)
}

/// The identity of what lies at a path.
fn entry_at(
    tx: &WriteTx<'_>,
    grounds: Grounds,
    path: &EntryPath,
) -> Result<Option<EntryId>, LedgerError> {
    let way = Way::along(tx.connection, grounds.root, path)?;
    if way.folders.len() > path.names().count() {
        return Ok(Some(way.last().record.id));
    }
    match path.name() {
        Some(name) if way.folders.len() == path.names().count() => {
            Ok(live_child(tx.connection, way.last(), &name)?.map(|row| row.id))
        }
        Some(_) | None => Ok(None),
    }
}

/// An error undoes the transaction, so that even this leaves nothing behind.
fn refused_late() -> LedgerError {
    corrupt("what was checked could not be attached")
}
