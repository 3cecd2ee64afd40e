//! Keyset pagination: pages of a list that may grow while it is read.
//!
//! Lists are sorted newest first, or by a number or text and then the id. A [`Cursor`] is the position of a row in that
//! order, so that a page costs the same however long the list is, and rows that are inserted meanwhile shift nothing.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, IntoValueTuple, LikeExpr};
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, FromQueryResult, IntoIdentity, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select, SelectModel, Value,
};

use crate::core::error::{Error, FieldError};

/// Page size if none is requested.
pub const DEFAULT_SIZE: u64 = 20;
/// Largest page size.
pub const MAX_SIZE: u64 = 100;
/// Longest search text, in characters.
const MAX_SEARCH_CHARS: usize = 300;

/// Checks the length of a search text, before it is folded or passed to a database.
///
/// # Errors
/// [`search_too_long`].
pub fn check_search(search: &str) -> Result<(), Error> {
    let is_long = search.len() > 4 * MAX_SEARCH_CHARS || search.chars().count() > MAX_SEARCH_CHARS;
    if is_long { Err(search_too_long()) } else { Ok(()) }
}

/// Returns the condition that a text contains this one, whose characters are no wildcards.
pub fn contains(text: impl ExprTrait, part: &str) -> Expr {
    text.like(LikeExpr::new(format!("%{}%", literal(part))).escape('\\'))
}

/// Returns the condition that a text begins with this one, whose characters are no wildcards.
pub fn begins_with(text: impl ExprTrait, part: &str) -> Expr {
    text.like(LikeExpr::new(format!("{}%", literal(part))).escape('\\'))
}

/// Returns a LIKE pattern that matches this text alone.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Returns INVALID_INPUT for a search text that is too long.
pub fn search_too_long() -> Error {
    Error::field("search", format!("Ensure this field has no more than {MAX_SEARCH_CHARS} characters."))
}

/// A page request, as the Relay cursor connections specification defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    size: u64,
    from_end: bool,
    after: Option<Cursor>,
    before: Option<Cursor>,
}

/// A cursor: the position of a row in its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The sort key before the id; `None` if the list is sorted by the id alone.
    pub key: Option<SortKey>,
    /// The row id.
    pub id: i64,
}

/// The sort key of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl From<i64> for Cursor {
    fn from(id: i64) -> Self {
        Self { key: None, id }
    }
}

impl From<SortKey> for Value {
    fn from(key: SortKey) -> Self {
        match key {
            SortKey::Number(number) => number.into(),
            SortKey::Text(text) => text.into(),
        }
    }
}

/// The sort order of a list.
#[derive(Clone, Copy, Debug)]
pub struct Sort<C> {
    /// The column that it is sorted by before the id, if any.
    pub key: Option<C>,
    /// The id column.
    pub id: C,
    /// Ascending instead of descending order.
    pub ascending: bool,
}

/// A time range, without a bound where an end is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeRange {
    /// Inclusive start.
    pub since: Option<DateTime<Utc>>,
    /// Exclusive end.
    pub until: Option<DateTime<Utc>>,
}

/// Rows that are stored within this time of each other may have ids in another order than their times.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(10);

impl TimeRange {
    /// Restricts a query to the rows of this time range, regardless of their ids.
    pub fn filter<E: EntityTrait>(self, mut rows: Select<E>, created_at: E::Column) -> Select<E> {
        if let Some(since) = self.since.map(within) {
            rows = rows.filter(created_at.gte(since));
        }
        if let Some(until) = self.until.map(within) {
            rows = rows.filter(created_at.lt(until));
        }
        rows
    }

    /// Restricts a query to the rows of this time range. For tables whose ids grow with time, and that have an index on
    /// the time.
    ///
    /// It also bounds the ids, by which the lists are sorted, so that older and newer rows are not read.
    ///
    /// # Errors
    /// INTERNAL if the database fails.
    pub async fn filter_with_id_bounds<E: EntityTrait>(
        self,
        db: &DatabaseConnection,
        mut rows: Select<E>,
        created_at: E::Column,
        id: E::Column,
    ) -> Result<Select<E>, Error> {
        let first_since = async |at: DateTime<Utc>| {
            let since = E::find().filter(created_at.gte(at)).order_by_asc(created_at).select_only().column(id);
            since.into_tuple::<i64>().one(db).await
        };
        rows = self.filter(rows, created_at);
        if let Some(since) = self.since.map(within) {
            // If no row is newer, no row is found.
            let first = first_since(since - CLOCK_SKEW).await?.unwrap_or(i64::MAX);
            rows = rows.filter(id.gte(first));
        }
        if let Some(until) = self.until.map(within)
            && let Some(first) = first_since(until + CLOCK_SKEW).await?
        {
            rows = rows.filter(id.lt(first));
        }
        Ok(rows)
    }
}

/// Clamps a time to the years 1970 to 9909: SQLite compares times as text, with years of four digits.
fn within(at: DateTime<Utc>) -> DateTime<Utc> {
    at.clamp(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::days(2_900_000))
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
        let mut mistakes = Vec::new();
        for (field, size) in [("first", first), ("last", last)] {
            if size.is_some_and(|size| size < 1 || size.unsigned_abs() as u64 > MAX_SIZE) {
                mistakes.push(FieldError { field, message: format!("Between 1 and {MAX_SIZE}.") });
            }
        }
        if first.is_some() && last.is_some() {
            mistakes.push(FieldError { field: "last", message: "Give either `first` or `last`.".to_owned() });
        }
        if !mistakes.is_empty() {
            return Err(Error::invalid(mistakes));
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
            all,
        })
    }

    /// Returns the page of a list of ids in memory, in the order of that list: the ids, and a page to which the caller
    /// adds their rows. `all` is the query for the total.
    ///
    /// # Errors
    /// INVALID_INPUT for a cursor whose row is not in the list.
    pub fn slice_ids<E>(self, ids: &[i64], all: Select<E>) -> Result<(Vec<i64>, Page<E>), Error>
    where
        E: EntityTrait<Model: FromQueryResult + Send + Sync>,
    {
        let range = self.range(ids)?;
        let (has_previous, has_next) = (range.start > 0, range.end < ids.len());
        let picked = ids.get(range).unwrap_or_default().to_vec();
        Ok((picked, Page { rows: Vec::new(), has_previous, has_next, all }))
    }

    fn range(&self, ids: &[i64]) -> Result<Range<usize>, Error> {
        let index = |argument, place: &Option<Cursor>| match place {
            None => Ok(None),
            Some(place) => match ids.iter().position(|id| *id == place.id) {
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
mod tests {
    use super::*;

    #[test]
    fn sizes_out_of_range_are_refused_not_clamped() {
        for size in [i32::MIN, -1, 0, 101, i32::MAX] {
            assert!(PageRequest::new(Some(size), None, None, None).is_err(), "{size}");
            assert!(PageRequest::new(None, Some(size), None, None).is_err(), "{size}");
        }
        assert!(PageRequest::new(Some(1), Some(1), None, None).is_err());
        assert!(PageRequest::new(Some(100), None, None, None).is_ok());
        assert_eq!(PageRequest::new(None, None, None, None).unwrap().size, DEFAULT_SIZE);
    }

    #[test]
    fn pages_of_a_list_in_memory_have_no_gaps() {
        let ids = [9, 3, 7, 1, 5];
        let range = |first, last, after: Option<i64>, before: Option<i64>| {
            let page = PageRequest::new(first, last, after.map(Cursor::from), before.map(Cursor::from)).unwrap();
            page.range(&ids).ok()
        };
        assert_eq!(range(Some(2), None, None, None), Some(0..2));
        assert_eq!(range(Some(2), None, Some(3), None), Some(2..4));
        assert_eq!(range(Some(2), None, Some(1), None), Some(4..5));
        assert_eq!(range(None, Some(2), None, Some(1)), Some(1..3));
        assert_eq!(range(None, Some(9), None, None), Some(0..5));
        assert_eq!(range(Some(2), None, Some(5), Some(9)), Some(5..5));
        assert_eq!(range(None, None, Some(4), None), None, "no such row");
    }
}
