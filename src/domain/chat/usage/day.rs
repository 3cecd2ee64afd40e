//! Counting the chats of one day, by model and by user.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func, FunctionCall};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, Select};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::infra::entity::chat::{self, Column, Status};
/// The usage of one day, of one model, or of all models if the name is empty.
pub use crate::infra::entity::usage_day::Model as DailyUsage;

/// The usage of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct UserSpending {
    /// The user, who may be deleted.
    pub user_id: UserId,
    /// The number of chats.
    pub messages: i64,
    /// The cost of the chats, in prepaid tokens.
    pub tokens: i64,
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
pub(super) async fn count_day(app: &App, day: NaiveDate) -> Result<Vec<DailyUsage>, Error> {
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
        DailyUsage {
            day: day.clone(),
            model,
            messages,
            tokens,
            active_users,
            failures,
            input_units: None,
            cache_read_units: None,
            cache_write_units: None,
            output_units: None,
            reasoning_units: None,
            images: None,
        }
    });
    Ok(used.collect())
}

#[derive(FromQueryResult)]
struct CountedUnits {
    model: String,
    input: i64,
    cache_read: i64,
    cache_write: i64,
    output: i64,
    reasoning: i64,
    images: i64,
}

/// Counts the model tokens of a day, which [`count_day`] has counted. Apart from it, since this reads the whole rows of
/// the chats: for days that are over, once.
pub(super) async fn count_units(app: &App, day: NaiveDate, used: &mut [DailyUsage]) -> Result<(), Error> {
    let by_model = of_day(day)
        .select_only()
        .column(Column::Model)
        .column_as(sum(Column::InputUnits), "input")
        .column_as(sum(Column::CacheReadUnits), "cache_read")
        .column_as(sum(Column::CacheWriteUnits), "cache_write")
        .column_as(sum(Column::OutputUnits), "output")
        .column_as(sum(Column::ReasoningUnits), "reasoning")
        .column_as(sum(Column::Images), "images")
        .group_by(Column::Model);
    let counted: Vec<CountedUnits> = by_model.into_model().all(app.db.read()).await?;
    for used in used {
        let of_model = || counted.iter().filter(|units| used.model.is_empty() || units.model == used.model);
        let sum = |class: fn(&CountedUnits) -> i64| Some(of_model().map(class).fold(0, i64::saturating_add));
        let (input, cache_read, cache_write) = (sum(|of| of.input), sum(|of| of.cache_read), sum(|of| of.cache_write));
        let (output, reasoning) = (sum(|of| of.output), sum(|of| of.reasoning));
        (used.input_units, used.cache_read_units, used.cache_write_units) = (input, cache_read, cache_write);
        (used.output_units, used.reasoning_units, used.images) = (output, reasoning, sum(|of| of.images));
    }
    Ok(())
}

/// Counts the chats of a day by user.
pub(super) fn count_users(day: NaiveDate) -> Select<chat::Entity> {
    of_day(day)
        .select_only()
        .column(Column::UserId)
        .column_as(Column::Id.count(), "messages")
        .column_as(sum(Column::Cost), "tokens")
        .group_by(Column::UserId)
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
pub(super) fn start(day: NaiveDate) -> DateTime<Utc> {
    DateTime::from_naive_utc_and_offset(day.into(), Utc)
}

pub(super) fn day_name(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

/// Returns the sum of a column, 0 without rows.
pub(super) fn sum(column: impl ColumnTrait) -> Expr {
    total(Func::sum(Expr::col(column)))
}

/// The cast is for PostgreSQL, whose sum of integers is a decimal.
fn total(sum: FunctionCall) -> Expr {
    Func::coalesce([sum.cast_as("bigint"), Expr::val(0i64)]).into()
}
