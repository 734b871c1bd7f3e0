//! The ids of a delete, in all forms in which clients write them.

use std::collections::HashSet;

use crate::deletion::request::SELECTORS_MAX;
use crate::http::error::ApiError;
use crate::http::query::{Query, QueryError};

/// What a delete without ids is told.
pub(super) const NO_IDS: &str = "At least one upload ID must be provided";

/// In which form a list is written. One request uses one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `ids=a&ids=b`
    Repeated,
    /// `ids[]=a&ids[]=b`
    Brackets,
    /// `ids[0]=a&ids[1]=b`
    Indexed,
}

impl Form {
    fn of(name: &str) -> Option<Self> {
        if name == "ids" {
            return Some(Self::Repeated);
        }
        match name.strip_prefix("ids[")?.strip_suffix(']')? {
            "" => Some(Self::Brackets),
            index if index.bytes().all(|byte| byte.is_ascii_digit()) => Some(Self::Indexed),
            _word => None,
        }
    }
}

/// The distinct ids, as written, in the order in which they first appear. At least one.
pub(super) fn read(query: &Query) -> Result<Vec<String>, ApiError> {
    let mut form = None;
    let mut indexes = HashSet::new();
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for (name, id) in query.pairs() {
        let this = Form::of(name).ok_or_else(|| QueryError::unknown(name))?;
        if *form.get_or_insert(this) != this {
            return Err(invalid("'ids', 'ids[]' and 'ids[n]' cannot be mixed"));
        }
        if this == Form::Indexed && !indexes.insert(name) {
            return Err(invalid("an index of 'ids' is given more than once"));
        }
        if !id.trim().is_empty() && seen.insert(id) {
            ids.push(id.to_owned());
        }
    }
    match ids.len() {
        0 => Err(invalid(NO_IDS)),
        1..=SELECTORS_MAX => Ok(ids),
        _more => Err(ApiError::Invalid(format!(
            "At most {SELECTORS_MAX} uploads can be deleted at once"
        ))),
    }
}

fn invalid(text: &str) -> ApiError {
    ApiError::Invalid(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(raw: &str) -> Result<Vec<String>, String> {
        read(&Query::parse(Some(raw)).unwrap()).map_err(|error| match error {
            ApiError::Invalid(text) => text,
            other => panic!("unexpected {other:?}"),
        })
    }

    #[test]
    fn every_form_means_the_same_list_in_order_of_appearance() {
        for raw in [
            "ids=b&ids=a&ids=c",
            "ids[]=b&ids[]=a&ids[]=c",
            "ids%5B%5D=b&ids%5b%5d=a&ids[]=c",
            "ids[0]=b&ids[1]=a&ids[2]=c",
            "ids[2]=b&ids[0]=a&ids[1]=c",
            "ids=b&ids=&ids=%20&ids=a&ids=b&ids=c",
            "ids=b&&ids=a&ids&ids=c",
        ] {
            assert_eq!(read_text(raw).unwrap(), ["b", "a", "c"], "{raw}");
        }
    }

    #[test]
    fn one_parameter_is_one_id() {
        assert_eq!(read_text("ids=a,b").unwrap(), ["a,b"]);
        assert_eq!(read_text("ids=a%26ids%3Db").unwrap(), ["a&ids=b"]);
        assert_eq!(read_text("ids=+a").unwrap(), [" a"]);
    }

    #[test]
    fn no_ids_are_no_request() {
        for raw in ["", "ids", "ids=", "ids=%20", "ids=+&ids=%09", "ids[]=", "ids[0]="] {
            assert_eq!(read_text(raw), Err(NO_IDS.to_owned()), "{raw}");
        }
    }

    #[test]
    fn mixed_forms_and_repeated_indexes_are_refused() {
        for raw in [
            "ids=a&ids[]=b",
            "ids[]=a&ids[0]=b",
            "ids[0]=a&ids=b",
            "ids[0]=a&ids[0]=b",
            "ids&ids[]=a",
        ] {
            let text = read_text(raw).unwrap_err();
            assert!(text.contains("mixed") || text.contains("more than once"), "{raw}: {text}");
        }
    }

    #[test]
    fn unknown_parameters_are_refused() {
        for raw in [
            "IDS=a",
            "id=a",
            "ids=a&dry_run=true",
            "ids[a]=b",
            "ids[-1]=b",
            "ids[0][1]=b",
            "ids[=b",
            "ids]=b",
        ] {
            assert!(read_text(raw).unwrap_err().starts_with("unknown query parameter"), "{raw}");
        }
        let named = read_text("ids=a&dry_run=true").unwrap_err();
        assert_eq!(named, "unknown query parameter 'dry_run'");
    }

    #[test]
    fn a_thousand_distinct_ids_are_taken_and_no_more() {
        let list = |count: usize| {
            let pairs: Vec<String> = (0..count).map(|id| format!("ids[{id}]={id}")).collect();
            pairs.join("&")
        };
        assert_eq!(read_text(&list(1000)).unwrap().len(), 1000);
        assert!(read_text(&list(1001)).unwrap_err().contains("1000"));
        assert_eq!(read_text(&"ids=a&".repeat(2000)).unwrap(), ["a"]);
    }
}
