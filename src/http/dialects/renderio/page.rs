//! Which part of a list a request asks for.

use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::ledger::Page;

/// Things on a page, unless the request says otherwise.
const PAGE_THINGS: u64 = 50;
/// Things on a page at most.
const PAGE_THINGS_MAX: u64 = 100;

/// The page of `limit` and `offset`.
pub(super) fn page_of(query: &Query) -> Result<Page, ApiError> {
    Ok(Page {
        limit: query.number("limit", PAGE_THINGS, 1..=PAGE_THINGS_MAX)?,
        offset: query.number("offset", 0, 0..=u64::from(u32::MAX))?,
    })
}
