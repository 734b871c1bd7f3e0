//! Which deletions a list is asked for. Pure.

use crate::deletion::record::DeletionState;
use crate::deletion::request::Door;
use crate::domain::clock::Timestamp;
use crate::domain::entry::Sequence;
use crate::domain::id::KeyId;
use crate::http::cursor::foreign_cursor;
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::ledger::{DeletionOrder, DeletionQuery};

/// The parameters of a list, in the order in which its cursors are bound to them.
const PARAMETERS: [&str; 6] = ["state", "door", "key", "since", "until", "order"];

/// The parameters of every list beside its filters.
const USUAL: [&str; 3] = ["organization", "limit", "cursor"];

/// The filters as they were given, for the cursor. A word that is none of them might have been meant
/// to leave something out.
pub(super) fn given(query: &Query) -> Result<Vec<(&'static str, &str)>, ApiError> {
    query.only(&[&PARAMETERS[..], &USUAL].concat())?;
    let mut given = Vec::new();
    for name in PARAMETERS {
        if let Some(value) = query.single(name)?.filter(|value| !value.is_empty()) {
            given.push((name, value));
        }
    }
    Ok(given)
}

/// What they mean; the page is the caller's to add.
pub(super) fn read(given: &[(&'static str, &str)]) -> Result<DeletionQuery, ApiError> {
    let mut query = DeletionQuery::default();
    for (name, value) in given {
        match *name {
            "state" => {
                query.state = Some(one_of(name, state(value), "selecting, purging, settled")?);
            }
            "door" => {
                let words = Door::ALL.map(Door::word).join(", ");
                query.door = Some(one_of(name, Door::parse(value), &words)?);
            }
            "key" => query.key = Some(one_of(name, KeyId::parse(value), "the id of a key")?),
            "since" => query.since = Some(time(name, value)?),
            "until" => query.until = Some(time(name, value)?),
            _order => query.order = one_of(name, order(value), "newest, oldest")?,
        }
    }
    Ok(query)
}

fn state(word: &str) -> Option<DeletionState> {
    match word {
        "selecting" => Some(DeletionState::Selecting),
        "purging" => Some(DeletionState::Purging),
        "settled" => Some(DeletionState::Settled),
        _ => None,
    }
}

fn order(word: &str) -> Option<DeletionOrder> {
    match word {
        "newest" => Some(DeletionOrder::NewestFirst),
        "oldest" => Some(DeletionOrder::OldestFirst),
        _ => None,
    }
}

fn time(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    one_of(name, Timestamp::parse(text), "a time with its offset, as 2026-01-31T12:00:00Z")
}

fn one_of<T>(name: &str, value: Option<T>, words: &str) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::Invalid(format!("query parameter '{name}' must be: {words}")))
}

/// A place in the list, as a cursor holds it.
pub(super) fn position(place: Sequence) -> [u8; 8] {
    place.0.to_be_bytes()
}

/// The place that a cursor holds.
pub(super) fn place(position: &[u8]) -> Result<Sequence, ApiError> {
    let bytes = position.try_into().map_err(|_| foreign_cursor())?;
    Ok(Sequence(i64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str) -> Option<DeletionQuery> {
        let query = Query::parse(Some(raw)).unwrap();
        given(&query).and_then(|given| read(&given)).ok()
    }

    #[test]
    fn filters_are_read_and_may_be_empty() {
        assert_eq!(check(""), Some(DeletionQuery::default()));
        assert_eq!(
            check("state=&door=&key=&since=&until=&order="),
            check("limit=5&organization=x")
        );
        let id = "01890000-0000-7000-8000-000000000001";
        let all = format!(
            "state=purging&door=sirv&key={id}&since=1970-01-01T00:00:01Z\
             &until=1970-01-01T01:00:02%2B01:00&order=oldest"
        );
        let expected = DeletionQuery {
            state: Some(DeletionState::Purging),
            door: Some(Door::Sirv),
            key: KeyId::parse(id),
            since: Some(Timestamp::from_millis(1000)),
            until: Some(Timestamp::from_millis(2000)),
            order: DeletionOrder::OldestFirst,
            ..DeletionQuery::default()
        };
        assert_eq!(check(&all), Some(expected));
    }

    #[test]
    fn a_filter_that_means_nothing_is_refused() {
        for wrong in [
            "state=gone",
            "state=Settled",
            "state=settled&state=settled",
            "door=ftp",
            "key=x",
            "since=yesterday",
            "since=2026-01-31",
            "until=2026-01-31T12:00:00",
            "order=up",
            "sinse=2026-01-31T12:00:00Z",
        ] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_place_reads_back_as_itself() {
        for number in [0, 1, i64::MAX] {
            assert_eq!(place(&position(Sequence(number))).unwrap(), Sequence(number));
        }
        assert!(place(b"").is_err() && place(&[0; 9]).is_err());
    }
}
