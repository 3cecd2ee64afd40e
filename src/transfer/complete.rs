//! The final checks of a loaded or restored database. Only a database that passes them counts as complete and may be
//! served.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, Statement};

use crate::core::error::{Code, Error};
use crate::domain::ledger;
use crate::infra::db::{Db, Txn};
use crate::infra::entity::{
    api_key, audit_event, breaker_reset, bulk_change, catalog_epoch, chat, cluster_member, conversation, group,
    group_member, import_map, job_lease, ledger_entry, model, model_route, price, provider, reasoning_block, session,
    usage_day, usage_day_user, user, wallet, webhook, webhook_delivery,
};

/// Tables with the state of the servers of one database. They are not transferred to another one.
pub(super) const OF_SERVERS: [&str; 3] = ["breaker_reset", "job", "server"];

/// Removes the state of the servers of another database: cluster members, jobs and resets of breakers. Leases of open chats expire now,
/// since no server of this database generates their replies; the first server marks those chats INTERRUPTED, and
/// releases their holds.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn end_servers(txn: &Txn, now: DateTime<Utc>) -> Result<(), Error> {
    cluster_member::Entity::delete_many().exec(txn).await?;
    job_lease::Entity::delete_many().exec(txn).await?;
    breaker_reset::Entity::delete_many().exec(txn).await?;
    let lease = chat::Column::LeaseUntil;
    chat::Entity::update_many()
        .col_expr(lease, Expr::value(Some(now)))
        .filter(chat::Column::Status.eq(chat::Status::Pending))
        .filter(Condition::any().add(lease.is_null()).add(lease.gt(now)))
        .exec(txn)
        .await?;
    Ok(())
}

/// Checks that the server can read each row, and that every balance agrees with the ledger.
///
/// # Errors
/// CONFLICT that names the table or the first finding.
pub(super) async fn check(db: &Db) -> Result<(), Error> {
    read::<api_key::Entity>(db).await?;
    read::<audit_event::Entity>(db).await?;
    read::<bulk_change::Entity>(db).await?;
    read::<catalog_epoch::Entity>(db).await?;
    read::<chat::Entity>(db).await?;
    read::<conversation::Entity>(db).await?;
    read::<group::Entity>(db).await?;
    read::<group_member::Entity>(db).await?;
    read::<import_map::Entity>(db).await?;
    read::<ledger_entry::Entity>(db).await?;
    read::<model::Entity>(db).await?;
    read::<model_route::Entity>(db).await?;
    read::<price::Entity>(db).await?;
    read::<provider::Entity>(db).await?;
    read::<reasoning_block::Entity>(db).await?;
    read::<session::Entity>(db).await?;
    read::<usage_day::Entity>(db).await?;
    read::<usage_day_user::Entity>(db).await?;
    read::<user::Entity>(db).await?;
    read::<wallet::Entity>(db).await?;
    read::<webhook::Entity>(db).await?;
    read::<webhook_delivery::Entity>(db).await?;
    check_owners(db).await?;
    check_money(db).await
}

/// Checks that the conversation, API key and replacement of each chat belong to its user. Otherwise the owner of a
/// conversation would see messages of another user.
async fn check_owners(db: &Db) -> Result<(), Error> {
    for (column, table) in [("conversation_id", "conversation"), ("api_key_id", "api_key"), ("replaced_by_id", "chat")]
    {
        let sql = format!(
            "SELECT count(*) FROM chat AS c JOIN {table} AS o ON o.id = c.{column} WHERE o.user_id <> c.user_id"
        );
        let row = db.read().query_one_raw(Statement::from_string(db.read().get_database_backend(), sql)).await?;
        let foreign: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        if foreign > 0 {
            let message = format!("{foreign} chats have a {column} of another user");
            return Err(Error::new(Code::Conflict, message));
        }
    }
    Ok(())
}

/// Checks that every balance agrees with the ledger.
///
/// # Errors
/// CONFLICT with the number of violations and the first one.
pub(super) async fn check_money(db: &Db) -> Result<(), Error> {
    let findings = ledger::verify(db).await?;
    let Some(first) = findings.first() else { return Ok(()) };
    let message = format!("{} balances or chats disagree with the ledger: {first}", findings.len());
    Err(Error::new(Code::Conflict, message))
}

/// Decodes all rows of a table as the server does, which rejects invalid values such as an unknown status.
async fn read<E: EntityTrait>(db: &Db) -> Result<(), Error> {
    let unreadable = |error| {
        let message = format!("{} holds a row that can't be read", E::default().table_name());
        Error::new(Code::Conflict, message).with_source(error)
    };
    let mut rows = E::find().stream(db.read()).await.map_err(unreadable)?;
    while rows.try_next().await.map_err(unreadable)?.is_some() {}
    Ok(())
}
