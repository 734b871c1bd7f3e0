//! What a wish asks of one side: what each ledger drew by itself, such as the identities of folders
//! and of versions, is looked up there.

use super::operations::{PLACES, Pick, Wish};
use super::side::{Given, Side, THREE_A_MINUTE};
use crate::deletion::request::{DeleteRequest, Precondition, Selector};
use crate::domain::entry::Entry;
use crate::ledger::conformance::fixture::by_path;

impl Side {
    /// The request of a wish.
    pub(super) async fn request(&self, wish: &Wish, given: &Given) -> DeleteRequest {
        let mut selectors = Vec::new();
        for pick in &wish.picks {
            selectors.push(self.selector(pick, given).await);
        }
        let mut preconditions = Vec::new();
        for (selector, place) in &wish.conditions {
            let there = self.fixture.file_at(&self.realms[0], PLACES[*place]).await;
            let versions = there.map(|file| file.blob.id).into_iter().collect();
            preconditions.push(Precondition { selector: *selector, versions });
        }
        DeleteRequest {
            id: given.deletion(),
            preconditions,
            atomicity: wish.atomicity,
            matched_files_max: wish.matched_files_max,
            guard: wish.guard,
            missing: wish.missing,
            locked: wish.locked,
            folders: wish.folders,
            joins_missed: wish.joins_missed,
            allowance: wish.has_allowance.then_some(THREE_A_MINUTE),
            at: given.now(),
            ..self.fixture.request(&self.realms[wish.who], selectors)
        }
    }

    async fn selector(&self, pick: &Pick, given: &Given) -> Selector {
        match pick {
            Pick::Place(place, true) => by_path(&format!("{}/", PLACES[*place])),
            Pick::Place(place, false) => by_path(PLACES[*place]),
            Pick::Id(back) => Selector::File(given.offered(*back)),
            Pick::Entry(place) => match self.fixture.entry(&self.realms[0], PLACES[*place]).await {
                Some(Entry::File(file)) => Selector::Entry(file.id),
                Some(Entry::Folder(folder)) => Selector::Entry(folder.id),
                None => Selector::Unmatchable,
            },
            Pick::Outputs(command) => Selector::Outputs(given.commands[*command]),
            Pick::Matching(filter) => Selector::Matching(filter.clone()),
            Pick::Unmatchable => Selector::Unmatchable,
        }
    }
}
