//! Items: what became of each selector of a request, as the record keeps it and as a caller is
//! told. Pure.
//!
//! An item is told by its index among the request's selectors, what kind of selector it was, and
//! the identity that it named, if it named one. It holds no path but those of what stayed, locked.

use super::record::{Counts, Outcome, Refusal};
use super::request::Selector;
use crate::domain::id::{CommandId, DeletionId, EntryId};
use crate::domain::path::EntryPath;
use crate::domain::usage::Tally;

/// Locked paths that the items of one deletion name at most; more are counted only.
pub const LOCKED_PATHS_MAX: usize = 1000;

/// What a selector named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An entry, by its id.
    Id(EntryId),
    /// A path; with the identity of the single file that went from there, if one did.
    Path(Option<EntryId>),
    /// The outputs of a command.
    Command(CommandId),
    /// The files that a filter takes.
    Filter,
    /// Nothing that could exist, such as a malformed id.
    Nothing,
}

/// What became of one selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All of it went.
    Deleted,
    /// Some of it went; what is locked stayed, and what has changed since the plan.
    Partly,
    /// Some of it went, with the commit and in steps, and more goes in further steps.
    Selecting,
    /// Its steps were ended before they were done. What went until then is counted.
    Cancelled,
    /// None of it went: it has changed since the plan.
    Changed,
    /// All of it is locked, and stayed.
    Locked,
    /// It was not there.
    Missing,
    /// It is not the key's to see.
    Forbidden,
    /// Its precondition does not hold.
    PreconditionFailed,
    /// The item at this index took it.
    Within(u32),
    /// It had gone with this earlier deletion, whose answer the caller had missed.
    Joined(DeletionId),
}

/// One selector, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its place among the request's selectors, from 0.
    pub index: u32,
    /// What it named.
    pub named: Named,
    /// What became of it.
    pub fate: Fate,
    /// What went because of it.
    pub counts: Counts,
    /// What was planned and stayed, or had gone otherwise.
    pub changed: Counts,
    /// The topmost locked entries that stayed, no more than [`LOCKED_PATHS_MAX`] in all items of a
    /// deletion.
    pub locked: Vec<EntryPath>,
    /// How many they are.
    pub locked_count: u64,
}

/// What one step came to that takes files for a filter behind the commit.
#[derive(Clone, Copy, Debug)]
pub struct FilterStep<'s> {
    /// The filter, by its index among the selectors.
    pub selector: usize,
    /// Files that went.
    pub doomed: Tally,
    /// Files that stayed, locked.
    pub locked: &'s [EntryPath],
    /// Why there is no further step, if there is none.
    pub end: Option<StepsEnd>,
}

/// Why a filter takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepsEnd {
    /// It has met all files.
    Done,
    /// Its deletion was cancelled.
    Cancelled,
}

impl FilterStep<'_> {
    /// Whether it leaves everything as it was.
    pub fn is_idle(&self) -> bool {
        self.doomed == Tally::default() && self.locked.is_empty() && self.end.is_none()
    }

    /// Adds it to the items of its deletion.
    pub fn add_to(&self, items: &mut [Item]) {
        let named: usize = items.iter().map(|item| item.locked.len()).sum();
        let mut paths_left = LOCKED_PATHS_MAX.saturating_sub(named);
        let Some(item) = items.get_mut(self.selector) else { return };
        item.counts += Counts::files(self.doomed);
        item.keep(self.locked.iter(), &mut paths_left);
        item.fate = match (self.end, item.locked_count, item.counts.files) {
            (None, _, _) => Fate::Selecting,
            (Some(StepsEnd::Cancelled), _, _) => Fate::Cancelled,
            (Some(StepsEnd::Done), 0, _) => Fate::Deleted,
            (Some(StepsEnd::Done), _, 0) => Fate::Locked,
            (Some(StepsEnd::Done), _, _) => Fate::Partly,
        };
    }
}

/// The items of a request that was accepted, one for each selector, in order.
pub fn of_outcomes(selectors: &[Selector], outcomes: &[Outcome]) -> Vec<Item> {
    let mut paths_left = LOCKED_PATHS_MAX;
    let pairs = selectors.iter().zip(outcomes).enumerate();
    let item = |(index, (selector, outcome)): (usize, (&Selector, &Outcome))| {
        let mut item = Item::of(index, selector, fate_of(outcome));
        match outcome {
            Outcome::Deleted { files, .. } => {
                if let (Named::Path(id), [(file, _)]) = (&mut item.named, files.as_slice()) {
                    *id = Some(*file);
                }
            }
            Outcome::Partly { .. }
            | Outcome::Changed { .. }
            | Outcome::Selecting { .. }
            | Outcome::Locked(_)
            | Outcome::Missing
            | Outcome::Forbidden
            | Outcome::PreconditionFailed
            | Outcome::Within(_)
            | Outcome::Joined(_) => {}
        }
        (item.counts, item.changed) = (outcome.counts(), outcome.changed());
        item.keep(outcome.locked().iter(), &mut paths_left);
        item
    };
    pairs.map(item).collect()
}

/// The items that stood against a request that was refused, in order. What is not among them would
/// have gone.
pub fn of_refusal(selectors: &[Selector], refusal: &Refusal) -> Vec<Item> {
    let mut paths_left = LOCKED_PATHS_MAX;
    let mut items = Vec::new();
    // All of these lists are in the order of the selectors.
    let mut locked = refusal.locked.iter().peekable();
    for (index, selector) in selectors.iter().enumerate() {
        let own = std::iter::from_fn(|| locked.next_if(|(at, _)| *at == index));
        let own: Vec<&EntryPath> = own.map(|(_, path)| path).collect();
        let fate = if refusal.missing.binary_search(&index).is_ok() {
            Fate::Missing
        } else if refusal.outside_prefix.binary_search(&index).is_ok() {
            Fate::Forbidden
        } else if refusal.precondition_failed.binary_search(&index).is_ok() {
            Fate::PreconditionFailed
        } else if own.is_empty() {
            continue;
        } else {
            Fate::Locked
        };
        let mut item = Item::of(index, selector, fate);
        item.keep(own.into_iter(), &mut paths_left);
        items.push(item);
    }
    items
}

impl Item {
    fn of(index: usize, selector: &Selector, fate: Fate) -> Self {
        let named = match selector {
            Selector::File(id) | Selector::Entry(id) => Named::Id(*id),
            Selector::Path(_) => Named::Path(None),
            Selector::Outputs(id) => Named::Command(*id),
            Selector::Matching(_) => Named::Filter,
            Selector::Unmatchable => Named::Nothing,
        };
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let nothing = Counts::default();
        let (locked, locked_count) = (Vec::new(), 0);
        Self { index, named, fate, counts: nothing, changed: nothing, locked, locked_count }
    }

    /// Whether it tells identity and size of the single file that it took.
    pub fn tells_its_file(&self) -> bool {
        let is_single = self.counts.files == 1 && self.counts.folders == 0;
        let names_it = match self.named {
            Named::Id(_) | Named::Path(Some(_)) => true,
            Named::Path(None) | Named::Command(_) | Named::Filter | Named::Nothing => false,
        };
        self.fate == Fate::Deleted && is_single && names_it
    }

    fn keep<'a>(&mut self, locked: impl Iterator<Item = &'a EntryPath>, paths_left: &mut usize) {
        for path in locked {
            self.locked_count += 1;
            if let Some(left) = paths_left.checked_sub(1) {
                *paths_left = left;
                self.locked.push(path.clone());
            }
        }
    }
}

fn fate_of(outcome: &Outcome) -> Fate {
    match outcome {
        Outcome::Deleted { .. } => Fate::Deleted,
        Outcome::Partly { .. } => Fate::Partly,
        Outcome::Selecting { .. } => Fate::Selecting,
        Outcome::Changed { .. } => Fate::Changed,
        Outcome::Locked(_) => Fate::Locked,
        Outcome::Missing => Fate::Missing,
        Outcome::Forbidden => Fate::Forbidden,
        Outcome::PreconditionFailed => Fate::PreconditionFailed,
        Outcome::Within(other) => Fate::Within(u32::try_from(*other).unwrap_or(u32::MAX)),
        Outcome::Joined(answer) => Fate::Joined(answer.deletion),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deletion::snapshot::MissedAnswer;
    use crate::domain::filter::FileFilter;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text).unwrap()
    }

    fn by_path(text: &str) -> Selector {
        Selector::Path(EntryPath::parse_written(text).unwrap())
    }

    fn one_file() -> Counts {
        Counts { files: 1, bytes: 7, folders: 0 }
    }

    #[test]
    fn every_outcome_becomes_an_item_at_its_index() {
        let (file, other) = (EntryId::from_bytes([1; 16]), EntryId::from_bytes([2; 16]));
        let command = CommandId::from_bytes([3; 16]);
        let answer = MissedAnswer { deletion: DeletionId::from_bytes([4; 16]), files: 9 };
        let selectors = [
            by_path("/a"),
            Selector::File(file),
            Selector::Outputs(command),
            Selector::Unmatchable,
            by_path("/t"),
            Selector::File(other),
        ];
        let outcomes = [
            Outcome::Deleted { counts: one_file(), files: vec![(other, 7)] },
            Outcome::Within(0),
            Outcome::Joined(answer),
            Outcome::Missing,
            Outcome::Partly {
                counts: one_file(),
                locked: vec![path("/t/x"), path("/t/y")],
                changed: Counts::default(),
            },
            Outcome::Locked(vec![path("/z")]),
        ];
        let items = of_outcomes(&selectors, &outcomes);
        let told: Vec<_> = items.iter().map(|item| (item.index, item.named, item.fate)).collect();
        assert_eq!(
            told,
            [
                (0, Named::Path(Some(other)), Fate::Deleted),
                (1, Named::Id(file), Fate::Within(0)),
                (2, Named::Command(command), Fate::Joined(answer.deletion)),
                (3, Named::Nothing, Fate::Missing),
                (4, Named::Path(None), Fate::Partly),
                (5, Named::Id(other), Fate::Locked),
            ]
        );
        assert_eq!((items[0].counts, items[4].counts), (one_file(), one_file()));
        assert_eq!(
            (&items[4].locked[..], items[4].locked_count),
            (&[path("/t/x"), path("/t/y")][..], 2)
        );
    }

    #[test]
    fn no_more_paths_are_named_than_the_bound_and_all_are_counted() {
        let many = |count: usize| (0..count).map(|n| path(&format!("/t/{n}"))).collect();
        let outcomes = [Outcome::Locked(many(600)), Outcome::Locked(many(600))];
        let items = of_outcomes(&[by_path("/a"), by_path("/b")], &outcomes);
        let shown: Vec<_> =
            items.iter().map(|item| (item.locked.len(), item.locked_count)).collect();
        assert_eq!(shown, [(600, 600), (400, 600)]);
    }

    #[test]
    fn a_refusal_names_what_stood_against_the_request_and_nothing_else() {
        let selectors = [by_path("/fine"), by_path("/gone"), by_path("/locked"), by_path("/alien")];
        let refusal = Refusal {
            missing: vec![1],
            outside_prefix: vec![3],
            locked: vec![(2, path("/locked/a")), (2, path("/locked/b"))],
            ..Refusal::default()
        };
        let items = of_refusal(&selectors, &refusal);
        let told: Vec<_> =
            items.iter().map(|item| (item.index, item.fate, item.locked_count)).collect();
        let expected = [(1, Fate::Missing, 0), (2, Fate::Locked, 2), (3, Fate::Forbidden, 0)];
        assert_eq!(told, expected);
    }

    fn one_filter(locked: &[&str]) -> Vec<Item> {
        let outcome = Outcome::Selecting {
            counts: one_file(),
            locked: locked.iter().map(|text| path(text)).collect(),
            beyond: Tally { files: 9, bytes: 9 },
        };
        of_outcomes(&[Selector::Matching(FileFilter::default())], &[outcome])
    }

    fn step(locked: &[EntryPath], end: Option<StepsEnd>) -> FilterStep<'_> {
        FilterStep { selector: 0, doomed: Tally { files: 2, bytes: 6 }, locked, end }
    }

    #[test]
    fn steps_add_up_and_end_with_what_became_of_all() {
        let (done, cancelled) = (Some(StepsEnd::Done), Some(StepsEnd::Cancelled));
        let stays = [path("/t/b")];
        let none: &[EntryPath] = &[];
        for (at_first, then, end, fate) in [
            (&[][..], none, None, Fate::Selecting),
            (&[], none, done, Fate::Deleted),
            (&[], &stays, done, Fate::Partly),
            (&["/t/a"], none, done, Fate::Partly),
            (&[], none, cancelled, Fate::Cancelled),
            (&["/t/a"], &stays, cancelled, Fate::Cancelled),
        ] {
            let mut items = one_filter(at_first);
            step(none, None).add_to(&mut items);
            step(then, end).add_to(&mut items);
            assert_eq!(items[0].fate, fate, "{at_first:?} {then:?} {end:?}");
            assert_eq!(items[0].counts, Counts { files: 5, bytes: 19, folders: 0 });
            assert_eq!(items[0].locked_count, (at_first.len() + then.len()) as u64);
            assert_eq!(items[0].locked.len(), at_first.len() + then.len());
        }
    }

    #[test]
    fn a_filter_that_finds_nothing_but_what_is_locked_is_locked() {
        let mut items = one_filter(&["/t/a"]);
        items[0].counts = Counts::default();
        let nothing = FilterStep { doomed: Tally::default(), ..step(&[], Some(StepsEnd::Done)) };
        assert!(!nothing.is_idle() && FilterStep { end: None, ..nothing }.is_idle());
        nothing.add_to(&mut items);
        assert_eq!((items[0].fate, items[0].locked_count), (Fate::Locked, 1));
    }

    #[test]
    fn steps_name_no_more_paths_than_a_deletion_may() {
        let many: Vec<EntryPath> = (0..600).map(|n| path(&format!("/t/{n}"))).collect();
        let mut items = one_filter(&[]);
        step(&many, None).add_to(&mut items);
        step(&many, Some(StepsEnd::Done)).add_to(&mut items);
        assert_eq!((items[0].locked.len(), items[0].locked_count), (LOCKED_PATHS_MAX, 1200));
    }
}
