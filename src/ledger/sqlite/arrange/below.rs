//! What lies below a folder that is to be moved, as far as its move depends on it.

use rusqlite::{Connection, params};

use super::super::rows::{failed, unsigned};
use super::super::tree::FolderRow;
use crate::domain::entry::{FolderNumber, Sequence};
use crate::domain::path::{NAME_BYTES_MAX, PATH_BYTES_MAX};
use crate::ledger::LedgerError;
use crate::ledger::tree::{LookLimits, MoveRequest};

/// What was found.
pub(super) enum Below {
    /// More than may be looked at.
    TooLarge,
    /// All of it was looked at.
    Seen {
        /// Something in it is locked.
        is_locked: bool,
        /// The path of something in it would become too long.
        is_too_long: bool,
    },
}

/// One folder of the tree.
struct Member {
    number: FolderNumber,
    /// Bytes of its path after the move.
    path_bytes: usize,
    locked: bool,
    locked_files: u64,
    files: u64,
    doomed_through: Sequence,
}

/// Looks at every folder, and only at those files whose paths might become too long.
pub(super) fn look_below(
    connection: &Connection,
    top: &FolderRow,
    request: &MoveRequest,
) -> Result<Below, LedgerError> {
    let context = "looking below a folder";
    let sql = "select folder, length(cast(name as blob)), locked, locked_files, files, \
               doomed_through from folders where parent = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(failed(context))?;
    let mut look = Look::new(connection, request);
    let first = Member {
        number: top.record.number,
        path_bytes: request.to.path.as_str().len(),
        locked: top.record.locked,
        locked_files: top.locked_files,
        files: top.record.direct.files,
        doomed_through: top.doomed_through,
    };
    look.at(&first)?;
    let mut waiting = vec![(first.number, first.path_bytes)];
    let mut next = 0;
    while let Some((parent, parent_bytes)) = waiting.get(next).copied() {
        let mut rows = statement.query([parent]).map_err(failed(context))?;
        while let Some(row) = rows.next().map_err(failed(context))? {
            let read = || -> rusqlite::Result<Member> {
                // At most NAME_BYTES_MAX.
                let name_bytes: u16 = row.get(1)?;
                Ok(Member {
                    number: row.get(0)?,
                    path_bytes: parent_bytes + 1 + usize::from(name_bytes),
                    locked: row.get(2)?,
                    locked_files: unsigned(row.get(3)?),
                    files: unsigned(row.get(4)?),
                    doomed_through: row.get(5)?,
                })
            };
            let member = read().map_err(failed(context))?;
            look.at(&member)?;
            if look.is_over_limits() {
                return Ok(Below::TooLarge);
            }
            waiting.push((member.number, member.path_bytes));
        }
        next += 1;
    }
    Ok(look.seen())
}

struct Look<'c> {
    connection: &'c Connection,
    limits: LookLimits,
    /// Whether the paths become longer; else none becomes too long.
    grows: bool,
    folders: usize,
    files: u64,
    is_locked: bool,
    is_too_long: bool,
}

impl<'c> Look<'c> {
    fn new(connection: &'c Connection, request: &MoveRequest) -> Self {
        Self {
            connection,
            limits: request.look,
            grows: request.to.path.as_str().len() > request.from.path.as_str().len(),
            folders: 0,
            files: 0,
            is_locked: false,
            is_too_long: false,
        }
    }

    fn is_over_limits(&self) -> bool {
        self.folders > self.limits.folders || self.files > self.limits.files
    }

    fn seen(self) -> Below {
        match self.is_over_limits() {
            true => Below::TooLarge,
            false => Below::Seen { is_locked: self.is_locked, is_too_long: self.is_too_long },
        }
    }

    fn at(&mut self, member: &Member) -> Result<(), LedgerError> {
        self.folders += 1;
        self.is_locked |= member.locked || member.locked_files > 0;
        if !self.grows {
            return Ok(());
        }
        self.is_too_long |= member.path_bytes > PATH_BYTES_MAX;
        let may_be_too_long = member.path_bytes + 1 + NAME_BYTES_MAX > PATH_BYTES_MAX;
        if member.files == 0 || !may_be_too_long {
            return Ok(());
        }
        self.files += member.files;
        if !self.is_over_limits() && !self.is_too_long {
            self.is_too_long = self.has_long_name(member)?;
        }
        Ok(())
    }

    /// Whether the name of a live file in this folder is longer than its path has room for.
    fn has_long_name(&self, member: &Member) -> Result<bool, LedgerError> {
        let room = PATH_BYTES_MAX.saturating_sub(member.path_bytes + 1);
        let sql = "select 1 from files where folder = ?1 and sequence > ?2 \
                   and length(cast(name as blob)) > ?3";
        let context = "looking for long names";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed(context))?;
        let room = i64::try_from(room).unwrap_or(i64::MAX);
        statement
            .exists(params![member.number, member.doomed_through, room])
            .map_err(failed(context))
    }
}
