//! The purge queue: batches of condemned blobs, packed into rows.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::organizations::Part;
use super::rows::{corrupt, failed, signed, unsigned};
use super::writer::WriteTx;
use super::{SqliteLedger, deletions, intents};
use crate::deletion::record::{BATCH_BLOBS_MAX, BatchNumber, CondemnedBatch};
use crate::domain::blob::{BlobKey, SizedBlob};
use crate::domain::clock::Timestamp;
use crate::domain::id::{BlobId, DeletionId};
use crate::domain::organization::OrganizationNumber;
use crate::domain::usage::Tally;
use crate::domain::webhooks::PURGE_FAILING_DURATION_MIN;
use crate::ledger::{Lease, LedgerError, PurgeQueue, Settlement};

/// Bytes of a packed blob: number, identity, size.
const PACKED_BYTES: usize = 32;
/// Rows that one look at the queue reads at most.
const LEASED_BATCHES_MAX: usize = 256;

#[async_trait]
impl PurgeQueue for SqliteLedger {
    async fn lease_condemned(
        &self,
        now: Timestamp,
        lease: Lease,
        blobs_max: usize,
    ) -> Result<Vec<CondemnedBatch>, LedgerError> {
        // Most looks find nothing: they need not make the writer commit.
        let any_due = self.readers.run(move |connection| is_any_due(connection, now)).await?;
        match any_due {
            false => Ok(Vec::new()),
            true => self.writer()?.run_behind(move |tx| lease_due(tx, now, lease, blobs_max)).await,
        }
    }

    async fn settle(
        &self,
        settlements: Vec<Settlement>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        self.writer()?.run_behind(move |tx| settle(tx, &settlements, now)).await
    }

    async fn condemn_expired_intents(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, LedgerError> {
        self.writer()?.run_behind(move |tx| intents::condemn_expired(tx, now, limit)).await
    }

    async fn count_expired_intents(&self, now: Timestamp) -> Result<u64, LedgerError> {
        self.readers.run(move |connection| intents::count_expired(connection, now)).await
    }

    async fn abandon_intents(&self, blobs: &[BlobKey], now: Timestamp) -> Result<(), LedgerError> {
        let blobs = blobs.to_vec();
        self.writer()?.run(move |tx| intents::condemn(tx, &blobs, now).map(|_| ())).await
    }
}

/// Whose usage and whose deletion condemned blobs count in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Uploads that never became a version.
    Nobody,
    /// Overwritten versions of an organization.
    Organization(OrganizationNumber),
    /// What a deletion doomed.
    Deletion(OrganizationNumber, DeletionId),
}

impl Owner {
    const fn organization(self) -> Option<OrganizationNumber> {
        match self {
            Self::Nobody => None,
            Self::Organization(number) | Self::Deletion(number, _) => Some(number),
        }
    }

    const fn deletion(self) -> Option<DeletionId> {
        match self {
            Self::Nobody | Self::Organization(_) => None,
            Self::Deletion(_, id) => Some(id),
        }
    }
}

/// From when on a batch may be taken, or by whom it is taken already.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    At(Timestamp),
    Leased(Lease),
}

/// Puts blobs on the queue, in batches. Usage is the caller's to move.
pub(super) fn condemn(
    tx: &mut WriteTx<'_>,
    owner: &Owner,
    blobs: &[SizedBlob],
    due: Due,
) -> Result<Vec<CondemnedBatch>, LedgerError> {
    let (condemned_at, due_at, token) = match due {
        Due::At(time) => (time, time, None),
        Due::Leased(lease) => (lease.began_at, lease.expires_at, Some(lease.token.0)),
    };
    let mut batches = Vec::with_capacity(blobs.len().div_ceil(BATCH_BLOBS_MAX));
    for chunk in blobs.chunks(BATCH_BLOBS_MAX) {
        let batch = CondemnedBatch {
            number: BatchNumber(tx.next_batch()),
            deletion: owner.deletion(),
            blobs: chunk.to_vec(),
            attempts: 0,
        };
        let bytes: u64 = chunk.iter().map(|blob| blob.size).sum();
        let sql = "insert into condemned \
             (batch, organization, deletion, files, bytes, blobs, condemned_at, due_at, lease_token) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed("condemning"))?;
        statement
            .execute(params![
                batch.number.0,
                owner.organization(),
                owner.deletion(),
                signed(chunk.len() as u64),
                signed(bytes),
                pack(chunk),
                condemned_at,
                due_at,
                token
            ])
            .map_err(failed("condemning blobs"))?;
        batches.push(batch);
    }
    Ok(batches)
}

/// Leases of a process that has ended mean nothing: whoever opens the database owns it.
pub(super) fn void_leases(connection: &Connection) -> Result<(), LedgerError> {
    let sql = "update condemned set due_at = 0, lease_token = null where lease_token is not null";
    connection.execute(sql, []).map(|_| ()).map_err(failed("voiding old leases"))
}

fn is_any_due(connection: &Connection, now: Timestamp) -> Result<bool, LedgerError> {
    let sql = "select 1 from condemned where due_at <= ?1 limit 1";
    let mut statement = connection.prepare_cached(sql).map_err(failed("looking for work"))?;
    statement.exists([now]).map_err(failed("looking for work"))
}

fn lease_due(
    tx: &mut WriteTx<'_>,
    now: Timestamp,
    lease: Lease,
    blobs_max: usize,
) -> Result<Vec<CondemnedBatch>, LedgerError> {
    let context = "leasing condemned blobs";
    let mut batches: Vec<CondemnedBatch> = Vec::new();
    {
        let sql = "select batch, deletion, blobs, attempts from condemned where due_at <= ?1 \
                   order by due_at, batch limit ?2";
        let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
        let mut rows = statement
            .query(params![now, signed(LEASED_BATCHES_MAX as u64)])
            .map_err(failed(context))?;
        let mut blobs = 0;
        while let Some(row) = rows.next().map_err(failed(context))? {
            let batch = read_batch(row).map_err(failed(context))?;
            if blobs > 0 && blobs + batch.blobs.len() > blobs_max {
                break;
            }
            blobs += batch.blobs.len();
            batches.push(batch);
        }
    }
    let sql = "update condemned set due_at = ?2, lease_token = ?3 where batch = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    for batch in &batches {
        statement
            .execute(params![batch.number.0, lease.expires_at, lease.token.0])
            .map_err(failed(context))?;
    }
    Ok(batches)
}

fn read_batch(row: &rusqlite::Row<'_>) -> rusqlite::Result<CondemnedBatch> {
    let packed = row.get_ref(2)?.as_blob()?;
    Ok(CondemnedBatch {
        number: BatchNumber(row.get(0)?),
        deletion: row.get(1)?,
        blobs: unpack(packed),
        attempts: row.get(3)?,
    })
}

fn settle(
    tx: &mut WriteTx<'_>,
    settlements: &[Settlement],
    now: Timestamp,
) -> Result<(), LedgerError> {
    let mut purged: Vec<(OrganizationNumber, DeletionId, Tally)> = Vec::new();
    for settlement in settlements {
        let Some((owner, all)) = leased_by(tx, settlement)? else { continue };
        let kept = match settlement.kept.is_empty() {
            true => remove(tx, settlement.batch)?,
            false => keep(tx, settlement, (owner, now))?,
        };
        let gone = all - kept;
        if let Some(organization) = owner.organization() {
            tx.usage.moved(organization, Part::Condemned, Part::Settled, gone);
        }
        if let Owner::Deletion(organization, deletion) = owner {
            match purged.iter_mut().find(|(o, d, _)| (*o, *d) == (organization, deletion)) {
                Some((_, _, tally)) => *tally += gone,
                None => purged.push((organization, deletion, gone)),
            }
        }
    }
    for (organization, deletion, gone) in purged {
        deletions::add_purged(tx, organization, deletion, gone, now)?;
    }
    Ok(())
}

/// The owner and the content of a batch, if it is still leased under this token.
fn leased_by(
    tx: &WriteTx<'_>,
    settlement: &Settlement,
) -> Result<Option<(Owner, Tally)>, LedgerError> {
    let sql = "select organization, deletion, files, bytes from condemned \
               where batch = ?1 and lease_token = ?2";
    let context = "reading a leased batch";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row(params![settlement.batch.0, settlement.token.0], |row| {
        let owner = match (row.get(0)?, row.get(1)?) {
            (None, _) => Owner::Nobody,
            (Some(organization), None) => Owner::Organization(organization),
            (Some(organization), Some(deletion)) => Owner::Deletion(organization, deletion),
        };
        Ok((owner, Tally { files: unsigned(row.get(2)?), bytes: unsigned(row.get(3)?) }))
    });
    found.optional().map_err(failed(context))
}

fn remove(tx: &WriteTx<'_>, batch: BatchNumber) -> Result<Tally, LedgerError> {
    let sql = "delete from condemned where batch = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed("settling a batch"))?;
    statement.execute([batch.0]).map_err(failed("settling a batch"))?;
    Ok(Tally::default())
}

/// Keeps what of the batch is still to be purged, and nothing that was never in it.
fn keep(
    tx: &WriteTx<'_>,
    settlement: &Settlement,
    (owner, now): (Owner, Timestamp),
) -> Result<Tally, LedgerError> {
    let context = "reading a leased batch";
    let sql = "select blobs from condemned where batch = ?1";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let packed: Vec<u8> =
        statement.query_row([settlement.batch.0], |row| row.get(0)).map_err(failed(context))?;
    let mut blobs = unpack(&packed);
    blobs.retain(|blob| settlement.kept.contains(blob));
    if blobs.is_empty() {
        return remove(tx, settlement.batch);
    }
    let kept: Tally = blobs.iter().map(|blob| Tally::one(blob.size)).sum();
    let sql = "update condemned set files = ?2, bytes = ?3, blobs = ?4, due_at = ?5, \
               attempts = attempts + 1, failing_since = coalesce(failing_since, ?6), \
               lease_token = null where batch = ?1 returning failing_since";
    let context = "keeping condemned blobs";
    let mut statement = tx.connection.prepare_cached(sql).map_err(failed(context))?;
    let values = params![
        settlement.batch.0,
        signed(kept.files),
        signed(kept.bytes),
        pack(&blobs),
        settlement.retry_at,
        now
    ];
    let since = statement.query_row(values, |row| row.get(0)).optional();
    let since: Timestamp =
        since.map_err(failed(context))?.ok_or(corrupt("a leased batch is gone"))?;
    if let Owner::Deletion(organization, deletion) = owner
        && now.since(since) >= PURGE_FAILING_DURATION_MIN
    {
        deletions::purge_failing(tx, organization, deletion, now)?;
    }
    Ok(kept)
}

/// Thirty-two bytes for each blob.
pub(super) fn pack(blobs: &[SizedBlob]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(blobs.len() * PACKED_BYTES);
    for blob in blobs {
        packed.extend_from_slice(&blob.key.number.to_be_bytes());
        packed.extend_from_slice(blob.key.id.as_bytes());
        packed.extend_from_slice(&blob.size.to_be_bytes());
    }
    packed
}

/// What [`pack`] packed. Bytes that make no whole blob are reported by `inspect`.
pub(super) fn unpack(packed: &[u8]) -> Vec<SizedBlob> {
    let (blobs, _rest) = packed.as_chunks::<PACKED_BYTES>();
    blobs
        .iter()
        .map(|blob| {
            let (number, rest) = blob.split_first_chunk::<8>().expect("32 bytes hold eight");
            let (id, size) = rest.split_first_chunk::<16>().expect("24 bytes hold sixteen");
            let size = size.first_chunk::<8>().expect("eight bytes are left");
            SizedBlob {
                key: BlobKey { number: i64::from_be_bytes(*number), id: BlobId::from_bytes(*id) },
                size: u64::from_be_bytes(*size),
            }
        })
        .collect()
}
