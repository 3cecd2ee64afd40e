//! Keyset paging: a page of a list that may grow while it is read.
//!
//! The lists are sorted newest first by id, and a cursor is the id of a row, so that a page costs the same however long
//! the list is, and rows that arrive meanwhile move nothing.

use sea_orm::{DatabaseConnection, EntityTrait, FromQueryResult, PaginatorTrait, Select};

use crate::error::{Error, FieldError};

/// The page size where none is asked for.
pub const DEFAULT_SIZE: u64 = 20;
/// The largest page.
pub const MAX_SIZE: u64 = 100;

/// Which page, as the Relay cursor connections specification says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    size: u64,
    from_end: bool,
    after: Option<i64>,
    before: Option<i64>,
}

/// A page of rows, in the order of the list.
#[derive(Clone, Debug)]
pub struct Slice<E: EntityTrait> {
    /// The rows, newest first.
    pub rows: Vec<E::Model>,
    /// There are rows before the first one.
    pub has_previous: bool,
    /// There are rows behind the last one.
    pub has_next: bool,
    /// The whole list, not read.
    all: Select<E>,
}

impl<E: EntityTrait<Model: Send + Sync>> Slice<E> {
    /// How many rows the whole list has. Costs a query of its own.
    ///
    /// # Errors
    /// INTERNAL where the database fails.
    pub async fn total(&self, db: &DatabaseConnection) -> Result<u64, Error> {
        Ok(self.all.clone().count(db).await?)
    }
}

impl Page {
    /// The newest `size` rows older than `before`; `size` is trusted.
    pub fn newest(size: u64, older_than: Option<i64>) -> Self {
        Self { size, from_end: false, after: older_than, before: None }
    }

    /// A page by the four arguments of a connection.
    ///
    /// # Errors
    /// INVALID_INPUT where a size is not between 1 and [`MAX_SIZE`], or `first` comes with `last`.
    pub fn new(first: Option<i32>, last: Option<i32>, after: Option<i64>, before: Option<i64>) -> Result<Self, Error> {
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

    /// Reads the page of a list; `id` is the column of its ids.
    ///
    /// # Errors
    /// INTERNAL where the database fails.
    pub async fn load<E>(self, db: &DatabaseConnection, all: Select<E>, id: E::Column) -> Result<Slice<E>, Error>
    where
        E: EntityTrait<Model: FromQueryResult + Send + Sync>,
    {
        let mut cursor = all.clone().cursor_by(id);
        cursor.desc();
        if let Some(after) = self.after {
            cursor.after(after);
        }
        if let Some(before) = self.before {
            cursor.before(before);
        }
        // One row more than asked for tells whether there is another page.
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
        Ok(Slice {
            rows,
            has_previous: if self.from_end { more } else { self.after.is_some() },
            has_next: if self.from_end { self.before.is_some() } else { more },
            all,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_out_of_range_are_refused_not_clamped() {
        for size in [i32::MIN, -1, 0, 101, i32::MAX] {
            assert!(Page::new(Some(size), None, None, None).is_err(), "{size}");
            assert!(Page::new(None, Some(size), None, None).is_err(), "{size}");
        }
        assert!(Page::new(Some(1), Some(1), None, None).is_err());
        assert!(Page::new(Some(100), None, None, None).is_ok());
        assert_eq!(Page::new(None, None, None, None).unwrap().size, DEFAULT_SIZE);
    }
}
