//! The hash chains of the ledger: any change by hand is found and named, and nothing that Jeton does itself breaks them.

mod changes;
mod golden;
mod migration;
mod proofs;

use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin::{self, Adjustment, BalanceChange};
use jeton::domain::ledger::{self, IntegrityViolation};
use jeton::infra::db::Db;
use jeton::infra::entity::ledger_entry;
use sea_orm::{ConnectionTrait, QueryOrder};

use crate::support::{Client, TestApp};

/// Returns what is wrong with the chains, as operators read it.
pub async fn damages(db: &Db) -> Vec<String> {
    let findings = ledger::verify(db).await.unwrap().into_iter();
    let chains = findings.filter(|finding| matches!(finding, IntegrityViolation::Chain { .. }));
    chains.map(|finding| finding.to_string()).collect()
}

pub async fn sql(db: &Db, sql: &str) {
    db.read().execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Returns the entries of a user in the order of the chain.
pub async fn entries(app: &TestApp, client: &Client) -> Vec<ledger_entry::Model> {
    let entries = ledger_entry::Entity::owned_by(client.user_id()).order_by_asc(ledger_entry::Column::Seq);
    entries.all(app.app.db.read()).await.unwrap()
}

pub async fn adjust(app: &TestApp, client: &Client, amount: i64, key: Option<&str>) {
    let adjustment = Adjustment {
        user_id: client.user_id(),
        amount: BalanceChange::By(Tokens(amount)),
        reason: "of the chain".to_owned(),
        idempotency_key: key.map(str::to_owned),
    };
    admin::adjust_balance(&app.app, Actor::CommandLine, adjustment).await.unwrap();
}

/// A ledger with four entries of mia: a grant, a chat, an adjustment with note and key, a chat; and two of tom.
pub async fn filled(app: &TestApp) -> (Client, Client) {
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    mia.say("echo", "Hello").await;
    tom.say("echo", "Hello").await;
    adjust(app, &mia, 50, Some("once")).await;
    mia.say("echo", "Good-bye").await;
    app.settled().await;
    (mia, tom)
}

/// Keeps ledger and heads, so that [`restore`] undoes any change of them.
pub async fn keep(db: &Db) {
    sql(db, "CREATE TABLE kept AS SELECT * FROM ledger_entry").await;
    sql(db, "CREATE TABLE kept_head AS SELECT id, ledger_seq, ledger_hash FROM wallet").await;
}

pub async fn restore(db: &Db) {
    sql(db, "DELETE FROM ledger_entry").await;
    sql(db, "INSERT INTO ledger_entry SELECT * FROM kept").await;
    sql(
        db,
        "UPDATE wallet SET ledger_seq = k.ledger_seq, ledger_hash = k.ledger_hash FROM kept_head AS k \
         WHERE k.id = wallet.id",
    )
    .await;
}

pub async fn forget(db: &Db) {
    restore(db).await;
    sql(db, "DROP TABLE kept").await;
    sql(db, "DROP TABLE kept_head").await;
}
