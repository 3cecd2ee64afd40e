//! Usage statistics for operators: by day, model and user.
//!
//! A day that is over is counted once, by the first server to do so, and stored; today, and yesterday until its last
//! turns have ended, are counted on request. So the overview costs the same for any number of chats, and chats deleted
//! later still count on their day.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::Viewer;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::entity::{usage_day, usage_day_user};

/// Maximum number of days of a request.
const MAX_DAYS: u32 = 366;
/// The time after which all turns of a day have ended.
const LAST_TURNS: TimeDelta = TimeDelta::hours(1);
/// Users whose usage is stored in one statement.
const BATCH: usize = 1000;

/// The usage of one day, of one model, or of all models if the name is empty.
pub use crate::infra::entity::usage_day::Model as Used;

/// The usage of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct UserSpending {
    /// The user, who may be deleted.
    pub user_id: i64,
    /// The number of chats.
    pub messages: i64,
    /// The cost of the chats, in prepaid tokens.
    pub tokens: i64,
}

/// Returns the usage of each of the last days, today included: by model and in total, oldest first. Days without chats
/// have the total only.
///
/// # Errors
/// UNAUTHENTICATED or FORBIDDEN for all but staff; INVALID_INPUT unless `days` is 1 to 366.
pub async fn by_day(app: &App, viewer: Viewer, days: i32) -> Result<Vec<Used>, Error> {
    viewer.require_staff()?;
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
pub async fn top_spenders(app: &App, viewer: Viewer, days: i32, first: i32) -> Result<Vec<UserSpending>, Error> {
    viewer.require_staff()?;
    let period = period(app, days)?;
    let count = usize::try_from(first).ok().filter(|count| (1..=100).contains(count));
    let count = count.ok_or_else(|| Error::field("first", "Between 1 and 100."))?;
    let first = day_name(period.first().copied().unwrap_or_default());
    let kept: Vec<String> = usage_day::Entity::find()
        .select_only()
        .column(usage_day::Column::Day)
        .filter(usage_day::Column::Day.gte(&first))
        .filter(usage_day::Column::Model.eq(""))
        .into_tuple()
        .all(app.db.read())
        .await?;
    let mut sums: HashMap<i64, UserSpending> = HashMap::new();
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
/// UNAUTHENTICATED or FORBIDDEN for all but staff.
pub async fn open_turns(app: &App, viewer: Viewer) -> Result<u64, Error> {
    viewer.require_staff()?;
    // Only open chats have a lease, and a partial index has only those.
    Ok(chat::Entity::find().filter(Column::LeaseUntil.is_not_null()).count(app.db.read()).await?)
}

/// Counts the days that are over and not yet counted.
///
/// # Errors
/// INTERNAL if the database fails; the next call counts the remaining days.
pub async fn count_days(app: &App) -> Result<(), Error> {
    let last = usage_day::Entity::find().order_by_desc(usage_day::Column::Day).one(app.db.read()).await?;
    let from = match last {
        Some(used) => used.day.parse().ok().and_then(|day: NaiveDate| day.succ_opt()),
        None => {
            // Imported chats were not used here, and may be very old.
            let own = chat::Entity::find().filter(Column::Model.ne(super::import::MODEL));
            let first = own.order_by_asc(Column::CreatedAt).one(app.db.read()).await?;
            first.map(|chat| chat.created_at.date_naive())
        }
    };
    let over = (app.clock.now() - LAST_TURNS).date_naive();
    let Some(mut day) = from else { return Ok(()) };
    while day < over && !app.stopping.is_cancelled() {
        let used = count_day(app, day).await?;
        let users: Vec<UserSpending> = count_users(day).into_model().all(app.db.read()).await?;
        app.db.write((used, users, day), |txn, (used, users, day)| Box::pin(keep(txn, used, users, *day))).await?;
        day = day.succ_opt().unwrap_or(over);
    }
    Ok(())
}

/// Returns the time before which all chats have been counted; `None` before the first day was.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn counted_until(app: &App) -> Result<Option<DateTime<Utc>>, Error> {
    let last = usage_day::Entity::find().order_by_desc(usage_day::Column::Day).one(app.db.read()).await?;
    let next = last.and_then(|used| used.day.parse().ok()).and_then(|day: NaiveDate| day.succ_opt());
    Ok(next.map(start))
}

async fn keep(txn: &Txn, used: &[Used], users: &[UserSpending], day: NaiveDate) -> Result<(), Error> {
    use sea_orm::sea_query::OnConflict;
    // Another server may have counted the same day concurrently, with the same result.
    let rows = used.iter().cloned().map(IntoActiveModel::into_active_model);
    let known = OnConflict::columns([usage_day::Column::Day, usage_day::Column::Model]).do_nothing().to_owned();
    usage_day::Entity::insert_many(rows).on_conflict(known).exec_without_returning(txn).await?;
    for batch in users.chunks(BATCH) {
        let rows = batch.iter().map(|spent| {
            let UserSpending { user_id, messages, tokens } = *spent;
            usage_day_user::Model { day: day_name(day), user_id, messages, tokens }.into_active_model()
        });
        let key = [usage_day_user::Column::Day, usage_day_user::Column::UserId];
        let known = OnConflict::columns(key).do_nothing().to_owned();
        usage_day_user::Entity::insert_many(rows).on_conflict(known).exec_without_returning(txn).await?;
    }
    Ok(())
}

fn period(app: &App, days: i32) -> Result<Vec<NaiveDate>, Error> {
    let days = u32::try_from(days).ok().filter(|days| (1..=MAX_DAYS).contains(days));
    let days = days.ok_or_else(|| Error::field("days", format!("Between 1 and {MAX_DAYS}.")))?;
    let today = app.clock.now().date_naive();
    Ok((0..days).rev().filter_map(|ago| today.checked_sub_days(Days::new(ago.into()))).collect())
}

/// Returns the days of a period that are not yet counted.
fn open_days<'a>(period: &[NaiveDate], counted: impl Iterator<Item = &'a str>) -> Vec<NaiveDate> {
    let counted: std::collections::HashSet<&str> = counted.collect();
    period.iter().copied().filter(|day| !counted.contains(day_name(*day).as_str())).collect()
}

fn day_name(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

/// Returns the chats that were created on a day.
fn of_day(day: NaiveDate) -> Select<chat::Entity> {
    let chats = chat::Entity::find().filter(Column::CreatedAt.gte(start(day)));
    match day.succ_opt() {
        Some(next) => chats.filter(Column::CreatedAt.lt(start(next))),
        None => chats,
    }
}

/// Returns the start of a day.
fn start(day: NaiveDate) -> DateTime<Utc> {
    DateTime::from_naive_utc_and_offset(day.into(), Utc)
}

#[derive(FromQueryResult)]
struct Counted {
    model: String,
    messages: i64,
    tokens: i64,
    active_users: i64,
    failures: i64,
}

/// Counts the chats of a day by model, and in total.
async fn count_day(app: &App, day: NaiveDate) -> Result<Vec<Used>, Error> {
    let failed = Expr::case(Column::Status.is_in([Status::Failed, Status::Interrupted]), 1i64).finally(0i64);
    let counts = || {
        of_day(day)
            .select_only()
            .column_as(Column::Id.count(), "messages")
            .column_as(sum(Column::Cost), "tokens")
            .column_as(Expr::expr(Func::count_distinct(Expr::col(Column::UserId))), "active_users")
            .column_as(total(Func::sum(failed.clone())), "failures")
    };
    let by_model = counts().column(Column::Model).group_by(Column::Model);
    let together = counts().column_as(Expr::value(""), "model");
    let mut counted: Vec<Counted> = by_model.into_model().all(app.db.read()).await?;
    counted.extend(together.into_model::<Counted>().one(app.db.read()).await?);
    let day = day_name(day);
    let used = counted.into_iter().map(|counted| {
        let Counted { model, messages, tokens, active_users, failures } = counted;
        Used { day: day.clone(), model, messages, tokens, active_users, failures }
    });
    Ok(used.collect())
}

/// Counts the chats of a day by user.
fn count_users(day: NaiveDate) -> Select<chat::Entity> {
    of_day(day)
        .select_only()
        .column(Column::UserId)
        .column_as(Column::Id.count(), "messages")
        .column_as(sum(Column::Cost), "tokens")
        .group_by(Column::UserId)
}

/// Returns the sum of a column, 0 without rows.
fn sum(column: impl ColumnTrait) -> Expr {
    total(Func::sum(Expr::col(column)))
}

/// The cast is for PostgreSQL, whose sum of integers is a decimal.
fn total(sum: sea_orm::sea_query::FunctionCall) -> Expr {
    Func::coalesce([sum.cast_as("bigint"), Expr::val(0i64)]).into()
}
