//! Pages of a list in memory that is sorted by a unique text.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Cursor, PageRequest, SortKey};
use crate::core::error::Error;

/// A page of a list in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedPage<T> {
    /// The elements with their keys, in the order of the list.
    pub rows: Vec<(String, T)>,
    /// Whether elements precede the first one.
    pub has_previous: bool,
    /// Whether elements follow the last one.
    pub has_next: bool,
}

impl PageRequest {
    /// Returns the page of those elements of a map that match, in the order of their keys. Without a condition it takes as
    /// long for any size of the map.
    ///
    /// # Errors
    /// INVALID_INPUT for a cursor of a list with another sort order.
    pub fn of_map<T: Clone>(
        self,
        map: &BTreeMap<String, T>,
        matches: impl Fn(&str, &T) -> bool,
    ) -> Result<KeyedPage<T>, Error> {
        let bound = |argument, place: &Option<Cursor>| match place {
            None => Ok(Bound::Unbounded),
            Some(Cursor { key: Some(SortKey::Text(key)), .. }) => Ok(Bound::Excluded(key.clone())),
            Some(_) => Err(Error::field(argument, "This is not a cursor of this list.")),
        };
        let (after, before) = (bound("after", &self.after)?, bound("before", &self.before)?);
        if let (Bound::Excluded(after), Bound::Excluded(before)) = (&after, &before)
            && after >= before
        {
            return Ok(KeyedPage { rows: Vec::new(), has_previous: true, has_next: true });
        }
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let found = map.range((after, before)).filter(|(key, element)| matches(key, element));
        let owned = |(key, element): (&String, &T)| (key.clone(), element.clone());
        // One more than requested shows whether there is another page.
        let mut rows: Vec<_> = match self.from_end {
            true => found.rev().take(size + 1).map(owned).collect(),
            false => found.take(size + 1).map(owned).collect(),
        };
        let more = rows.len() > size;
        rows.truncate(size);
        if self.from_end {
            rows.reverse();
        }
        Ok(KeyedPage {
            rows,
            has_previous: if self.from_end { more } else { self.after.is_some() },
            has_next: if self.from_end { self.before.is_some() } else { more },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_paged_by_its_keys_from_either_end() {
        let map: BTreeMap<_, _> = ["a", "b", "c", "d"].into_iter().map(|key| (key.to_owned(), ())).collect();
        let cursor = |key: &str| Some(Cursor { key: Some(SortKey::Text(key.to_owned())), id: 0 });
        let page = |first, last, after: Option<&str>, before: Option<&str>| {
            let request = PageRequest::new(first, last, after.and_then(cursor), before.and_then(cursor)).unwrap();
            let page = request.of_map(&map, |key, ()| key != "c").unwrap();
            let keys: String = page.rows.into_iter().map(|(key, ())| key).collect();
            (keys, page.has_previous, page.has_next)
        };
        assert_eq!(page(Some(2), None, None, None), ("ab".to_owned(), false, true));
        assert_eq!(page(Some(2), None, Some("a"), None), ("bd".to_owned(), true, false));
        assert_eq!(page(None, Some(1), None, None), ("d".to_owned(), true, false));
        assert_eq!(page(None, Some(5), None, Some("d")), ("ab".to_owned(), false, true));
        assert_eq!(page(Some(5), None, Some("x"), None), (String::new(), true, false));
        assert_eq!(page(Some(5), None, Some("c"), Some("b")), (String::new(), true, true));
        let wrong = PageRequest::new(None, None, Some(Cursor::from(1)), None).unwrap();
        assert!(wrong.of_map(&map, |_, ()| true).is_err());
    }
}
