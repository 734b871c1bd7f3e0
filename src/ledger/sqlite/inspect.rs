//! Recounting everything from the rows, for `verify`. Writes nothing.

use async_trait::async_trait;
use rusqlite::Connection;

use super::SqliteLedger;
use super::condemned::unpack;
use super::rows::{failed, unsigned};
use crate::domain::blob::BlobKey;
use crate::ledger::{InspectLedger, Inspection, LedgerError, Standing};

#[async_trait]
impl InspectLedger for SqliteLedger {
    async fn inspect(&self) -> Result<Inspection, LedgerError> {
        self.readers.run(inspect).await
    }
}

/// Folders of doomed trees to which no mark has come down yet. Begins every recount.
const UNMARKED: &str = "with recursive unmarked(folder) as (\
     select c.folder from folders c join folders p on p.folder = c.parent \
     where c.doomed = 0 and p.doomed = 1 \
     union all select c.folder from folders c join unmarked u on c.parent = u.folder \
     where c.doomed = 0)";

/// A file row is live where its folder is, and its sequence lies above the folder's doom.
const LIVE: &str = "d.doomed = 0 and d.folder not in (select folder from unmarked) \
     and f.sequence > d.doomed_through";

fn inspect(connection: &Connection) -> Result<Inspection, LedgerError> {
    let mut found = Inspection::default();
    stored_blobs(connection, &mut found)?;
    condemned_blobs(connection, &mut found)?;
    intended_blobs(connection, &mut found)?;
    found.blobs.sort_by_key(|(key, _, _)| *key);
    integrity(connection, &mut found)?;
    for (what, sql) in rules() {
        let sql = format!("{UNMARKED} {sql}");
        let broken: i64 =
            connection.query_row(&sql, [], |row| row.get(0)).map_err(failed("recounting"))?;
        if broken > 0 {
            found.disagreements.push(format!("{what}: {broken}"));
        }
    }
    Ok(found)
}

fn integrity(connection: &Connection, found: &mut Inspection) -> Result<(), LedgerError> {
    let context = "checking the database's structure";
    let mut statement = connection.prepare("pragma quick_check(20)").map_err(failed(context))?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed(context))?;
    for row in rows {
        let said = row.map_err(failed(context))?;
        if said != "ok" {
            found.disagreements.push(format!("the database is damaged: {said}"));
        }
    }
    Ok(())
}

fn stored_blobs(connection: &Connection, found: &mut Inspection) -> Result<(), LedgerError> {
    let context = "reading files";
    let sql = "select blob_number, blob_id, size from files";
    let mut statement = connection.prepare(sql).map_err(failed(context))?;
    let rows = statement
        .query_map([], |row| {
            let key = BlobKey { number: row.get(0)?, id: row.get(1)? };
            Ok((key, Some(unsigned(row.get(2)?)), Standing::Stored))
        })
        .map_err(failed(context))?;
    for row in rows {
        found.blobs.push(row.map_err(failed(context))?);
    }
    Ok(())
}

fn condemned_blobs(connection: &Connection, found: &mut Inspection) -> Result<(), LedgerError> {
    let context = "reading condemned blobs";
    let sql = "select batch, files, bytes, blobs from condemned";
    let mut statement = connection.prepare(sql).map_err(failed(context))?;
    let mut rows = statement.query([]).map_err(failed(context))?;
    while let Some(row) = rows.next().map_err(failed(context))? {
        let read = || -> rusqlite::Result<(i64, u64, u64, Vec<u8>)> {
            Ok((row.get(0)?, unsigned(row.get(1)?), unsigned(row.get(2)?), row.get(3)?))
        };
        let (batch, files, bytes, packed) = read().map_err(failed(context))?;
        let blobs = unpack(&packed);
        let sum: u64 = blobs.iter().map(|blob| blob.size).sum();
        if blobs.len() as u64 != files || sum != bytes || packed.len() % 32 != 0 {
            found.disagreements.push(format!("batch {batch} is not what its counts say"));
        }
        let standing =
            |blob: crate::domain::blob::SizedBlob| (blob.key, Some(blob.size), Standing::Condemned);
        found.blobs.extend(blobs.into_iter().map(standing));
    }
    Ok(())
}

fn intended_blobs(connection: &Connection, found: &mut Inspection) -> Result<(), LedgerError> {
    let context = "reading intents";
    let sql = "select blob_number, blob_id from intents";
    let mut statement = connection.prepare(sql).map_err(failed(context))?;
    let rows = statement
        .query_map([], |row| {
            Ok((BlobKey { number: row.get(0)?, id: row.get(1)? }, None, Standing::Intended))
        })
        .map_err(failed(context))?;
    for row in rows {
        found.blobs.push(row.map_err(failed(context))?);
    }
    Ok(())
}

/// Each rule with the query that counts the rows which break it.
fn rules() -> Vec<(&'static str, String)> {
    let mut rules = usage_rules();
    rules.extend(tree_rules());
    rules.extend(deletion_rules());
    rules.extend(keepsake_rules());
    rules.extend(webhook_rules());
    rules
}

fn usage_rules() -> Vec<(&'static str, String)> {
    let recount = |part: &str, files: &str| {
        format!(
            "select count(*) from organizations o left join (select organization, \
             {files}) n on n.organization = o.organization \
             where o.{part}_files <> coalesce(n.files, 0) or o.{part}_bytes <> coalesce(n.bytes, 0)"
        )
    };
    let files = |condition: &str| {
        format!(
            "count(*) files, sum(size) bytes from (select f.organization, f.size from files f \
             join folders d on d.folder = f.folder where {condition}) group by organization"
        )
    };
    let condemned = "sum(files) files, sum(bytes) bytes from condemned \
                     where organization is not null group by organization";
    vec![
        (
            "organizations whose live usage is not the sum of live files",
            recount("live", &files(LIVE)),
        ),
        (
            "organizations whose doomed usage is not the sum of doomed files",
            recount("doomed", &files(&format!("not ({LIVE})"))),
        ),
        (
            "organizations whose condemned usage is not what is queued",
            recount("condemned", condemned),
        ),
        (
            "organizations whose usage is not conserved",
            "select count(*) from organizations where \
             uploaded_files <> live_files + doomed_files + condemned_files + settled_files or \
             uploaded_bytes <> live_bytes + doomed_bytes + condemned_bytes + settled_bytes"
                .to_owned(),
        ),
    ]
}

fn tree_rules() -> Vec<(&'static str, String)> {
    vec![
        (
            "live folders whose counters are not the sum of their live files",
            format!(
                "select count(*) from folders o left join (select f.folder, count(*) files, \
                 sum(f.size) bytes, sum(f.locked) locked from files f \
                 join folders d on d.folder = f.folder where {LIVE} group by f.folder) n \
                 on n.folder = o.folder where o.doomed = 0 and \
                 o.folder not in (select folder from unmarked) and (o.files <> coalesce(n.files, 0) \
                 or o.bytes <> coalesce(n.bytes, 0) or o.locked_files <> coalesce(n.locked, 0))"
            ),
        ),
        (
            "live folders with files later than their latest",
            format!(
                "select count(distinct f.folder) from files f \
                 join folders d on d.folder = f.folder where {LIVE} and f.sequence > d.latest"
            ),
        ),
        (
            "files and folders that were changed later than anything",
            "select (select count(*) from files, installation where sequence >= next_sequence) \
             + (select count(*) from folders, installation where sequence >= next_sequence)"
                .to_owned(),
        ),
        (
            "files without a folder",
            "select count(*) from files f where not exists \
             (select 1 from folders d where d.folder = f.folder)"
                .to_owned(),
        ),
        (
            "folders whose parent is gone",
            "select count(*) from folders d where d.parent is not null and not exists \
             (select 1 from folders p where p.folder = d.parent)"
                .to_owned(),
        ),
        (
            "live folders that lead to no root",
            "select count(*) from folders d where d.doomed = 0 and d.parent is null and \
             not exists (select 1 from organizations o where o.root = d.folder)"
                .to_owned(),
        ),
        (
            "live folders in doomed ones, with no mark on its way",
            "select count(*) from folders d join folders p on p.folder = d.parent \
             where d.doomed = 0 and p.doomed = 1 and not exists \
             (select 1 from marks m where m.organization = d.organization)"
                .to_owned(),
        ),
        (
            "organizations whose count of locked folders is wrong",
            "select count(*) from organizations o where locked_folders <> (select count(*) \
             from folders d where d.organization = o.organization and d.locked = 1)"
                .to_owned(),
        ),
        (
            "organizations whose count of unmarked trees is wrong",
            "select count(*) from organizations o where unmarked_trees <> (select count(*) from \
             (select distinct through, root from marks m where m.organization = o.organization))"
                .to_owned(),
        ),
        (
            "folders and files that lie in one place under one name",
            format!(
                "select count(*) from files f join folders d on d.folder = f.folder \
                 join folders e on e.parent = f.folder and e.name = f.name where {LIVE}"
            ),
        ),
    ]
}

fn keepsake_rules() -> Vec<(&'static str, String)> {
    vec![
        (
            "outputs of which nothing is kept",
            "select count(*) from outputs o where not exists (select 1 from keepsakes k where \
             k.organization = o.organization and k.file = o.file \
             and k.blob_number = o.blob_number)"
                .to_owned(),
        ),
        (
            "keepsakes that say something else than their file",
            "select count(*) from keepsakes k join files f on f.organization = k.organization \
             and f.id = k.file and f.blob_number = k.blob_number \
             where f.size <> k.size or f.command is not k.command"
                .to_owned(),
        ),
    ]
}

fn webhook_rules() -> Vec<(&'static str, String)> {
    let count = |state: &str| {
        format!(
            "(select count(*) from webhook_messages m where m.organization = w.organization \
             and m.webhook = w.id and m.state = '{state}')"
        )
    };
    vec![
        (
            "webhooks whose messages are miscounted",
            format!(
                "select count(*) from webhooks w where pending <> {} or dead <> {}",
                count("pending"),
                count("dead")
            ),
        ),
        (
            "messages that wait and are never due, or are due and do not wait",
            "select count(*) from webhook_messages where (state = 'pending') <> \
             (due_at is not null)"
                .to_owned(),
        ),
        (
            "messages to nobody",
            "select count(*) from webhook_messages m where not exists (select 1 from webhooks w \
             where w.organization = m.organization and w.id = m.webhook)"
                .to_owned(),
        ),
        (
            "webhooks that are not looked at for what waits",
            "select count(*) from webhooks where pending > 0 and due_at is null and \
             disabled_at is null"
                .to_owned(),
        ),
    ]
}

fn deletion_rules() -> Vec<(&'static str, String)> {
    vec![
        (
            "deletions without trees whose purged and queued files are not all they doomed",
            "select count(*) from deletions n where pending_trees = 0 and files <> purged_files + \
             (select coalesce(sum(c.files), 0) from condemned c \
             where c.organization = n.organization and c.deletion = n.id)"
                .to_owned(),
        ),
        (
            "deletions that are settled and not done, or done and not settled",
            "select count(*) from deletions where (settled_at is not null) <> \
             (pending_trees = 0 and pending_selections = 0 and purged_files = files)"
                .to_owned(),
        ),
        (
            "deletions whose waiting trees are miscounted",
            "select count(*) from deletions n where pending_trees <> \
             (select count(*) from expansions e where e.organization = n.organization \
             and e.deletion = n.id) + (select count(*) from (select distinct through, root \
             from marks m where m.organization = n.organization and m.deletion = n.id))"
                .to_owned(),
        ),
        (
            "stored plans that were used up by no deletion",
            "select count(*) from stored_plans p where p.used_by is not null and not exists \
             (select 1 from deletions n where n.organization = p.organization \
             and n.id = p.used_by)"
                .to_owned(),
        ),
        (
            "deletions whose open selections are miscounted",
            "select count(*) from deletions n where pending_selections <> \
             (select count(*) from selections s where s.organization = n.organization \
             and s.deletion = n.id)"
                .to_owned(),
        ),
        (
            "selections that belong to no deletion",
            "select count(*) from selections s where not exists (select 1 from deletions n where \
             n.organization = s.organization and n.id = s.deletion \
             and n.sequence = s.sequence and n.at = s.at and s.fence < s.sequence)"
                .to_owned(),
        ),
        (
            "doomed trees that nobody will expand",
            "select count(*) from folders d where d.doomed = 1 and d.parent is null and not exists \
             (select 1 from expansions e where e.folder = d.folder) and not exists \
             (select 1 from marks m where m.root = d.folder)"
                .to_owned(),
        ),
    ]
}
