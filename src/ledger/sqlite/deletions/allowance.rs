//! Allowances: accepted requests within a rolling window, counted in the accepting transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::rows::{failed, signed, unsigned};
use crate::deletion::record::AllowanceState;
use crate::deletion::request::{Allowance, DeleteRequest};
use crate::domain::clock::Timestamp;
use crate::domain::organization::OrganizationNumber;
use crate::ledger::LedgerError;

/// How much is left at `now`. A request counts until its whole window has passed; one that lies
/// in the future, after the clock went back, counts too.
pub(super) fn state(
    connection: &Connection,
    organization: OrganizationNumber,
    allowance: Allowance,
    now: Timestamp,
) -> Result<AllowanceState, LedgerError> {
    let begins = now.minus(allowance.window);
    let ends = now.plus(allowance.window);
    let counted = counted(connection, organization, allowance, (begins, ends))?;
    let limit = u64::from(allowance.limit);
    let left = limit.saturating_sub(counted);
    // Where a limit was lowered, several have to leave before the next is accepted.
    let sql = "select at from allowances where organization = ?1 and bucket = ?2 \
               and at > ?3 and at <= ?4 order by at limit 1 offset ?5";
    let context = "reading an allowance";
    let offset = signed(counted.saturating_sub(limit));
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let leaves: Option<Timestamp> = statement
        .query_row(params![organization, allowance.bucket, begins, ends, offset], |row| row.get(0))
        .optional()
        .map_err(failed(context))?;
    Ok(AllowanceState {
        limit: allowance.limit,
        remaining: u32::try_from(left).unwrap_or(0),
        resets_at: leaves.map_or(now, |at| at.plus(allowance.window)),
    })
}

/// What counts: the window that ends now, and one more that begins now. What lies further ahead
/// was counted by a clock that was wrong and went back since; it must lock nobody out until then.
fn counted(
    connection: &Connection,
    organization: OrganizationNumber,
    allowance: Allowance,
    (begins, ends): (Timestamp, Timestamp),
) -> Result<u64, LedgerError> {
    let sql = "select count(*) from allowances \
               where organization = ?1 and bucket = ?2 and at > ?3 and at <= ?4";
    let context = "counting accepted requests";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    statement
        .query_row(params![organization, allowance.bucket, begins, ends], |row| row.get(0))
        .map(unsigned)
        .map_err(failed(context))
}

/// Counts an accepted request, and forgets those that count no more.
pub(super) fn count(
    connection: &Connection,
    request: &DeleteRequest,
    allowance: Allowance,
) -> Result<AllowanceState, LedgerError> {
    let context = "counting against an allowance";
    let organization = request.realm.organization;
    let begins = request.at.minus(allowance.window);
    let ends = request.at.plus(allowance.window);
    connection
        .execute(
            "delete from allowances where organization = ?1 and bucket = ?2 \
             and (at <= ?3 or at > ?4)",
            params![organization, allowance.bucket, begins, ends],
        )
        .map_err(failed(context))?;
    connection
        .execute(
            "insert into allowances (organization, bucket, at, deletion) values (?1, ?2, ?3, ?4)",
            params![organization, allowance.bucket, request.at, request.id],
        )
        .map_err(failed(context))?;
    state(connection, organization, allowance, request.at)
}
