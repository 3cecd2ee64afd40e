//! Sums of ledger entries: a user's own spending, and over all users for the overview of operators.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, Func, Query};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};

use super::entries::with_reasons;
use crate::core::error::Error;
use crate::core::ids::ApiKeyId;
use crate::core::pagination::TimeRange;
use crate::core::tokens::Tokens;
use crate::core::viewer::{Reader, Staff};
use crate::infra::db::Db;
use crate::infra::entity::ledger_entry::{self, Column, Reason};
use crate::infra::entity::{user, wallet};

/// What users were given in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// The initial balances of new accounts.
    pub signup_grants: Tokens,
    /// The credits by operators.
    pub credits: Tokens,
    /// The debits by operators, as a positive number.
    pub debits: Tokens,
}

/// The balances of all users and groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Outstanding {
    /// The number of users.
    pub users: i64,
    /// The spendable tokens.
    pub tokens: i64,
    /// The tokens on hold for open chats.
    pub held: i64,
}

/// What an API key spent in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct KeySpending {
    /// The key, which may be deleted.
    pub api_key_id: ApiKeyId,
    /// The number of chats.
    pub messages: i64,
    /// The cost of the chats, in prepaid tokens.
    pub tokens: i64,
}

/// The charges of answered messages, however the answer ended.
const CHARGES: [Reason; 5] =
    [Reason::ChatDone, Reason::ChatFailed, Reason::ChatBrokenOff, Reason::ChatStopped, Reason::ChatInterrupted];

/// What a user spent. Days and months are in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Spending {
    /// The charges since the start of the day.
    pub today: i64,
    /// The charges since the start of the month.
    pub this_month: i64,
}

/// Returns what the viewer spent today and this month. Charges count when they were posted, and stay when the chat is
/// deleted.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn spending(db: &Db, reader: Reader, at: DateTime<Utc>) -> Result<Spending, Error> {
    let today = at.date_naive();
    let start = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let month = TimeRange { since: Some(start(today.with_day(1).unwrap_or(today))), until: None };
    let charges = with_reasons(ledger_entry::Entity::owned_by(reader.id), &CHARGES);
    let charges = month.filter_with_id_bounds(db.read(), charges, Column::CreatedAt, Column::Id).await?;
    let charge = || Expr::val(0i64).sub(Expr::col(Column::Amount));
    let of_today = CaseStatement::new().case(Column::CreatedAt.gte(start(today)), charge()).finally(0i64);
    let sums = charges.select_only().column_as(sum(of_today.into()), "today").column_as(sum(charge()), "this_month");
    Ok(sums.into_model().one(db.read()).await?.unwrap_or_default())
}

/// Returns what users were given in a period, for staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn granted(db: &Db, _: Staff, period: TimeRange) -> Result<Granted, Error> {
    #[derive(FromQueryResult)]
    struct Sum {
        reason: Reason,
        credits: i64,
        debits: i64,
    }
    let amount = || Expr::col(Column::Amount);
    let part = |condition: Expr| sum(CaseStatement::new().case(condition, amount()).finally(0i64).into());
    let entries = with_reasons(ledger_entry::Entity::find(), &[Reason::SignupGrant, Reason::Adjustment]);
    let entries = period.filter_with_id_bounds(db.read(), entries, Column::CreatedAt, Column::Id).await?;
    let sums = entries
        .select_only()
        .column(Column::Reason)
        .column_as(part(amount().gt(0)), "credits")
        .column_as(part(amount().lt(0)), "debits")
        .group_by(Column::Reason);
    let mut granted = Granted::default();
    for Sum { reason, credits, debits } in sums.into_model::<Sum>().all(db.read()).await? {
        match reason {
            Reason::SignupGrant => granted.signup_grants = Tokens(credits),
            _ => (granted.credits, granted.debits) = (Tokens(credits), Tokens(debits.saturating_neg())),
        }
    }
    Ok(granted)
}

/// Returns the balances of all users together, for staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn outstanding(db: &Db, _: Staff) -> Result<Outstanding, Error> {
    // Closed wallets are empty.
    let users = Query::select().expr(Expr::cust("count(*)")).from(user::Entity).take();
    let sums = wallet::Entity::find()
        .select_only()
        .expr_as(Expr::SubQuery(None, Box::new(users.into())), "users")
        .column_as(sum(Expr::col(wallet::Column::Tokens)), "tokens")
        .column_as(sum(Expr::col(wallet::Column::Held)), "held");
    Ok(sums.into_model().one(db.read()).await?.unwrap_or_default())
}

/// Returns what API keys spent in a period, the most expensive first, for staff.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn spent_by_keys(db: &Db, _: Staff, period: TimeRange, most: usize) -> Result<Vec<KeySpending>, Error> {
    let entries = ledger_entry::Entity::find().filter(Column::ApiKeyId.is_not_null());
    let entries = period.filter_with_id_bounds(db.read(), entries, Column::CreatedAt, Column::Id).await?;
    let sums = entries
        .select_only()
        .column(Column::ApiKeyId)
        .column_as(Column::Id.count(), "messages")
        .column_as(sum(Expr::val(0i64).sub(Expr::col(Column::Amount))), "tokens")
        .group_by(Column::ApiKeyId);
    let mut spent: Vec<KeySpending> = sums.into_model().all(db.read()).await?;
    spent.sort_by_key(|key| (std::cmp::Reverse(key.tokens), key.api_key_id));
    spent.truncate(most);
    Ok(spent)
}

/// Returns the sum of an expression, 0 without rows. The cast is for PostgreSQL, whose sum of integers is a decimal.
fn sum(of: Expr) -> Expr {
    Func::coalesce([Func::sum(of).cast_as("bigint"), Expr::val(0i64)]).into()
}
