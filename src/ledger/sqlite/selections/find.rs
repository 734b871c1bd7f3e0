//! Finding what the filters of a request take, before the request comes to the writer: so that the
//! writer reads no more than what it is about to take, and judges that again.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::super::SqliteLedger;
use super::super::entries::live_row;
use super::super::installation;
use super::super::rows::{FileRow, corrupt};
use super::super::tree::{Chains, Grounds, child_file};
use super::look::{LookLimits, Place, Search, look};
use crate::deletion::request::{DeleteRequest, Selector};
use crate::domain::entry::Sequence;
use crate::domain::filter::FileFilter;
use crate::domain::id::EntryId;
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;
use crate::ledger::LedgerError;

/// How long one look lasts: so long is nothing else read through this connection.
const LOOK_DURATION_MAX: Duration = Duration::from_millis(50);
/// How long is looked for what a best effort takes in its commit. What is not met by then is left
/// to steps.
const FIRST_LOOKS_DURATION_MAX: Duration = Duration::from_millis(250);

/// What is found for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Purpose {
    Commit,
    Preview,
}

/// What one filter of a request finds.
#[derive(Clone, Debug)]
pub(in super::super) struct Finding {
    /// The selector, by its index in the request.
    pub(in super::super) selector: usize,
    pub(in super::super) search: Search,
    pub(in super::super) files: Vec<EntryId>,
    pub(in super::super) rest: Option<Rest>,
}

/// What a filter takes beside that.
#[derive(Clone, Debug)]
pub(in super::super) struct Rest {
    /// It begins here.
    pub(in super::super) from: Place,
    /// As much of it as was counted.
    pub(in super::super) counted: Tally,
}

/// One finding for each selector that is a filter within the realm, in the order of the request.
pub(in super::super) async fn find(
    ledger: &SqliteLedger,
    request: &DeleteRequest,
    purpose: Purpose,
) -> Result<Vec<Finding>, LedgerError> {
    let filters = filters_of(request);
    if filters.is_empty() {
        return Ok(Vec::new());
    }
    let fence = match &request.fence {
        Some(fence) => fence.sequence,
        None => ledger.readers.run(present).await?,
    };
    let counts_the_rest = purpose == Purpose::Preview || request.counts_all_matching();
    let mut looking = Looking {
        ledger,
        counts_the_rest,
        files_left: request.matched_files_max,
        began: Instant::now(),
    };
    let mut findings = Vec::new();
    for (selector, filter) in filters {
        let (realm, at) = (request.realm.clone(), request.planned_at());
        let search = Search { realm, filter, at, fence, is_planned: request.fence.is_some() };
        findings.push(looking.find(selector, search).await?);
    }
    Ok(findings)
}

/// The filters of a request within its realm, with their places among the selectors.
fn filters_of(request: &DeleteRequest) -> Vec<(usize, FileFilter)> {
    let filters = request.selectors.iter().enumerate().filter_map(|(index, one)| match one {
        Selector::Matching(filter) => Some((index, filter)),
        Selector::File(_)
        | Selector::Entry(_)
        | Selector::Path(_)
        | Selector::Outputs(_)
        | Selector::Everything
        | Selector::Unmatchable => None,
    });
    let within = filters.filter(|(_, filter)| !request.reaches_out(filter));
    within.map(|(index, filter)| (index, filter.clone())).collect()
}

/// The sequence of the last change that a reader sees.
fn present(connection: &Connection) -> Result<Sequence, LedgerError> {
    installation::last_sequence(connection)
}

struct Looking<'l> {
    ledger: &'l SqliteLedger,
    counts_the_rest: bool,
    files_left: usize,
    began: Instant,
}

impl Looking<'_> {
    async fn find(&mut self, selector: usize, search: Search) -> Result<Finding, LedgerError> {
        let mut finding = Finding { selector, search, files: Vec::new(), rest: None };
        let mut counted = Tally::default();
        let (mut next, mut last) = (Some(Place::beginning()), Place::beginning());
        let mut looks = 0;
        while let Some(from) = next.take() {
            let is_late = looks > 0 && self.began.elapsed() >= FIRST_LOOKS_DURATION_MAX;
            let is_enough = self.files_left == 0 || is_late;
            if is_enough && !self.counts_the_rest {
                finding.rest = Some(Rest { from, counted });
                return Ok(finding);
            }
            let limits = LookLimits {
                duration: LOOK_DURATION_MAX,
                files: self.files_left,
                counts_the_rest: self.counts_the_rest,
            };
            let search = finding.search.clone();
            let looked = self.ledger.readers.run(move |c| look(c, &search, &from, limits)).await?;
            looks += 1;
            self.files_left -= looked.found.len();
            counted += looked.rest;
            for candidate in looked.found {
                finding.files.push(candidate.id);
                last = candidate.place;
            }
            next = looked.next;
        }
        finding.rest = (counted.files > 0).then_some(Rest { from: last, counted });
        Ok(finding)
    }
}

/// A file that a search takes, with its path where it is locked or covered by a lock.
pub(in super::super) struct Judged {
    pub(in super::super) file: FileRow,
    pub(in super::super) lock: Option<EntryPath>,
}

/// The file with this identity, if the search takes it as it is now.
pub(in super::super) fn judge(
    connection: &Connection,
    (grounds, chains): (&Grounds, &mut Chains),
    search: &Search,
    id: EntryId,
) -> Result<Option<Judged>, LedgerError> {
    let Search { realm, filter, at, fence, is_planned: _ } = search;
    let Some(row) = live_row(connection, grounds, realm.organization, id)? else { return Ok(None) };
    let Some(file) = child_file(connection, row.folder, row.name.as_str())? else {
        return Err(corrupt("a file that was found is not there"));
    };
    if file.sequence > *fence || !filter.takes_version(&file, *at) {
        return Ok(None);
    }
    let is_seen_anyway = !search.minds_the_way();
    if is_seen_anyway && !file.locked && !grounds.has_locked_folders {
        return Ok(Some(Judged { file: row, lock: None }));
    }
    let chain = chains.of(connection, file.folder)?;
    let folder = chain.path.as_ref().ok_or(corrupt("a live file lies in a doomed folder"))?;
    if !is_seen_anyway && chain.changed > *fence {
        return Ok(None);
    }
    let path = folder.child(&file.name).map_err(|_| corrupt("a path is too long"))?;
    if !realm.sees(&path) || !filter.takes(&path, &file, *at) {
        return Ok(None);
    }
    let is_locked = file.locked || chain.lock.is_some();
    Ok(Some(Judged { file: row, lock: is_locked.then_some(path) }))
}
