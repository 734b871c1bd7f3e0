//! Upload intents: the durable promise that whatever is written under a key can be found.

use rusqlite::{Connection, params};

use super::rows::{failed, signed};
use super::writer::WriteTx;
use super::{condemned, resumable};
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::id::IdSource;
use crate::ledger::LedgerError;

/// Records intents with fresh keys.
pub(super) fn reserve(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    count: usize,
    expires_at: Timestamp,
) -> Result<Vec<BlobKey>, LedgerError> {
    let keys: Vec<BlobKey> =
        (0..count).map(|_| BlobKey { number: tx.next_blob(), id: ids.next() }).collect();
    let sql = "insert into intents (blob_number, blob_id, expires_at) values (?1, ?2, ?3)";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("an intent"))?;
    for key in &keys {
        statement
            .execute(params![key.number, key.id, expires_at])
            .map_err(failed("recording an intent"))?;
    }
    Ok(keys)
}

/// Records an intent with a fresh key that the next process finds as it is.
pub(super) fn reserve_lasting(
    tx: &mut WriteTx<'_>,
    ids: &IdSource,
    expires_at: Timestamp,
) -> Result<BlobKey, LedgerError> {
    let key = BlobKey { number: tx.next_blob(), id: ids.next() };
    let sql =
        "insert into intents (blob_number, blob_id, expires_at, lasting) values (?1, ?2, ?3, 1)";
    let context = "recording an intent";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    statement.execute(params![key.number, key.id, expires_at]).map_err(failed(context))?;
    Ok(key)
}

/// Intents of a process that has ended are nobody's, but for those of uploads that come in pieces:
/// whoever opens the database owns it.
pub(super) fn expire_all(connection: &Connection) -> Result<(), LedgerError> {
    let expired = connection.execute("update intents set expires_at = 0 where lasting = 0", []);
    expired.map(|_| ()).map_err(failed("expiring old intents"))
}

/// Takes an intent away; false where it was gone: whoever comes second fails.
pub(super) fn consume(tx: &WriteTx<'_>, key: BlobKey) -> Result<bool, LedgerError> {
    let sql = "delete from intents where blob_number = ?1 and blob_id = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("an intent"))?;
    let consumed = statement.execute(params![key.number, key.id]);
    consumed.map(|rows| rows == 1).map_err(failed("consuming an intent"))
}

/// Whether an intent is still there.
pub(super) fn exists(tx: &WriteTx<'_>, key: BlobKey) -> Result<bool, LedgerError> {
    let sql = "select 1 from intents where blob_number = ?1 and blob_id = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("an intent"))?;
    statement.exists(params![key.number, key.id]).map_err(failed("looking for an intent"))
}

/// Lets these intents expire no earlier than `expires_at`; whether all of them are still there.
pub(super) fn renew(
    tx: &WriteTx<'_>,
    keys: &[BlobKey],
    expires_at: Timestamp,
) -> Result<bool, LedgerError> {
    let sql = "update intents set expires_at = max(expires_at, ?3) \
               where blob_number = ?1 and blob_id = ?2";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("an intent"))?;
    let mut all = true;
    for key in keys {
        let renewed = statement.execute(params![key.number, key.id, expires_at]);
        all &= renewed.map_err(failed("renewing an intent"))? == 1;
    }
    Ok(all)
}

/// Condemns the blobs of intents that expired, the oldest first.
pub(super) fn condemn_expired(
    tx: &mut WriteTx<'_>,
    now: Timestamp,
    limit: usize,
) -> Result<usize, LedgerError> {
    let mut keys = Vec::new();
    {
        let sql = "select blob_number, blob_id from intents where expires_at <= ?1 limit ?2";
        let context = "reading expired intents";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        let rows = statement.query_map(params![now, signed(limit as u64)], |row| {
            Ok(BlobKey { number: row.get(0)?, id: row.get(1)? })
        });
        for key in rows.map_err(failed(context))? {
            keys.push(key.map_err(failed(context))?);
        }
    }
    resumable::forget_expired(tx, now, limit)?;
    condemn(tx, &keys, now)
}

/// How many intents expired: what a sweep would take.
pub(super) fn count_expired(connection: &Connection, now: Timestamp) -> Result<u64, LedgerError> {
    let sql = "select count(*) from intents where expires_at <= ?1";
    let count = connection.query_row(sql, params![now], |row| row.get::<_, i64>(0));
    count.map(i64::unsigned_abs).map_err(failed("counting expired intents"))
}

/// Condemns the blobs of those of these intents that still exist.
pub(super) fn condemn(
    tx: &mut WriteTx<'_>,
    keys: &[BlobKey],
    now: Timestamp,
) -> Result<usize, LedgerError> {
    let mut blobs = Vec::new();
    for key in keys {
        if consume(tx, *key)? {
            // How much was written is unknown, and belongs to no organization's usage.
            blobs.push(SizedBlob { key: *key, size: 0 });
        }
    }
    condemned::condemn(tx, &condemned::Owner::Nobody, &blobs, condemned::Due::At(now))?;
    Ok(blobs.len())
}
