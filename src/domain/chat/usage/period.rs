//! Usage statistics of any period of whole days in UTC.

use std::collections::HashSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::day::{DailyUsage, count_day, count_users, day_name, start};
use super::report::MAX_DAYS;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::pagination::TimeRange;
use crate::domain::chat::import;
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::entity::{usage_day, usage_day_user};

/// A period of whole days in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub since: NaiveDate,
    /// The day after the last one.
    pub until: NaiveDate,
}

/// The times that answers took, of the newest of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerTimes {
    /// From the message to the end of the answer, in milliseconds, ascending.
    pub whole: Vec<i64>,
    /// From the message to the first chunk, in milliseconds, ascending.
    pub first_chunk: Vec<i64>,
}

/// The times of a message, of the first chunk of its answer, and of its end.
type Times = (DateTime<Utc>, Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// Answers whose times are read: the newest of a period.
const MAX_TIMED: u64 = 10_000;

impl Period {
    /// Returns the period of the days that these times touch.
    ///
    /// # Errors
    /// INVALID_INPUT unless it is of 1 to 366 days.
    pub fn new(since: DateTime<Utc>, until: DateTime<Utc>) -> Result<Self, Error> {
        let wrong = || Error::field("until", format!("Between 1 and {MAX_DAYS} days after `since`."));
        let last = until.date_naive();
        let end = if start(last) == until { Some(last) } else { last.succ_opt() };
        let until = end.ok_or_else(wrong)?;
        let since = since.date_naive();
        let days = (until - since).num_days();
        if days < 1 || days > MAX_DAYS.into() { Err(wrong()) } else { Ok(Self { since, until }) }
    }

    /// Returns the period of as many days before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        let days = Days::new(u64::try_from((self.until - self.since).num_days()).unwrap_or(0));
        Self { since: self.since.checked_sub_days(days).unwrap_or(NaiveDate::MIN), until: self.since }
    }

    /// Returns the times of the period.
    pub fn range(self) -> TimeRange {
        TimeRange { since: Some(start(self.since)), until: Some(start(self.until)) }
    }

    fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.since.iter_days().take_while(move |day| *day < self.until)
    }
}

/// Returns the usage of each day of a period on which chats were opened: by model and in total, oldest first.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn between(app: &App, period: Period) -> Result<Vec<DailyUsage>, Error> {
    let stored = usage_day::Entity::find()
        .filter(usage_day::Column::Day.gte(day_name(period.since)))
        .filter(usage_day::Column::Day.lt(day_name(period.until)));
    let mut used = stored.all(app.db.read()).await?;
    let counted: HashSet<String> = used.iter().map(|used| used.day.clone()).collect();
    for day in uncounted(app, period, &counted).await? {
        used.extend(count_day(app, day).await?);
    }
    used.retain(|used| used.messages > 0);
    used.sort_by(|one, other| (&one.day, &one.model).cmp(&(&other.day, &other.model)));
    Ok(used)
}

/// Returns the number of users who sent messages in a period.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn active_users(app: &App, period: Period) -> Result<u64, Error> {
    use usage_day_user::Column::{Day, UserId as User};
    let in_period =
        usage_day_user::Entity::find().filter(Day.gte(day_name(period.since))).filter(Day.lt(day_name(period.until)));
    let users: Vec<UserId> = in_period.select_only().column(User).distinct().into_tuple().all(app.db.read()).await?;
    let mut users: HashSet<UserId> = users.into_iter().collect();
    let stored: Vec<String> = usage_day::Entity::find()
        .select_only()
        .column(usage_day::Column::Day)
        .filter(usage_day::Column::Day.gte(day_name(period.since)))
        .filter(usage_day::Column::Day.lt(day_name(period.until)))
        .filter(usage_day::Column::Model.eq(""))
        .into_tuple()
        .all(app.db.read())
        .await?;
    for day in uncounted(app, period, &stored.into_iter().collect()).await? {
        let counted: Vec<super::UserSpending> = count_users(day).into_model().all(app.db.read()).await?;
        users.extend(counted.into_iter().map(|spent| spent.user_id));
    }
    Ok(users.len() as u64)
}

/// Returns the times of the newest complete answers of a period.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn answer_times(app: &App, period: Period) -> Result<AnswerTimes, Error> {
    let answers = period.range().filter(chat::Entity::find(), Column::CreatedAt);
    let answers = answers
        .filter(Column::Status.eq(Status::Done))
        .filter(Column::Model.ne(import::MODEL))
        .order_by_desc(Column::CreatedAt)
        .limit(MAX_TIMED)
        .select_only()
        .columns([Column::CreatedAt, Column::FirstChunkAt, Column::FinishedAt]);
    let times: Vec<Times> = answers.into_tuple().all(app.db.read()).await?;
    let after = |at: DateTime<Utc>, begun: DateTime<Utc>| (at - begun).num_milliseconds().max(0);
    let mut whole: Vec<_> = times.iter().filter_map(|(begun, _, ended)| Some(after((*ended)?, *begun))).collect();
    let mut first_chunk: Vec<_> = times.iter().filter_map(|(begun, first, _)| Some(after((*first)?, *begun))).collect();
    whole.sort_unstable();
    first_chunk.sort_unstable();
    Ok(AnswerTimes { whole, first_chunk })
}

/// Returns the days of a period that are not stored and may have chats: those from the first chat until today.
async fn uncounted(app: &App, period: Period, stored: &HashSet<String>) -> Result<Vec<NaiveDate>, Error> {
    let first = chat::Entity::find().order_by_asc(Column::CreatedAt).select_only().column(Column::CreatedAt);
    let first: Option<DateTime<Utc>> = first.into_tuple().one(app.db.read()).await?;
    let Some(first) = first.map(|at| at.date_naive()) else { return Ok(Vec::new()) };
    let today = app.clock.now().date_naive();
    let open = period.days().filter(|day| (first..=today).contains(day) && !stored.contains(&day_name(*day)));
    Ok(open.collect())
}
