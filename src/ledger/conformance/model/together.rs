//! What comes together in one commit, and what is read of a whole tree, on one side.

use super::operations::{Operation, PLACES, Who};
use super::side::{Given, Side};
use crate::domain::attach::{Attach, Attachment, CopySource};
use crate::domain::clock::Timestamp;
use crate::domain::entry::Entry;
use crate::ledger::conformance::fixture::{INTENT_LIFETIME, at, written};
use crate::ledger::{WalkCursor, WalkQuery, Walked};

/// Versions that one operation attaches at most.
pub(super) const PARTS_MAX: usize = 3;

/// Many versions that are to become live together.
#[derive(Clone, Debug)]
pub(super) struct Bundle {
    pub(super) who: Who,
    /// Places and sizes.
    pub(super) parts: Vec<(usize, u64)>,
    pub(super) folder: Option<usize>,
    pub(super) vacant: Option<usize>,
    /// What the first part is a copy of: the version that lies at this place, or the one that lay
    /// where an earlier bundle looked.
    pub(super) copied: Option<(usize, bool)>,
    pub(super) overwrite: bool,
    /// Whether the intents were reserved earlier, as far as there are any.
    pub(super) late: bool,
}

impl Side {
    /// Attaches a bundle; what was answered, as text.
    pub(super) async fn attach(&mut self, bundle: &Bundle, given: &Given) -> String {
        let mut attach = Attach {
            files: Vec::new(),
            folders: bundle.folder.iter().map(|place| at(PLACES[*place])).collect(),
            vacant: bundle.vacant.iter().map(|place| at(PLACES[*place])).collect(),
            ..Attach::default()
        };
        for (index, (place, size)) in bundle.parts.iter().enumerate() {
            let mut version = self.version(PLACES[*place], *size, bundle.late, given).await;
            version.entry = given.together(index);
            version.overwrite = bundle.overwrite.into();
            attach.files.push(Attachment { version, source: None });
        }
        if let Some((place, late)) = bundle.copied {
            let source = self.source(place, late).await;
            if let Some(first) = attach.files.first_mut() {
                first.source = source;
            }
        }
        let realm = &self.realms[bundle.who];
        format!("{:?}", self.fixture.ledger.attach(realm, attach, given.now()).await.unwrap())
    }

    async fn source(&mut self, place: usize, late: bool) -> Option<CopySource> {
        let there = self.fixture.ledger.entry_at(&self.realms[0], &written(PLACES[place])).await;
        let present = match there.unwrap() {
            Some(Entry::File(file)) => Some(CopySource { entry: file.id, blob: file.blob }),
            Some(Entry::Folder(_)) | None => None,
        };
        let before = std::mem::replace(&mut self.looked_at, present);
        if late { before } else { present }
    }

    /// Renews the intents that were reserved for later.
    pub(super) async fn renew(&self, now: Timestamp) -> String {
        let until = now.plus(INTENT_LIFETIME);
        format!("{}", self.fixture.ledger.renew_intents(&self.reserved, until).await.unwrap())
    }

    /// Walks a tree in pages, from its beginning or from behind a place in it.
    pub(super) async fn walk(&self, operation: &Operation) -> String {
        let Operation::Walk { who, place, depth, after, limit } = operation else {
            panic!("{operation:?} is no walk")
        };
        let top = at(PLACES[*place]);
        let after =
            after.map(|(place, is_folder)| WalkCursor { path: at(PLACES[place]), is_folder });
        let after = after.filter(|after| after.path != top && top.contains(&after.path));
        let mut query = WalkQuery { top, depth: *depth, after, limit: *limit };
        let mut text = Vec::new();
        loop {
            let page = self.fixture.ledger.walk(&self.realms[*who], &query).await.unwrap();
            let Some(page) = page else { return "no folder".to_owned() };
            query.after = page.last().map(Walked::cursor);
            text.extend(page.iter().map(|met| format!("{} {}", met.path, self.entry(&met.entry))));
            if page.len() < *limit {
                return format!("{text:?}");
            }
        }
    }
}
