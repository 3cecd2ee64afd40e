//! Positions in a list, and its sort order.

use sea_orm::Value;

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

impl<I: Into<i64>> From<I> for Cursor {
    fn from(id: I) -> Self {
        Self { key: None, id: id.into() }
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
