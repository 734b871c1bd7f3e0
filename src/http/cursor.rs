//! Cursors: where the next page of a list begins, as an opaque text that only this installation
//! writes.
//!
//! A cursor is bound to the list that it was given for: to its route, its organization and its
//! filters. Any other text is refused, and none tells whether something exists: a cursor is a
//! position in an order and never a right to see. Every page is read anew as the caller's realm
//! sees it, so that a cursor may outlive what it points at.

use super::error::ApiError;
use super::query::Query;
use super::signing::Signer;
use crate::domain::id::OrganizationId;

/// Items of a page that asks for no other number.
pub const PAGE_ITEMS_USUAL: u64 = 100;
/// Items of a page at most.
pub const PAGE_ITEMS_MAX: u64 = 1000;

/// What a cursor is bound to.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// The route, as the router writes it.
    pub route: &'static str,
    /// Whose list; `None` for a list of the whole installation.
    pub organization: Option<OrganizationId>,
    /// The filters that were given, by name and value, in an order that the route keeps.
    pub filters: &'a [(&'a str, &'a str)],
}

/// The page that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAsked {
    /// The position behind which it begins, as the list wrote it; `None` for the first page.
    pub after: Option<Vec<u8>>,
    /// Items at most.
    pub limit: u64,
}

impl PageAsked {
    /// What stands at the position behind which the page begins; a position of another size is none
    /// of the list's.
    pub fn position<const N: usize, T>(
        &self,
        read: impl FnOnce([u8; N]) -> T,
    ) -> Result<Option<T>, ApiError> {
        let Some(after) = &self.after else { return Ok(None) };
        let bytes = after.as_slice().try_into().map_err(|_| foreign_cursor())?;
        Ok(Some(read(bytes)))
    }
}

impl List<'_> {
    /// The page that `cursor` and `limit` of a query name. An empty cursor is the first page; one
    /// that this list did not give is a 400.
    pub fn asked(&self, signer: &Signer, query: &Query) -> Result<PageAsked, ApiError> {
        let limit = query.number("limit", PAGE_ITEMS_USUAL, 1..=PAGE_ITEMS_MAX)?;
        let cursor = query.single("cursor")?.filter(|text| !text.is_empty());
        let after = cursor.map(|text| self.read(signer, text)).transpose()?;
        Ok(PageAsked { after, limit })
    }

    /// The cursor behind a page of these items, each at the position that `position` tells; none
    /// where the page is not full, and so the last one.
    pub fn behind<T, P: AsRef<[u8]>>(
        &self,
        signer: &Signer,
        (items, limit): (&[T], u64),
        position: impl FnOnce(&T) -> P,
    ) -> Option<String> {
        let last = items.last().filter(|_| items.len() as u64 == limit)?;
        Some(self.cursor(signer, position(last).as_ref()))
    }

    /// The cursor behind this position.
    pub fn cursor(&self, signer: &Signer, position: &[u8]) -> String {
        signer.seal(&self.binding(), position)
    }

    fn read(&self, signer: &Signer, text: &str) -> Result<Vec<u8>, ApiError> {
        signer.unseal(&self.binding(), text).ok_or_else(foreign_cursor)
    }

    fn binding(&self) -> Vec<&[u8]> {
        let organization = self.organization.as_ref();
        let organization = organization.map_or(&[][..], |id| id.as_bytes());
        let filters = self.filters.iter().flat_map(|(name, value)| [name, value]);
        let filters = filters.map(|text| text.as_bytes());
        [b"cursor", self.route.as_bytes(), organization].into_iter().chain(filters).collect()
    }
}

/// The refusal of a cursor that its list did not give, or whose position it cannot read.
pub fn foreign_cursor() -> ApiError {
    ApiError::Invalid("the cursor is not one of this list".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTE: &str = "/delenda/v1/things";

    fn signer() -> Signer {
        Signer::new([1; 32], [2; 32])
    }

    fn organization(byte: u8) -> OrganizationId {
        OrganizationId::from_bytes([byte; 16])
    }

    fn list<'a>(filters: &'a [(&'a str, &'a str)]) -> List<'a> {
        List { route: ROUTE, organization: Some(organization(1)), filters }
    }

    fn asked(list: &List<'_>, query: &str) -> Option<PageAsked> {
        match list.asked(&signer(), &Query::parse(Some(query)).unwrap()) {
            Ok(page) => Some(page),
            Err(ApiError::Invalid(_)) => None,
            Err(other) => panic!("unexpected {other:?}"),
        }
    }

    #[test]
    fn a_cursor_reads_back_in_its_own_list() {
        let list = list(&[("status", "SUCCESS")]);
        for position in [&b""[..], b"a", &[0, 255, 10], &[7; 2000]] {
            let cursor = list.cursor(&signer(), position);
            let page = asked(&list, &format!("cursor={cursor}&limit=3")).unwrap();
            assert_eq!(page, PageAsked { after: Some(position.to_vec()), limit: 3 });
        }
    }

    #[test]
    fn the_first_page_needs_no_cursor_and_a_page_has_bounds() {
        let first = PageAsked { after: None, limit: PAGE_ITEMS_USUAL };
        for query in ["", "cursor=", "limit=", "limit=100&cursor="] {
            assert_eq!(asked(&list(&[]), query).as_ref(), Some(&first), "{query}");
        }
        for wrong in ["limit=0", "limit=1001", "limit=-1", "limit=1&limit=1", "cursor=&cursor="] {
            assert_eq!(asked(&list(&[]), wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let of = list(&[("status", "SUCCESS")]);
        let cursor = format!("cursor={}", of.cursor(&signer(), b"position"));
        assert!(asked(&of, &cursor).is_some());
        for other in [
            List { route: "/delenda/v1/other", ..of },
            List { organization: Some(organization(2)), ..of },
            List { organization: None, ..of },
            list(&[]),
            list(&[("status", "FAILED")]),
            list(&[("stat", "usSUCCESS")]),
            list(&[("status", "SUCCESS"), ("", "")]),
            list(&[("status", "SUCCESS"), ("position", "")]),
        ] {
            assert_eq!(asked(&other, &cursor), None, "{other:?}");
        }
    }

    #[test]
    fn a_bent_cursor_is_refused() {
        let list = list(&[]);
        let cursor = list.cursor(&signer(), b"position");
        for at in 0..cursor.len() {
            let mut bent = cursor.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            assert_eq!(asked(&list, &format!("cursor={bent}")), None, "{bent}");
        }
        for wrong in ["x", "%00", "é", &cursor[1..], &cursor[..8], &format!("{cursor}A")] {
            assert_eq!(asked(&list, &format!("cursor={wrong}")), None, "{wrong}");
        }
        let other = Signer::new([3; 32], [2; 32]);
        let other = list.cursor(&other, b"position");
        assert_eq!(asked(&list, &format!("cursor={other}")), None);
    }
}
