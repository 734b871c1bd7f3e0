//! Uploads that come in pieces: a row for each, beside an intent that outlives the process.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{attributes_text, failed, read_json, signed, unsigned};
use super::writer::WriteTx;
use super::{SqliteLedger, intents, once, plans, versions};
use crate::domain::blob::{BlobFacts, BlobKey};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{Stored, UploadRefusal};
use crate::domain::id::{EntryId, IdSource, UploadId};
use crate::domain::once::Once;
use crate::domain::organization::Realm;
use crate::domain::plans::Incoming;
use crate::domain::upload::PartialUpload;
use crate::ledger::LedgerError;
use crate::ledger::resumable::{
    BeginRefusal, FinishRefusal, GivenUp, NewUpload, PARTIAL_UPLOADS_MAX, ResumableLedger,
};

#[async_trait]
impl ResumableLedger for SqliteLedger {
    async fn begin_upload(
        &self,
        realm: &Realm,
        new: NewUpload,
        once: Option<Once>,
    ) -> Result<Result<PartialUpload, BeginRefusal>, LedgerError> {
        let writer = self.writer()?;
        if writer.is_ballast_spent() {
            return Ok(Err(BeginRefusal::Refused(UploadRefusal::ReserveSpent)));
        }
        let (realm, ids) = (realm.clone(), self.ids.clone());
        writer.run(move |tx| begin(tx, &ids, &realm, &new, once.as_ref())).await
    }

    async fn partial_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        now: Timestamp,
    ) -> Result<Option<PartialUpload>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| find(connection, &realm, id, now)).await
    }

    async fn acknowledge(
        &self,
        realm: &Realm,
        id: UploadId,
        received: u64,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<bool, LedgerError> {
        let realm = realm.clone();
        let work = move |tx: &mut WriteTx<'_>| match open(tx.connection, &realm, id, now)? {
            None => Ok(false),
            Some(upload) => acknowledge(tx, &realm, &upload, (received, expires_at)),
        };
        self.writer()?.run(work).await
    }

    async fn finish_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        content: BlobFacts,
        now: Timestamp,
    ) -> Result<Result<Stored, FinishRefusal>, LedgerError> {
        let writer = self.writer()?;
        if writer.is_ballast_spent() {
            return Ok(Err(FinishRefusal::Refused(UploadRefusal::ReserveSpent)));
        }
        let (realm, ids) = (realm.clone(), self.ids.clone());
        writer.run(move |tx| finish(tx, &ids, &realm, (id, content, now))).await
    }

    async fn give_up_upload(
        &self,
        realm: &Realm,
        id: UploadId,
        now: Timestamp,
    ) -> Result<GivenUp, LedgerError> {
        let realm = realm.clone();
        self.writer()?.run(move |tx| give_up(tx, &realm, id, now)).await
    }
}

const COLUMNS: &str = "id, path, entry, only_new, attributes, metadata, length, received, \
                       blob_number, blob_id, created_at, expires_at, file";

fn upload_of(row: &Row<'_>) -> rusqlite::Result<PartialUpload> {
    let attributes: String = row.get(4)?;
    Ok(PartialUpload {
        id: row.get(0)?,
        path: row.get(1)?,
        entry: row.get(2)?,
        only_new: row.get(3)?,
        attributes: read_json(4, &attributes)?,
        metadata: row.get(5)?,
        length: unsigned(row.get(6)?),
        received: unsigned(row.get(7)?),
        blob: BlobKey { number: row.get(8)?, id: row.get(9)? },
        created_at: row.get(10)?,
        expires_at: row.get(11)?,
        file: row.get(12)?,
    })
}

fn find(
    connection: &Connection,
    realm: &Realm,
    id: UploadId,
    now: Timestamp,
) -> Result<Option<PartialUpload>, LedgerError> {
    let sql = format!(
        "select {COLUMNS} from uploads \
         where organization = ?1 and id = ?2 and expires_at > ?3"
    );
    let context = "finding an upload";
    let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
    let found = statement.query_row(params![realm.organization, id, now], upload_of).optional();
    Ok(found.map_err(failed(context))?.filter(|upload| realm.sees(&upload.path)))
}

/// The same, where it is not finished.
fn open(
    connection: &Connection,
    realm: &Realm,
    id: UploadId,
    now: Timestamp,
) -> Result<Option<PartialUpload>, LedgerError> {
    Ok(find(connection, realm, id, now)?.filter(|upload| upload.file.is_none()))
}

fn begin(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    new: &NewUpload,
    once: Option<&Once>,
) -> Result<Result<PartialUpload, BeginRefusal>, LedgerError> {
    let owner = Some(realm.organization);
    if let Some(repeat) = once::repeat(tx.connection, owner, once)? {
        return Ok(Err(BeginRefusal::Repeated(repeat)));
    }
    if !realm.sees(&new.path) {
        return Ok(Err(BeginRefusal::Refused(UploadRefusal::OutsidePrefix)));
    }
    let incoming = Incoming {
        bytes: new.length,
        content_type: &new.attributes.content_type,
        replaces: plans::replaced(tx.connection, realm, &new.path)?,
    };
    if let Err(refusal) = plans::admit(tx, realm.organization, &incoming)? {
        return Ok(Err(BeginRefusal::Refused(refusal)));
    }
    let sql = "select count(*) from uploads \
               where organization = ?1 and file is null and expires_at > ?2";
    let context = "counting uploads";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let count = statement.query_row(params![realm.organization, new.at], |row| row.get(0));
    if unsigned(count.map_err(failed(context))?) >= PARTIAL_UPLOADS_MAX {
        return Ok(Err(BeginRefusal::TooMany));
    }
    let blob = intents::reserve_lasting(tx, ids, new.expires_at)?;
    let upload = new.clone().begun(blob);
    insert(tx, realm, &upload)?;
    once::remember(tx, owner, once, upload.id)?;
    Ok(Ok(upload))
}

fn insert(tx: &WriteTx<'_>, realm: &Realm, upload: &PartialUpload) -> Result<(), LedgerError> {
    let sql = format!(
        "insert into uploads (organization, {COLUMNS}) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    );
    let context = "recording an upload";
    let mut statement = tx.connection.prepare_cached(&sql).map_err(failed(context))?;
    let inserted = statement.execute(params![
        realm.organization,
        upload.id,
        upload.path,
        upload.entry,
        upload.only_new,
        attributes_text(&upload.attributes),
        upload.metadata,
        signed(upload.length),
        signed(upload.received),
        upload.blob.number,
        upload.blob.id,
        upload.created_at,
        upload.expires_at,
        upload.file,
    ]);
    inserted.map(|_| ()).map_err(failed(context))
}

fn acknowledge(
    tx: &WriteTx<'_>,
    realm: &Realm,
    upload: &PartialUpload,
    (received, expires_at): (u64, Timestamp),
) -> Result<bool, LedgerError> {
    if !intents::renew(tx, &[upload.blob], expires_at)? {
        return Ok(false);
    }
    let sql = "update uploads set received = max(received, ?3), expires_at = max(expires_at, ?4) \
               where organization = ?1 and id = ?2";
    let context = "acknowledging bytes";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let values = params![realm.organization, upload.id, signed(received), expires_at];
    statement.execute(values).map(|rows| rows == 1).map_err(failed(context))
}

fn finish(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    realm: &Realm,
    (id, content, now): (UploadId, BlobFacts, Timestamp),
) -> Result<Result<Stored, FinishRefusal>, LedgerError> {
    let Some(upload) = open(tx.connection, realm, id, now)? else {
        return Ok(Err(FinishRefusal::Gone));
    };
    let version = upload.version(content);
    let stored = match versions::commit(tx, ids, realm, &version, now)? {
        Ok(stored) => stored,
        Err(refusal) => return Ok(Err(FinishRefusal::Refused(refusal))),
    };
    mark_finished(tx, realm, (id, stored.file.id))?;
    Ok(Ok(stored))
}

fn mark_finished(
    tx: &WriteTx<'_>,
    realm: &Realm,
    (id, file): (UploadId, EntryId),
) -> Result<(), LedgerError> {
    let sql = "update uploads set received = length, file = ?3 \
               where organization = ?1 and id = ?2";
    let context = "finishing an upload";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let changed = statement.execute(params![realm.organization, id, file]);
    changed.map(|_| ()).map_err(failed(context))
}

fn give_up(
    tx: &mut WriteTx<'_>,
    realm: &Realm,
    id: UploadId,
    now: Timestamp,
) -> Result<GivenUp, LedgerError> {
    let Some(upload) = find(tx.connection, realm, id, now)? else { return Ok(GivenUp::Missing) };
    if upload.file.is_some() {
        return Ok(GivenUp::Finished);
    }
    intents::condemn(tx, &[upload.blob], now)?;
    let sql = "delete from uploads where organization = ?1 and id = ?2";
    let context = "giving an upload up";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    statement.execute(params![realm.organization, id]).map_err(failed(context))?;
    Ok(GivenUp::Condemned)
}

/// Forgets up to `limit` uploads that expired, finished or not. The intents of the unfinished ones
/// expire at the same time, and are condemned by themselves.
pub(super) fn forget_expired(
    tx: &WriteTx<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<(), LedgerError> {
    let sql = "delete from uploads where (organization, id) in \
               (select organization, id from uploads where expires_at <= ?1 limit ?2)";
    let context = "forgetting expired uploads";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let gone = statement.execute(params![now, signed(limit as u64)]);
    gone.map(|_| ()).map_err(failed(context))
}
