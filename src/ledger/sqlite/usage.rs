//! What organizations use: the counters, and their changes in one group of transactions.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{corrupt, failed, signed, unsigned};
use crate::domain::organization::OrganizationNumber;
use crate::domain::usage::{Tally, Usage};
use crate::ledger::LedgerError;

/// The counters of an organization.
pub(super) fn read_usage(
    connection: &Connection,
    organization: OrganizationNumber,
) -> Result<Usage, LedgerError> {
    let sql = "select uploaded_files, uploaded_bytes, live_files, live_bytes, doomed_files, \
               doomed_bytes, condemned_files, condemned_bytes, settled_files, settled_bytes \
               from organizations where organization = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(failed("reading usage"))?;
    let usage = statement.query_row([organization], |row| {
        let tally = |first: usize| -> rusqlite::Result<Tally> {
            Ok(Tally { files: unsigned(row.get(first)?), bytes: unsigned(row.get(first + 1)?) })
        };
        Ok(Usage {
            uploaded: tally(0)?,
            live: tally(2)?,
            doomed: tally(4)?,
            condemned: tally(6)?,
            settled: tally(8)?,
        })
    });
    usage.optional().map_err(failed("reading usage"))?.ok_or(corrupt("an organization is gone"))
}

/// A change of a tally.
#[derive(Clone, Copy, Debug, Default)]
struct Move {
    files: i64,
    bytes: i64,
}

impl Move {
    fn add(&mut self, tally: Tally, sign: i64) {
        self.files += sign * signed(tally.files);
        self.bytes += sign * signed(tally.bytes);
    }

    fn added_to(self, tally: Tally) -> Tally {
        Tally {
            files: tally.files.saturating_add_signed(self.files),
            bytes: tally.bytes.saturating_add_signed(self.bytes),
        }
    }
}

/// What a file's version is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Uploaded,
    Live,
    Doomed,
    Condemned,
    Settled,
}

/// The changes of usage of one group of transactions: one row of each organization is written
/// once, however many of its files moved.
#[derive(Clone, Debug, Default)]
pub(super) struct UsageMoves(Vec<(OrganizationNumber, [Move; 5])>);

impl UsageMoves {
    /// New versions came in.
    pub(super) fn came(&mut self, organization: OrganizationNumber, tally: Tally) {
        self.add(organization, Part::Uploaded, tally, 1);
        self.add(organization, Part::Live, tally, 1);
    }

    /// Versions moved on.
    pub(super) fn moved(
        &mut self,
        organization: OrganizationNumber,
        from: Part,
        to: Part,
        tally: Tally,
    ) {
        self.add(organization, from, tally, -1);
        self.add(organization, to, tally, 1);
    }

    fn add(&mut self, organization: OrganizationNumber, part: Part, tally: Tally, sign: i64) {
        let known = self.0.iter().position(|(number, _)| *number == organization);
        let index = known.unwrap_or_else(|| {
            self.0.push((organization, [Move::default(); 5]));
            self.0.len() - 1
        });
        self.0[index].1[part as usize].add(tally, sign);
    }

    /// The usage of an organization once these changes are written.
    pub(super) fn added_to(&self, organization: OrganizationNumber, usage: Usage) -> Usage {
        let moves = self.0.iter().find(|(number, _)| *number == organization);
        let Some((_, [up, live, doomed, condemned, settled])) = moves else { return usage };
        Usage {
            uploaded: up.added_to(usage.uploaded),
            live: live.added_to(usage.live),
            doomed: doomed.added_to(usage.doomed),
            condemned: condemned.added_to(usage.condemned),
            settled: settled.added_to(usage.settled),
        }
    }

    /// Writes them.
    pub(super) fn apply(&self, connection: &Connection) -> Result<(), LedgerError> {
        let sql = "update organizations set \
             uploaded_files = uploaded_files + ?2, uploaded_bytes = uploaded_bytes + ?3, \
             live_files = live_files + ?4, live_bytes = live_bytes + ?5, \
             doomed_files = doomed_files + ?6, doomed_bytes = doomed_bytes + ?7, \
             condemned_files = condemned_files + ?8, condemned_bytes = condemned_bytes + ?9, \
             settled_files = settled_files + ?10, settled_bytes = settled_bytes + ?11 \
             where organization = ?1";
        for (organization, moves) in &self.0 {
            let [up, live, doomed, condemned, settled] = moves;
            let mut statement = connection.prepare_cached(sql).map_err(failed("moving usage"))?;
            statement
                .execute(params![
                    organization,
                    up.files,
                    up.bytes,
                    live.files,
                    live.bytes,
                    doomed.files,
                    doomed.bytes,
                    condemned.files,
                    condemned.bytes,
                    settled.files,
                    settled.bytes
                ])
                .map_err(failed("moving usage"))?;
        }
        Ok(())
    }
}
