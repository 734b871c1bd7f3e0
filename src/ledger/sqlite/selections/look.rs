//! Looking for files that a filter takes: in a reader, in bounded looks, each of which goes on
//! where the last one ended.
//!
//! The organization's folders are met in the order of their identities, and the files of each in
//! the order of their names. Both orders stand while entries come, go and move: a folder keeps its
//! identity wherever it is moved to, and a file that changes its folder is stamped above the fence.
//! So every file at or below the fence is met once, however many looks there are.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::rows::{FILE_COLUMNS, corrupt, failed, file_record, unsigned};
use super::super::tree::{
    DEPTH_MAX, FOLDER_COLUMNS, FolderRow, Grounds, Way, folder, folder_by_id, folder_row,
};
use crate::domain::clock::Timestamp;
use crate::domain::entry::{FolderNumber, Sequence};
use crate::domain::filter::FileFilter;
use crate::domain::id::EntryId;
use crate::domain::organization::Realm;
use crate::domain::path::EntryName;
use crate::domain::usage::Tally;
use crate::ledger::LedgerError;

/// Rows that are read between two looks at the clock.
const ROWS_PER_LOOK: u32 = 256;

/// What is looked for.
#[derive(Clone, Debug)]
pub(in super::super) struct Search {
    pub(in super::super) realm: Realm,
    pub(in super::super) filter: FileFilter,
    /// When it was asked for.
    pub(in super::super) at: Timestamp,
    /// What has a larger sequence is not met.
    pub(in super::super) fence: Sequence,
    /// Whether it is that of a stored plan.
    pub(in super::super) is_planned: bool,
}

impl Search {
    /// Whether it matters where a file lies, and so whether a folder above it has changed beyond
    /// the fence: what came with a folder is not met.
    pub(super) fn minds_the_way(&self) -> bool {
        let prefixes = [Some(&self.realm.prefix), self.filter.prefix.as_ref()];
        self.is_planned || prefixes.into_iter().flatten().any(|prefix| !prefix.is_root())
    }

    /// Whether what lies in a folder is left alone because the folder has changed.
    fn is_newer(&self, folder: &FolderRow) -> bool {
        self.minds_the_way() && folder.sequence > self.fence
    }
}

/// How far a walk is: behind the file of this name in the folder with this identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Place {
    pub(in super::super) folder: EntryId,
    pub(in super::super) name: String,
}

impl Place {
    /// Before everything.
    pub(in super::super) fn beginning() -> Self {
        Self { folder: EntryId::from_bytes([0; 16]), name: String::new() }
    }
}

/// How much one look may do. Whichever bound is met first ends it.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct LookLimits {
    pub(in super::super) duration: Duration,
    /// Files that are given back, at least one unless the rest is counted.
    pub(in super::super) files: usize,
    pub(in super::super) counts_the_rest: bool,
}

/// A file that the filter takes.
#[derive(Clone, Debug)]
pub(in super::super) struct Candidate {
    pub(in super::super) id: EntryId,
    pub(in super::super) place: Place,
}

/// What one look met.
#[derive(Debug, Default)]
pub(in super::super) struct Looked {
    pub(in super::super) found: Vec<Candidate>,
    /// What was only counted.
    pub(in super::super) rest: Tally,
    /// Where the next look begins; `None` behind the last file.
    pub(in super::super) next: Option<Place>,
}

/// Where files lie that are in sight and beneath the filter's prefix.
enum Ground {
    /// Anywhere: no folder needs to be judged by those above it.
    Everywhere,
    /// In this folder, and in all below it.
    Beneath(FolderNumber),
    /// In this folder, under this name.
    Single(FolderNumber, EntryName),
    Nowhere,
}

impl Ground {
    fn of(
        connection: &Connection,
        search: &Search,
        grounds: &Grounds,
    ) -> Result<Self, LedgerError> {
        let Search { realm, filter, .. } = search;
        let own = filter.prefix.as_ref().filter(|prefix| !prefix.is_root());
        let prefix = own.unwrap_or(&realm.prefix);
        if !realm.sees(prefix) {
            return Ok(Self::Nowhere);
        }
        let Some(name) = prefix.name() else {
            // Below a tree whose root is doomed already, marks may not have come down yet.
            let is_sure = !grounds.has_unmarked_trees && !search.minds_the_way();
            return Ok(if is_sure { Self::Everywhere } else { Self::Beneath(grounds.root) });
        };
        let way = Way::along(connection, grounds.root, prefix)?;
        let (last, depth) = (way.last().record.number, prefix.names().count());
        if way.folders.iter().any(|row| search.is_newer(row)) {
            return Ok(Self::Nowhere);
        }
        Ok(match way.folders.len().cmp(&depth) {
            Ordering::Greater => Self::Beneath(last),
            Ordering::Equal => Self::Single(last, name),
            Ordering::Less => Self::Nowhere,
        })
    }
}

/// Looks on from a place.
pub(in super::super) fn look(
    connection: &Connection,
    search: &Search,
    from: &Place,
    limits: LookLimits,
) -> Result<Looked, LedgerError> {
    let grounds = Grounds::of(connection, search.realm.organization)?;
    let walk = Walk {
        connection,
        search,
        ground: Ground::of(connection, search, &grounds)?,
        limits,
        beneath: HashMap::new(),
        began: Instant::now(),
        rows: 0,
        looked: Looked::default(),
    };
    match walk.ground {
        Ground::Nowhere => Ok(Looked::default()),
        Ground::Everywhere | Ground::Beneath(_) | Ground::Single(..) => walk.run(from),
    }
}

struct Walk<'w> {
    connection: &'w Connection,
    search: &'w Search,
    ground: Ground,
    limits: LookLimits,
    /// Folders of which it is known whether they lie where files are looked for.
    beneath: HashMap<FolderNumber, bool>,
    began: Instant,
    rows: u32,
    looked: Looked,
}

impl Walk<'_> {
    fn run(mut self, from: &Place) -> Result<Looked, LedgerError> {
        let organization = self.search.realm.organization;
        if let Some(folder) = folder_by_id(self.connection, organization, from.folder)?
            && self.is_over_in(&folder, &from.name)?
        {
            return Ok(self.looked);
        }
        let mut behind = from.folder;
        while let Some(folder) = self.folder_after(behind)? {
            if self.is_over_in(&folder, "")? {
                break;
            }
            behind = folder.record.id;
        }
        Ok(self.looked)
    }

    /// Looks through a folder from behind a name on; whether that ended the look.
    fn is_over_in(&mut self, folder: &FolderRow, name: &str) -> Result<bool, LedgerError> {
        let folder_id = folder.record.id;
        let holds_some = !folder.doomed && folder.record.direct.files > 0;
        if !holds_some || !self.is_ground(folder)? {
            self.rows += 1;
            if self.is_late() {
                self.looked.next = Some(Place { folder: folder_id, name: name.to_owned() });
                return Ok(true);
            }
            return Ok(false);
        }
        let sql = format!(
            "select {FILE_COLUMNS} from files f where f.folder = ?1 and f.name > ?2 \
             order by f.name"
        );
        let context = "looking for files";
        let connection = self.connection;
        let mut statement = connection.prepare_cached(&sql).map_err(failed(context))?;
        let from = params![folder.record.number, name];
        let mut rows = statement.query(from).map_err(failed(context))?;
        while let Some(row) = rows.next().map_err(failed(context))? {
            self.rows += 1;
            let met = self.met(folder, row).map_err(failed(context))?;
            let is_late = self.is_late();
            if met.is_none() && !is_late {
                continue;
            }
            let name: String = row.get(2).map_err(failed(context))?;
            let place = Place { folder: folder_id, name };
            if let Some((id, size)) = met {
                if self.looked.found.len() < self.limits.files {
                    self.looked.found.push(Candidate { id, place: place.clone() });
                } else if self.limits.counts_the_rest {
                    self.looked.rest += Tally::one(size);
                } else {
                    // The next look meets this file first.
                    self.looked.next = self.looked.found.last().map(|last| last.place.clone());
                    return Ok(true);
                }
            }
            if is_late {
                self.looked.next = Some(place);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The file of a row, if the filter takes it.
    fn met(&self, folder: &FolderRow, row: &Row<'_>) -> rusqlite::Result<Option<(EntryId, u64)>> {
        let Search { filter, at, fence, .. } = self.search;
        let sequence: Sequence = row.get(3)?;
        let (size, modified_at) = (unsigned(row.get(6)?), row.get(10)?);
        let is_live = sequence > folder.doomed_through && sequence <= *fence;
        if !is_live || !filter.takes_size_and_age(size, modified_at, *at) {
            return Ok(None);
        }
        let file = file_record(row)?;
        let is_named = match &self.ground {
            Ground::Single(_, name) => file.name == *name,
            Ground::Everywhere | Ground::Beneath(_) | Ground::Nowhere => true,
        };
        let is_taken = is_named && filter.takes_version(&file, *at);
        Ok(is_taken.then_some((file.id, size)))
    }

    /// Whether files of this folder may be taken, for where it lies.
    fn is_ground(&mut self, folder: &FolderRow) -> Result<bool, LedgerError> {
        match self.ground {
            Ground::Everywhere => Ok(true),
            Ground::Nowhere => Ok(false),
            Ground::Single(own, _) => Ok(folder.record.number == own),
            Ground::Beneath(top) => self.is_beneath(top, folder),
        }
    }

    /// Whether a folder is `top` or lies below it, and none of those on the way came there later.
    /// What is found out of the folders above it is
    /// kept for those that lie beside it.
    fn is_beneath(&mut self, top: FolderNumber, from: &FolderRow) -> Result<bool, LedgerError> {
        let (mut number, mut parent) = (from.record.number, from.parent);
        let mut is_newer = self.search.is_newer(from);
        let mut way = Vec::new();
        let is_beneath = loop {
            if number == top {
                break true;
            }
            if let Some(known) = self.beneath.get(&number) {
                break *known;
            }
            way.push(number);
            let Some(above) = parent.filter(|_| !is_newer) else { break false };
            if way.len() > DEPTH_MAX {
                return Err(corrupt("a chain of folders does not end"));
            }
            let row = folder(self.connection, above)?;
            is_newer = self.search.is_newer(&row);
            (number, parent) = (row.record.number, row.parent);
        };
        self.beneath.extend(way.into_iter().map(|number| (number, is_beneath)));
        Ok(is_beneath)
    }

    fn is_late(&self) -> bool {
        self.rows.is_multiple_of(ROWS_PER_LOOK) && self.began.elapsed() >= self.limits.duration
    }

    fn folder_after(&self, id: EntryId) -> Result<Option<FolderRow>, LedgerError> {
        let sql = format!(
            "select {FOLDER_COLUMNS} from folders d \
             where d.organization = ?1 and d.id > ?2 order by d.id limit 1"
        );
        let context = "looking for folders";
        let mut statement = self.connection.prepare_cached(&sql).map_err(failed(context))?;
        let from = params![self.search.realm.organization, id];
        statement.query_row(from, folder_row).optional().map_err(failed(context))
    }
}
