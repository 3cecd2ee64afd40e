//! Time ranges of a list, as conditions on times and ids.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::core::error::Error;

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
