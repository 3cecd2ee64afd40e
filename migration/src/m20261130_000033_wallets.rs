//! Wallets: the balance of a user moves out of the user's row, so that a group can have one, too.
//!
//! The wallet of an existing user gets the user's id, so that the ledger's column only changes its name: no entry is
//! rewritten. Users who were deleted get a closed wallet for their entries. Later wallets have ids of their own.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, big_pk_auto, string};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::ledger_chain::ZERO_HEX;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const WALLET: &str = "wallet";
const USER: &str = "user";
const ENTRY: &str = "ledger_entry";
const CHAT: &str = "chat";
/// The columns that move.
const MOVED: [&str; 4] = ["tokens", "held", "ledger_seq", "ledger_hash"];
/// The sums that the move must not change.
const SUMS: &str = "count(*), CAST(coalesce(sum(tokens), 0) AS bigint), CAST(coalesce(sum(held), 0) AS bigint)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let mut table = Table::create();
        // Without foreign keys: a wallet outlives its owner, as the ledger entries do.
        table
            .table(WALLET)
            .col(big_pk_auto("id"))
            .col(big_integer_null("user_id").unique_key())
            .col(big_integer_null("group_id").unique_key())
            .col(big_integer("tokens").check(Expr::col("tokens").gte(0)))
            .col(big_integer("held").check(Expr::col("held").gte(0)))
            .col(big_integer("ledger_seq").default(0))
            .col(string("ledger_hash").default(ZERO_HEX))
            .check(Expr::cust("(user_id IS NULL) <> (group_id IS NULL)"));
        manager.create_table(table.take()).await?;
        db.execute_unprepared(
            "INSERT INTO wallet (id, user_id, tokens, held, ledger_seq, ledger_hash) \
             SELECT id, id, tokens, held, ledger_seq, ledger_hash FROM \"user\" ORDER BY id",
        )
        .await?;
        if sums(db, USER).await? != sums(db, WALLET).await? {
            return Err(DbErr::Migration("the wallets have other balances than the users".to_owned()));
        }
        // The entries of a deleted user are the last of a chain, whose head was deleted with the user.
        db.execute_unprepared(&format!(
            "INSERT INTO wallet (id, user_id, tokens, held, ledger_seq, ledger_hash) \
             SELECT user_id, user_id, 0, 0, coalesce(seq, 0), coalesce(hash, '{ZERO_HEX}') FROM ledger_entry \
             WHERE id IN (SELECT max(id) FROM ledger_entry WHERE user_id NOT IN (SELECT id FROM \"user\") \
             GROUP BY user_id)"
        ))
        .await?;
        if db.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared(
                "SELECT setval(pg_get_serial_sequence('wallet', 'id'), greatest(1, (SELECT max(id) FROM wallet)), \
                 EXISTS (SELECT 1 FROM wallet))",
            )
            .await?;
        }
        rename(manager, "user_id", "wallet_id").await?;
        add(manager, ENTRY, "member_id").await?;
        let mut by_member = Index::create();
        by_member.name("idx_ledger_entry_member_id_id").table(ENTRY).col("member_id").col("id");
        manager.create_index(by_member.and_where(Expr::col("member_id").is_not_null()).to_owned()).await?;
        // Chats that have ended keep none: their entries say who paid.
        add(manager, CHAT, "wallet_id").await?;
        db.execute_unprepared("UPDATE chat SET wallet_id = user_id WHERE status = 'PENDING'").await?;
        for column in MOVED {
            manager.alter_table(Table::alter().table(USER).drop_column(column).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for column in ["tokens", "held"] {
            let mut column = big_integer(column).default(0).check(Expr::col(column).gte(0)).take();
            manager.alter_table(Table::alter().table(USER).add_column(&mut column).take()).await?;
        }
        let mut seq = big_integer("ledger_seq").default(0).take();
        manager.alter_table(Table::alter().table(USER).add_column(&mut seq).take()).await?;
        let mut hash = string("ledger_hash").default(ZERO_HEX).take();
        manager.alter_table(Table::alter().table(USER).add_column(&mut hash).take()).await?;
        for column in MOVED {
            let back = format!(
                "UPDATE \"user\" SET {column} = (SELECT wallet.{column} FROM wallet WHERE wallet.user_id = \"user\".id)"
            );
            db.execute_unprepared(&back).await?;
        }
        let mut by_member = Index::drop();
        manager.drop_index(by_member.name("idx_ledger_entry_member_id_id").table(ENTRY).to_owned()).await?;
        manager.alter_table(Table::alter().table(CHAT).drop_column("wallet_id").take()).await?;
        manager.alter_table(Table::alter().table(ENTRY).drop_column("member_id").take()).await?;
        // Entries of later users refer to the wallet by its own id.
        db.execute_unprepared(
            "UPDATE ledger_entry SET wallet_id = (SELECT user_id FROM wallet WHERE wallet.id = wallet_id) \
             WHERE wallet_id IN (SELECT id FROM wallet WHERE user_id IS NOT NULL AND user_id <> id)",
        )
        .await?;
        rename(manager, "wallet_id", "user_id").await?;
        manager.drop_table(Table::drop().table(WALLET).take()).await
    }
}

async fn rename(manager: &SchemaManager<'_>, from: &'static str, to: &'static str) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(ENTRY).rename_column(from, to).take()).await
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, column: &'static str) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(big_integer_null(column)).take()).await
}

async fn sums(db: &impl ConnectionTrait, table: &str) -> Result<(i64, i64, i64), DbErr> {
    let sql = format!("SELECT {SUMS} FROM \"{table}\"");
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.ok_or_else(|| DbErr::Migration("an aggregate without a row".to_owned()))?.try_get_many_by_index()
}
