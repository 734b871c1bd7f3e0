//! What arranges the tree, on one side; and the whole tree as its folders list it.

use std::collections::VecDeque;

use super::operations::{Operation, PLACES};
use super::side::Side;
use crate::domain::clock::Timestamp;
use crate::domain::entry::Entry;
use crate::domain::organization::Realm;
use crate::domain::path::{EntryPath, WrittenPath};
use crate::ledger::conformance::fixture::{at, written};
use crate::ledger::tree::{Child, LookLimits, MoveRequest, TreeRefusal};

/// Few enough that a run meets them.
const LOOK: LookLimits = LookLimits { folders: 5, files: 100 };
/// Children on a page of the whole tree.
const PAGE_CHILDREN: u64 = 2;

impl Side {
    /// Does one operation; what was answered, as text.
    pub(super) async fn arrange(&self, operation: &Operation, now: Timestamp) -> String {
        let ledger = &self.fixture.ledger;
        match operation {
            Operation::Make { who, place } => {
                let path = at(PLACES[*place]);
                let made = ledger.make_folder(&self.realms[*who], &path, None, now).await.unwrap();
                self.decided(made.map(Entry::Folder))
            }
            Operation::Move { who, from, to, slash } => {
                let slash = if *slash { "/" } else { "" };
                let to = written(&format!("{}{slash}", PLACES[*to]));
                let request = MoveRequest { from: written(PLACES[*from]), to, look: LOOK, at: now };
                let moved = ledger.move_entry(&self.realms[*who], &request).await.unwrap();
                self.decided(moved)
            }
            Operation::Tag { who, place, change } => {
                let (realm, path) = (&self.realms[*who], written(PLACES[*place]));
                let tagged = ledger.change_tags(realm, &path, change).await.unwrap();
                self.decided(tagged.map(Entry::File))
            }
            Operation::Children { who, place, limit } => {
                let path = written(PLACES[*place]);
                match self.children(&self.realms[*who], &path, *limit).await {
                    Ok(children) => format!("{:?}", self.shown(&children)),
                    Err(refusal) => format!("{refusal:?}"),
                }
            }
            other => panic!("{other:?} arranges nothing"),
        }
    }

    fn decided(&self, decided: Result<Entry, TreeRefusal>) -> String {
        match decided {
            Ok(entry) => self.entry(&entry),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    fn shown(&self, children: &[Child]) -> Vec<String> {
        children
            .iter()
            .map(|child| format!("{} {}", child.name, self.entry(&child.entry)))
            .collect()
    }

    async fn children(
        &self,
        realm: &Realm,
        folder: &WrittenPath,
        limit: u64,
    ) -> Result<Vec<Child>, TreeRefusal> {
        let mut children = Vec::new();
        let mut after = None;
        loop {
            let page = self.fixture.ledger.children(realm, folder, after.as_ref(), limit).await;
            let page = page.unwrap()?;
            children.extend(page.children);
            after = page.next;
            if after.is_none() {
                return Ok(children);
            }
        }
    }

    /// Everything at and below the realm's prefix, folder by folder, each entry where its own
    /// path finds it.
    pub(super) async fn tree(&self, realm: &Realm) -> Vec<String> {
        let mut text = Vec::new();
        let mut waiting = VecDeque::from([realm.prefix.clone()]);
        while let Some(path) = waiting.pop_front() {
            let folder = WrittenPath { path: path.clone(), says_folder: true };
            let Ok(children) = self.children(realm, &folder, PAGE_CHILDREN).await else { continue };
            text.push(format!("{path}: {:?}", self.shown(&children)));
            for child in &children {
                let child_path: EntryPath = path.child(&child.name).unwrap();
                let found = WrittenPath { path: child_path.clone(), says_folder: false };
                let found = self.fixture.ledger.entry_at(realm, &found).await.unwrap();
                assert_eq!(found.as_ref(), Some(&child.entry), "{child_path}");
                if matches!(child.entry, Entry::Folder(_)) {
                    waiting.push_back(child_path);
                }
            }
        }
        text
    }
}
