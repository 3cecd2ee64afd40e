//! Usage statistics of the last days, for staff.

use std::collections::{HashMap, HashSet};

use chrono::{Days, NaiveDate};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use super::day::{DailyUsage, UserSpending, count_day, count_users, day_name, sum};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::viewer::Staff;
use crate::infra::entity::chat::{self, Column};
use crate::infra::entity::{usage_day, usage_day_user};

/// Maximum number of days of a request.
pub(super) const MAX_DAYS: u32 = 366;

/// Returns the usage of each of the last days, today included: by model and in total, oldest first. Days without chats
/// have the total only.
///
/// # Errors
/// INVALID_INPUT unless `days` is 1 to 366.
pub async fn by_day(app: &App, _: Staff, days: i32) -> Result<Vec<DailyUsage>, Error> {
    let period = period(app, days)?;
    let first = day_name(period.first().copied().unwrap_or_default());
    let kept = usage_day::Entity::find().filter(usage_day::Column::Day.gte(first));
    let mut used = kept.all(app.db.read()).await?;
    for day in open_days(&period, used.iter().map(|used| used.day.as_str())) {
        used.extend(count_day(app, day).await?);
    }
    used.sort_by(|one, other| (&one.day, &one.model).cmp(&(&other.day, &other.model)));
    Ok(used)
}

/// Returns the users who spent most in the last days, today included.
///
/// # Errors
/// As [`by_day`]; INVALID_INPUT also unless `first` is 1 to 100.
pub async fn top_spenders(app: &App, _: Staff, days: i32, first: i32) -> Result<Vec<UserSpending>, Error> {
    let period = period(app, days)?;
    let count = usize::try_from(first).ok().filter(|count| (1..=100).contains(count));
    let count = count.ok_or_else(|| Error::field("first", "Between 1 and 100."))?;
    let first = day_name(period.first().copied().unwrap_or_default());
    let kept = stored_days(app, &first).await?;
    let mut sums: HashMap<UserId, UserSpending> = HashMap::new();
    let mut add = |spent: Vec<UserSpending>| {
        for UserSpending { user_id, messages, tokens } in spent {
            let sum = sums.entry(user_id).or_insert(UserSpending { user_id, messages: 0, tokens: 0 });
            sum.messages += messages;
            sum.tokens += tokens;
        }
    };
    let by_user = usage_day_user::Entity::find()
        .select_only()
        .column(usage_day_user::Column::UserId)
        .column_as(sum(usage_day_user::Column::Messages), "messages")
        .column_as(sum(usage_day_user::Column::Tokens), "tokens")
        .filter(usage_day_user::Column::Day.gte(&first))
        .group_by(usage_day_user::Column::UserId);
    add(by_user.into_model().all(app.db.read()).await?);
    for day in open_days(&period, kept.iter().map(String::as_str)) {
        add(count_users(day).into_model().all(app.db.read()).await?);
    }
    let mut spent: Vec<_> = sums.into_values().filter(|spent| spent.tokens > 0).collect();
    spent.sort_by_key(|spent| (std::cmp::Reverse(spent.tokens), spent.user_id));
    spent.truncate(count);
    Ok(spent)
}

/// Returns the number of open turns on all servers.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn open_turns(app: &App, _: Staff) -> Result<u64, Error> {
    // Only open chats have a lease, and a partial index has only those.
    Ok(chat::Entity::find().filter(Column::LeaseUntil.is_not_null()).count(app.db.read()).await?)
}

/// Returns the days from `first` on that are counted and stored.
pub(super) async fn stored_days(app: &App, first: &str) -> Result<Vec<String>, Error> {
    let days = usage_day::Entity::find()
        .select_only()
        .column(usage_day::Column::Day)
        .filter(usage_day::Column::Day.gte(first))
        .filter(usage_day::Column::Model.eq(""));
    Ok(days.into_tuple().all(app.db.read()).await?)
}

pub(super) fn period(app: &App, days: i32) -> Result<Vec<NaiveDate>, Error> {
    let days = u32::try_from(days).ok().filter(|days| (1..=MAX_DAYS).contains(days));
    let days = days.ok_or_else(|| Error::field("days", format!("Between 1 and {MAX_DAYS}.")))?;
    let today = app.clock.now().date_naive();
    Ok((0..days).rev().filter_map(|ago| today.checked_sub_days(Days::new(ago.into()))).collect())
}

/// Returns the days of a period that are not yet counted.
pub(super) fn open_days<'a>(period: &[NaiveDate], counted: impl Iterator<Item = &'a str>) -> Vec<NaiveDate> {
    let counted: HashSet<&str> = counted.collect();
    period.iter().copied().filter(|day| !counted.contains(day_name(*day).as_str())).collect()
}
