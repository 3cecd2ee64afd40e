//! Keyset pagination: pages of a list that may grow while it is read.
//!
//! Lists are sorted newest first, or by a number or text and then the id. A [`Cursor`] is the position of a row in that
//! order, so that a page costs the same however long the list is, and rows that are inserted meanwhile shift nothing.

mod cursor;
mod in_memory;
mod search;
mod time_range;

use std::ops::Range;

use sea_orm::sea_query::IntoValueTuple;
use sea_orm::{
    DatabaseConnection, EntityTrait, FromQueryResult, IntoIdentity, PaginatorTrait, Select, SelectModel, Value,
};

pub use self::cursor::{Cursor, Sort, SortKey};
pub use self::in_memory::KeyedPage;
pub use self::search::{begins_with, check_search, contains, search_too_long};
pub use self::time_range::TimeRange;
use crate::core::error::{Error, FieldError};

/// Page size if none is requested.
pub const DEFAULT_SIZE: u64 = 20;
/// Largest page size.
pub const MAX_SIZE: u64 = 100;

/// A page request, as the Relay cursor connections specification defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    size: u64,
    from_end: bool,
    after: Option<Cursor>,
    before: Option<Cursor>,
}

/// A page of rows, in the order of the list.
#[derive(Clone, Debug)]
pub struct Page<E: EntityTrait> {
    /// The rows, in the order of the list.
    pub rows: Vec<E::Model>,
    /// Whether rows precede the first one.
    pub has_previous: bool,
    /// Whether rows follow the last one.
    pub has_next: bool,
    /// Whether the list was cut, as that of a search with too many results: the total counts only its rows.
    pub is_truncated: bool,
    /// The query of the whole list, for its total.
    all: Select<E>,
}

impl<E: EntityTrait<Model: Send + Sync>> Page<E> {
    /// Returns the number of rows of the whole list. Costs a query.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn total(&self, db: &DatabaseConnection) -> Result<u64, Error> {
        Ok(self.all.clone().count(db).await?)
    }
}

impl PageRequest {
    /// Returns a request for the newest `size` rows, before the id `older_than` if given; `size` is not checked.
    pub fn newest(size: u64, older_than: Option<i64>) -> Self {
        Self { size, from_end: false, after: older_than.map(Cursor::from), before: None }
    }

    /// Creates a page request from the four arguments of a connection.
    ///
    /// # Errors
    /// INVALID_INPUT if a size is not between 1 and [`MAX_SIZE`], or both `first` and `last` are given.
    pub fn new(
        first: Option<i32>,
        last: Option<i32>,
        after: Option<Cursor>,
        before: Option<Cursor>,
    ) -> Result<Self, Error> {
        let mut errors = Vec::new();
        for (field, size) in [("first", first), ("last", last)] {
            if size.is_some_and(|size| size < 1 || size.unsigned_abs() as u64 > MAX_SIZE) {
                errors.push(FieldError { field, message: format!("Between 1 and {MAX_SIZE}.") });
            }
        }
        if first.is_some() && last.is_some() {
            errors.push(FieldError { field: "last", message: "Give either `first` or `last`.".to_owned() });
        }
        if !errors.is_empty() {
            return Err(Error::invalid(errors));
        }
        let size = first.or(last).map_or(DEFAULT_SIZE, |size| size.unsigned_abs().into());
        Ok(Self { size, from_end: last.is_some(), after, before })
    }

    /// Loads the page of a list that is sorted by its ids in descending order; `id` is their column.
    ///
    /// # Errors
    /// INVALID_INPUT for a cursor of a list with another sort order; INTERNAL if the database fails.
    pub async fn load<E>(self, db: &DatabaseConnection, all: Select<E>, id: E::Column) -> Result<Page<E>, Error>
    where
        E: EntityTrait<Model: FromQueryResult + Send + Sync>,
    {
        self.load_by(db, all, Sort { key: None, id, ascending: false }).await
    }

    /// Loads the page of a list with the sort order `sort`.
    ///
    /// # Errors
    /// INVALID_INPUT for a cursor of a list with another sort order; INTERNAL if the database fails.
    pub async fn load_by<E>(
        self,
        db: &DatabaseConnection,
        all: Select<E>,
        sort: Sort<E::Column>,
    ) -> Result<Page<E>, Error>
    where
        E: EntityTrait<Model: FromQueryResult + Send + Sync>,
    {
        let mut cursor: sea_orm::Cursor<SelectModel<E::Model>> = match sort.key {
            Some(key) => all.clone().cursor_by((key, sort.id).into_identity()),
            None => all.clone().cursor_by(sort.id.into_identity()),
        };
        for (argument, place) in [("after", &self.after), ("before", &self.before)] {
            let Some(Cursor { key, id }) = place.clone() else { continue };
            let place = match (key, sort.key) {
                (None, None) => id.into_value_tuple(),
                (Some(key), Some(_)) => (Value::from(key), id).into_value_tuple(),
                _ => return Err(Error::field(argument, "This is not a cursor of this list.")),
            };
            if argument == "after" {
                cursor.after(place)
            } else {
                cursor.before(place)
            };
        }
        if sort.ascending {
            cursor.asc()
        } else {
            cursor.desc()
        };
        // One row more than requested shows whether there is another page.
        if self.from_end {
            cursor.last(self.size + 1)
        } else {
            cursor.first(self.size + 1)
        };
        let mut rows = cursor.all(db).await?;
        let more = rows.len() as u64 > self.size;
        if more && self.from_end {
            rows.remove(0);
        } else if more {
            rows.pop();
        }
        Ok(Page {
            rows,
            has_previous: if self.from_end { more } else { self.after.is_some() },
            has_next: if self.from_end { self.before.is_some() } else { more },
            is_truncated: false,
            all,
        })
    }

    /// Returns the page of a list of ids in memory, in the order of that list: the ids, and a page to which the caller
    /// adds their rows. `all` is the query for the total.
    ///
    /// # Errors
    /// INVALID_INPUT for a cursor whose row is not in the list.
    pub fn slice_ids<E, I: Copy + Into<i64>>(self, ids: &[I], all: Select<E>) -> Result<(Vec<I>, Page<E>), Error>
    where
        E: EntityTrait<Model: FromQueryResult + Send + Sync>,
    {
        let range = self.range(ids)?;
        let (has_previous, has_next) = (range.start > 0, range.end < ids.len());
        let picked = ids.get(range).unwrap_or_default().to_vec();
        Ok((picked, Page { rows: Vec::new(), has_previous, has_next, is_truncated: false, all }))
    }

    fn range<I: Copy + Into<i64>>(&self, ids: &[I]) -> Result<Range<usize>, Error> {
        let index = |argument, place: &Option<Cursor>| match place {
            None => Ok(None),
            Some(place) => match ids.iter().position(|id| (*id).into() == place.id) {
                Some(index) => Ok(Some(index)),
                None => Err(Error::field(argument, "This is not a cursor of this list, or its row was removed.")),
            },
        };
        let start = index("after", &self.after)?.map_or(0, |index| index + 1);
        let end = index("before", &self.before)?.unwrap_or(ids.len()).max(start);
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        Ok(match self.from_end {
            true => end.saturating_sub(size).max(start)..end,
            false => start..end.min(start.saturating_add(size)),
        })
    }
}

#[cfg(test)]
mod tests;
