//! Lists of deletions, and the items of one.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::super::SqliteLedger;
use super::super::rows::{corrupt, failed};
use super::{outcomes, record};
use crate::deletion::items::Item;
use crate::deletion::record::DeletionState;
use crate::domain::entry::Sequence;
use crate::domain::id::DeletionId;
use crate::domain::organization::Realm;
use crate::domain::path::EntryPath;
use crate::ledger::{
    DeletionOrder, DeletionPage, DeletionQuery, DeletionRecordLedger, LedgerError,
};

/// Records that one look at a list reads at most: about 20 ms.
const RECORDS_PER_LOOK_MAX: usize = 4096;

#[async_trait]
impl DeletionRecordLedger for SqliteLedger {
    async fn deletions(
        &self,
        realm: &Realm,
        query: &DeletionQuery,
    ) -> Result<DeletionPage, LedgerError> {
        let (realm, query) = (realm.clone(), query.clone());
        self.readers.run(move |connection| page(connection, &realm, &query)).await
    }

    async fn deletion_items(
        &self,
        realm: &Realm,
        id: DeletionId,
    ) -> Result<Option<Vec<Item>>, LedgerError> {
        let realm = realm.clone();
        self.readers.run(move |connection| items(connection, &realm, id)).await
    }
}

/// The text of the query: one for each index and direction.
fn sql_of(query: &DeletionQuery) -> String {
    let columns = record::COLUMNS;
    let unsettled = match query.state {
        Some(DeletionState::Selecting | DeletionState::Purging) => "and settled_at is null",
        Some(DeletionState::Settled) | None => "",
    };
    let (behind, direction) = match query.order {
        DeletionOrder::NewestFirst => ("<", "desc"),
        DeletionOrder::OldestFirst => (">", "asc"),
    };
    format!(
        "select {columns}, sequence from deletions where organization = ?1 \
         and sequence {behind} ?2 {unsettled} order by sequence {direction}"
    )
}

fn page(
    connection: &Connection,
    realm: &Realm,
    query: &DeletionQuery,
) -> Result<DeletionPage, LedgerError> {
    let context = "listing deletions";
    let beginning = match query.order {
        DeletionOrder::NewestFirst => Sequence(i64::MAX),
        DeletionOrder::OldestFirst => Sequence(i64::MIN),
    };
    let mut statement = connection.prepare_cached(&sql_of(query)).map_err(failed(context))?;
    let after = query.after.unwrap_or(beginning);
    let mut rows = statement.query(params![realm.organization, after]).map_err(failed(context))?;
    let (mut page, mut last) = (DeletionPage::default(), None);
    for looked_at in 0.. {
        let Some(row) = rows.next().map_err(failed(context))? else { return Ok(page) };
        if looked_at == RECORDS_PER_LOOK_MAX || page.records.len() == query.limit {
            page.next = last;
            return Ok(page);
        }
        let (prefix, record) = record::record_of(row).map_err(failed(context))?;
        last = Some(row.get("sequence").map_err(failed(context))?);
        if realm.sees(&prefix) && query.wants(&record) {
            page.records.push(record);
        }
    }
    Ok(page)
}

fn items(
    connection: &Connection,
    realm: &Realm,
    id: DeletionId,
) -> Result<Option<Vec<Item>>, LedgerError> {
    let context = "reading the items of a deletion";
    let sql = "select prefix, outcomes from deletions where organization = ?1 and id = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let found = statement.query_row(params![realm.organization, id], |row| {
        Ok((row.get::<_, EntryPath>(0)?, row.get::<_, Vec<u8>>(1)?))
    });
    match found.optional().map_err(failed(context))? {
        Some((prefix, packed)) if realm.sees(&prefix) => {
            let items = outcomes::unpack(&packed);
            items.map(Some).ok_or(corrupt("the outcomes of a deletion cannot be read"))
        }
        Some(_) | None => Ok(None),
    }
}
