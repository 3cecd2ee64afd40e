//! The stored statistics: each day that is over is counted once.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::day::{DailyUsage, UserSpending, count_day, count_units, count_users, day_name, start};
use crate::app::App;
use crate::core::error::Error;
use crate::domain::chat::import;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Column};
use crate::infra::entity::{usage_day, usage_day_user};

/// The time after which all turns of a day have ended.
const LAST_TURNS: TimeDelta = TimeDelta::hours(1);
/// Users whose usage is stored in one statement.
const BATCH: usize = 1000;

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
            let own = chat::Entity::find().filter(Column::Model.ne(import::MODEL));
            let first = own.order_by_asc(Column::CreatedAt).one(app.db.read()).await?;
            first.map(|chat| chat.created_at.date_naive())
        }
    };
    let over = (app.clock.now() - LAST_TURNS).date_naive();
    let Some(mut day) = from else { return Ok(()) };
    while day < over && !app.stopping.is_cancelled() {
        let mut used = count_day(app, day).await?;
        count_units(app, day, &mut used).await?;
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

async fn keep(txn: &Txn, used: &[DailyUsage], users: &[UserSpending], day: NaiveDate) -> Result<(), Error> {
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
