//! What a request to delete says, and what of it is ambiguous or means nothing. Pure.

use serde::Deserialize;
use utoipa::ToSchema;

use super::matching::{FILTERS_MAX, Matching};
use crate::deletion::request::{
    Atomicity, LockedPolicy, MissingPolicy, Precondition, SELECTORS_MAX, Selector,
};
use crate::domain::id::{BlobId, CommandId, EntryId, PlanId};
use crate::domain::path::EntryPath;
use crate::http::error::ApiError;
use crate::http::json::given;

/// What is to go, and under which policies. At least one selector; 1,000 at most, in all. The
/// items of the answer are numbered through: first `ids`, then `paths`, then `commands`, then `matching`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeletion)]
pub(super) struct NewDeletion {
    /// Files, or folders with all below them, by their ids.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 1000)]
    ids: Option<Vec<ById>>,
    /// Files, or folders with all below them, by their paths.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 1000)]
    paths: Option<Vec<ByPath>>,
    /// Commands, all of whose outputs are to go.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 1000)]
    commands: Option<Vec<String>>,
    /// Files that are found by what they are. An atomic request takes 10,000 of them at most; else
    /// what is more goes in steps behind the commit, and nothing that is newer than the request.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_items = 1, max_items = 10)]
    matching: Option<Vec<Matching>>,
    /// Whether all of it goes or nothing. Else what can go goes, and the items tell of the rest.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, default = true)]
    atomic: Option<bool>,
    /// Whether something that is missing refuses the request, or is counted. By default it
    /// refuses an atomic request.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    missing: Option<Missing>,
    /// Whether something that is locked refuses the request, or stays while the rest goes. By
    /// default it refuses an atomic request; `skip` contradicts one.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    locked: Option<Locked>,
    /// How many files are meant to go, exactly: wanted where the key or the plan lets no request
    /// take so many unasked.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    confirm: Option<u64>,
    /// Decide and tell, and delete nothing.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, default = false)]
    dry_run: Option<bool>,
    /// A plan that a dry run made: all that it named goes, but for what has changed since. Beside
    /// it stands `confirm` alone.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    plan: Option<String>,
}

/// An id by itself; or with the `ETag` of the one version that may go.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected an id, or an object with 'id' and 'if_match'")]
#[schema(as = EntryById)]
enum ById {
    Id(String),
    Version(VersionById),
}

/// A file by its id, if its version is still this one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VersionById {
    id: String,
    /// An `ETag` as an answer gave it, with its quotes.
    if_match: String,
}

/// A path by itself; or with the `ETag` of the one version that may go.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a path, or an object with 'path' and 'if_match'")]
#[schema(as = EntryByPath)]
enum ByPath {
    Path(String),
    Version(VersionByPath),
}

/// A file by its path, if its version is still this one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VersionByPath {
    path: String,
    /// An `ETag` as an answer gave it, with its quotes.
    if_match: String,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MissingPolicy)]
enum Missing {
    Refuse,
    Count,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = LockedPolicy)]
enum Locked {
    Refuse,
    Skip,
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum Wanted {
    /// What these selectors find.
    Selected(Asked),
    /// What a plan named; `None` for a text that is no plan's id.
    Planned {
        /// The plan.
        plan: Option<PlanId>,
        /// How many files are meant to go.
        confirm: Option<u64>,
    },
}

impl Wanted {
    /// Whether nothing is to go.
    pub(super) fn is_dry_run(&self) -> bool {
        match self {
            Self::Selected(asked) => asked.dry_run,
            Self::Planned { .. } => false,
        }
    }
}

/// A request that means something.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) selectors: Vec<Selector>,
    pub(super) preconditions: Vec<Precondition>,
    pub(super) atomicity: Atomicity,
    pub(super) missing: MissingPolicy,
    pub(super) locked: LockedPolicy,
    pub(super) confirm: Option<u64>,
    pub(super) dry_run: bool,
}

impl NewDeletion {
    /// What is asked for; or why that cannot be said.
    pub(super) fn read(self) -> Result<Wanted, ApiError> {
        if let Some(plan) = &self.plan {
            let is_alone = self.ids.is_none()
                && self.paths.is_none()
                && self.commands.is_none()
                && self.matching.is_none()
                && (self.atomic, self.dry_run) == (None, None)
                && self.missing.is_none()
                && self.locked.is_none();
            return match is_alone {
                true => Ok(Wanted::Planned { plan: PlanId::parse(plan), confirm: self.confirm }),
                false => Err(invalid("a plan says all but 'confirm' by itself")),
            };
        }
        self.select().map(Wanted::Selected)
    }

    fn select(self) -> Result<Asked, ApiError> {
        let (missing, locked) = self.policies()?;
        let (confirm, dry_run) = (self.confirm, self.dry_run.unwrap_or(false));
        let atomicity = match self.is_atomic() {
            true => Atomicity::AllOrNone,
            false => Atomicity::BestEffort,
        };
        self.check_lists()?;
        let (selectors, preconditions) = self.selectors()?;
        Ok(Asked { selectors, preconditions, atomicity, missing, locked, confirm, dry_run })
    }

    fn is_atomic(&self) -> bool {
        self.atomic.unwrap_or(true)
    }

    fn policies(&self) -> Result<(MissingPolicy, LockedPolicy), ApiError> {
        let missing = match (self.missing, self.is_atomic()) {
            (Some(Missing::Refuse), _) | (None, true) => MissingPolicy::Refuse,
            (Some(Missing::Count), _) | (None, false) => MissingPolicy::Count,
        };
        let locked = match (self.locked, self.is_atomic()) {
            (Some(Locked::Refuse), _) | (None, true) => LockedPolicy::Refuse,
            (Some(Locked::Skip), _) | (None, false) => LockedPolicy::Skip,
        };
        if self.is_atomic() && locked == LockedPolicy::Skip {
            return Err(invalid("'locked' 'skip' leaves something, which 'atomic' excludes"));
        }
        if !self.is_atomic() && missing == MissingPolicy::Refuse && locked == LockedPolicy::Refuse {
            return Err(invalid("what refuses all that is missing or locked is 'atomic'"));
        }
        Ok((missing, locked))
    }

    /// Something is selected, no list is empty, and there are not too many.
    fn check_lists(&self) -> Result<(), ApiError> {
        let lists = [
            ("ids", self.ids.as_ref().map(Vec::len)),
            ("paths", self.paths.as_ref().map(Vec::len)),
            ("commands", self.commands.as_ref().map(Vec::len)),
            ("matching", self.matching.as_ref().map(Vec::len)),
        ];
        if let Some((name, _)) = lists.iter().find(|(_, length)| *length == Some(0)) {
            return Err(invalid(&format!("'{name}' must not be empty")));
        }
        if self.matching.as_ref().is_some_and(|filters| filters.len() > FILTERS_MAX) {
            return Err(invalid(&format!("'matching' has at most {FILTERS_MAX} filters")));
        }
        match lists.iter().filter_map(|(_, length)| *length).sum() {
            0 => Err(invalid(
                "nothing is selected: 'ids', 'paths', 'commands' or 'matching' is needed",
            )),
            1..=SELECTORS_MAX => Ok(()),
            _more => Err(invalid(&format!("at most {SELECTORS_MAX} things can be selected"))),
        }
    }

    fn selectors(self) -> Result<(Vec<Selector>, Vec<Precondition>), ApiError> {
        let (mut selectors, mut preconditions) = (Vec::new(), Vec::new());
        for by_id in self.ids.into_iter().flatten() {
            let (id, tag) = match by_id {
                ById::Id(id) => (id, None),
                ById::Version(VersionById { id, if_match }) => (id, Some(if_match)),
            };
            preconditions.extend(tag.map(|tag| precondition(selectors.len(), &tag)));
            selectors.push(EntryId::parse(&id).map_or(Selector::Unmatchable, Selector::Entry));
        }
        for (index, by_path) in self.paths.into_iter().flatten().enumerate() {
            let (path, tag) = match by_path {
                ByPath::Path(path) => (path, None),
                ByPath::Version(VersionByPath { path, if_match }) => (path, Some(if_match)),
            };
            preconditions.extend(tag.map(|tag| precondition(selectors.len(), &tag)));
            selectors.push(at_path(index, &path)?);
        }
        let commands = self.commands.into_iter().flatten();
        let outputs =
            |id: String| CommandId::parse(&id).map_or(Selector::Unmatchable, Selector::Outputs);
        selectors.extend(commands.map(outputs));
        for (index, matching) in self.matching.into_iter().flatten().enumerate() {
            selectors.push(Selector::Matching(matching.read(index)?));
        }
        Ok((selectors, preconditions))
    }
}

/// A tag that is none of ours names no version: nothing meets it.
fn precondition(selector: usize, tag: &str) -> Precondition {
    let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    Precondition { selector, versions: tag.and_then(BlobId::parse).into_iter().collect() }
}

fn at_path(index: usize, path: &str) -> Result<Selector, ApiError> {
    match EntryPath::parse_written(path) {
        Ok(written) if written.path.is_root() => Err(invalid("'/' cannot be deleted")),
        Ok(written) => Ok(Selector::Path(written)),
        Err(error) => Err(invalid(&format!("'paths' [{index}]: {error}"))),
    }
}

fn invalid(text: &str) -> ApiError {
    ApiError::Invalid(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    /// Selectors and policies as text; or what is wrong.
    fn check(body: &str) -> Result<String, String> {
        let asked = parse::<NewDeletion>(body.as_bytes()).and_then(NewDeletion::select);
        let asked = asked.map_err(|error| match error {
            ApiError::Invalid(text) => text,
            other => panic!("unexpected {other:?}"),
        })?;
        let shown = |selector: &Selector| match selector {
            Selector::File(id) | Selector::Entry(id) => format!("id {id}"),
            Selector::Path(path) if path.says_folder => format!("{}/", path.path),
            Selector::Path(path) => path.path.to_string(),
            Selector::Outputs(id) => format!("command {id}"),
            Selector::Matching(filter) => format!("filter {}", filter.tags.join("+")),
            Selector::Unmatchable => "?".to_owned(),
        };
        let selectors: Vec<String> = asked.selectors.iter().map(shown).collect();
        let policies = (asked.missing, asked.locked, asked.dry_run);
        Ok(format!("{} {policies:?}", selectors.join(" ")))
    }

    const ID: &str = "01890000-0000-7000-8000-000000000001";

    #[test]
    fn selectors_come_in_the_order_of_their_lists() {
        let body = format!(
            "{{\"matching\":[{{\"tags\":[\"a\",\"b\"]}},{{\"tags\":[\"c\"]}}],\
             \"commands\":[\"{ID}\",\"x\"],\"paths\":[\"/a\",\"/b/\"],\"ids\":[\"{ID}\",\"x\"]}}"
        );
        let expected =
            format!("id {ID} ? /a /b/ command {ID} ? filter a+b filter c (Refuse, Refuse, false)");
        assert_eq!(check(&body), Ok(expected));
    }

    #[test]
    fn a_precondition_belongs_to_its_selector_and_names_a_version_or_none() {
        let body = format!(
            "{{\"paths\":[\"/a\",{{\"path\":\"/b\",\"if_match\":\"\\\"{ID}\\\"\"}}],\
             \"ids\":[{{\"id\":\"{ID}\",\"if_match\":\"W/\\\"{ID}\\\"\"}}]}}"
        );
        let asked = parse::<NewDeletion>(body.as_bytes()).and_then(NewDeletion::select).unwrap();
        let versions = vec![BlobId::parse(ID).unwrap()];
        let expected = [
            Precondition { selector: 0, versions: Vec::new() },
            Precondition { selector: 2, versions },
        ];
        assert_eq!(asked.preconditions, expected);
        assert_eq!(asked.atomicity, Atomicity::AllOrNone);
    }

    #[test]
    fn policies_follow_from_atomic_where_they_are_not_given() {
        for (given, expected) in [
            ("\"atomic\":true,\"dry_run\":false,", "(Refuse, Refuse, false)"),
            ("", "(Refuse, Refuse, false)"),
            ("\"atomic\":true,", "(Refuse, Refuse, false)"),
            ("\"atomic\":false,", "(Count, Skip, false)"),
            ("\"missing\":\"count\",", "(Count, Refuse, false)"),
            ("\"atomic\":false,\"missing\":\"refuse\",", "(Refuse, Skip, false)"),
            ("\"atomic\":false,\"locked\":\"refuse\",\"dry_run\":true,", "(Count, Refuse, true)"),
        ] {
            let body = format!("{{{given}\"paths\":[\"/a\"]}}");
            assert_eq!(check(&body), Ok(format!("/a {expected}")), "{given}");
        }
        for contradiction in [
            "\"locked\":\"skip\"",
            "\"atomic\":true,\"locked\":\"skip\"",
            "\"atomic\":false,\"missing\":\"refuse\",\"locked\":\"refuse\"",
        ] {
            let body = format!("{{{contradiction},\"paths\":[\"/a\"]}}");
            assert!(check(&body).is_err(), "{contradiction}");
        }
    }

    #[test]
    fn what_means_nothing_or_two_things_is_refused() {
        for body in [
            "{}",
            "{\"ids\":[]}",
            "{\"ids\":[],\"paths\":[\"/a\"]}",
            "{\"ids\":null,\"paths\":[\"/a\"]}",
            "{\"paths\":[\"/a\"],\"locked\":null}",
            "{\"paths\":[\"/a\"],\"missing\":null}",
            "{\"paths\":[\"/a\"],\"atomic\":null}",
            "{\"paths\":[\"/a\"],\"dry_run\":null}",
            "{\"paths\":[\"/a\"],\"confirm\":null}",
            "{\"paths\":[\"/a\"],\"confirm\":-1}",
            "{\"paths\":[\"/a\"],\"confirm\":1.0}",
            "{\"paths\":[\"/a\"],\"confirm\":\"1\"}",
            "{\"paths\":[\"/a\"],\"dry_run\":\"true\"}",
            "{\"paths\":[\"/a\"],\"missing\":\"Count\"}",
            "{\"paths\":\"/a\"}",
            "{\"paths\":[null]}",
            "{\"paths\":[1]}",
            "{\"paths\":[[\"/a\"]]}",
            "{\"paths\":[\"/a\"],\"paths\":[\"/b\"]}",
            "{\"paths\":[\"/a\"],\"dryrun\":true}",
            "{\"Paths\":[\"/a\"]}",
            "{\"paths\":[\"/\"]}",
            "{\"paths\":[\"\"]}",
            "{\"paths\":[\"a\"]}",
            "{\"paths\":[\"/a/../b\"]}",
            "{\"paths\":[\"/a//b\"]}",
            "{\"paths\":[\"/a\\u0000\"]}",
            "{\"dry_run\":true}",
            "{\"ids\":[{\"id\":\"x\"}]}",
            "{\"ids\":[{\"path\":\"/a\",\"if_match\":\"x\"}]}",
            "{\"paths\":[{\"path\":\"/a\",\"if_match\":null}]}",
            "{\"paths\":[{\"path\":\"/a\",\"if_match\":\"x\",\"if_match\":\"y\"}]}",
            "{\"paths\":[{\"path\":\"/a\",\"if_match\":\"x\",\"version\":1}]}",
            "{\"commands\":[{\"id\":\"x\",\"if_match\":\"x\"}]}",
        ] {
            assert!(check(body).is_err(), "{body}");
        }
        assert!(check("{\"paths\":[\"/b\",\"/a//b\"]}").unwrap_err().starts_with("'paths' [1]: "));
    }

    #[test]
    fn a_plan_stands_alone() {
        let read = |body: &str| parse::<NewDeletion>(body.as_bytes()).and_then(NewDeletion::read);
        let planned = |body: &str| match read(body) {
            Ok(Wanted::Planned { plan, confirm }) => Some((plan, confirm)),
            Ok(Wanted::Selected(_)) | Err(_) => None,
        };
        let plan = PlanId::parse(ID);
        assert!(plan.is_some());
        assert_eq!(planned(&format!("{{\"plan\":\"{ID}\"}}")), Some((plan, None)));
        let confirmed = format!("{{\"plan\":\"{ID}\",\"confirm\":7}}");
        assert_eq!(planned(&confirmed), Some((plan, Some(7))));
        assert_eq!(planned("{\"plan\":\"x\"}"), Some((None, None)));
        for beside in [
            "\"ids\":[\"x\"]",
            "\"matching\":[{\"tags\":[\"x\"]}]",
            "\"atomic\":true",
            "\"dry_run\":false",
            "\"missing\":\"count\"",
            "\"locked\":\"skip\"",
        ] {
            assert!(read(&format!("{{\"plan\":\"{ID}\",{beside}}}")).is_err(), "{beside}");
        }
        assert!(read("{\"plan\":null}").is_err());
    }

    #[test]
    fn a_thousand_selectors_are_the_most_in_all() {
        let list = |count: usize| vec!["\"x\""; count].join(",");
        let body = |ids, commands| {
            format!("{{\"ids\":[{}],\"commands\":[{}]}}", list(ids), list(commands))
        };
        assert!(check(&body(500, 500)).is_ok());
        assert!(check(&body(500, 501)).is_err());
    }
}
