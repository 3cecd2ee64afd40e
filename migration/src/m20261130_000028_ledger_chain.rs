//! The hash chain of each user's ledger entries, and its head in the user's row. The chains of existing entries are
//! computed here, in the order of their ids.
//!
//! The columns of entries may be null, as those of any new column: a server of an earlier version that is still running
//! does not fill them. `jeton verify` names such entries.

use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null};

use crate::ledger_chain::{Hash, Payload, ZERO, ZERO_HEX, erasable_digest, link, to_hex};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const ENTRY: &str = "ledger_entry";
const USER: &str = "user";
const TEXTS: [&str; 3] = ["hash", "erasable_digest", "erasable_salt"];
/// Entries, or users, per statement.
const BATCH: u64 = 1000;
/// The alias of a list of values.
const GIVEN: &str = "given";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    owner_id: i64,
    amount: i64,
    balance_after: i64,
    reason: String,
    note: Option<String>,
    chat_id: Option<i64>,
    api_key_id: Option<i64>,
    actor_id: Option<i64>,
    idempotency_key: Option<String>,
    requested_balance: Option<i64>,
    created_at: DateTimeUtc,
    /// A random salt for an entry with a note or an idempotency key.
    salt: Option<String>,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add(manager, ENTRY, &mut big_integer_null("seq")).await?;
        for column in TEXTS {
            add(manager, ENTRY, &mut string_null(column)).await?;
        }
        add(manager, USER, big_integer("ledger_seq").default(0)).await?;
        add(manager, USER, string("ledger_hash").default(ZERO_HEX)).await?;
        // Without an index of the numbers: it would cost each settlement, and the ids of a chain ascend with them.
        fill(manager.get_connection(), "user_id", USER).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let of_users = ["ledger_seq", "ledger_hash"].map(|column| (USER, column));
        for (table, column) in TEXTS.into_iter().chain(["seq"]).map(|column| (ENTRY, column)).chain(of_users) {
            manager.alter_table(Table::alter().table(table).drop_column(column).take()).await?;
        }
        Ok(())
    }
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, column: &mut ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(table).add_column(column).take()).await
}

/// Computes the chains of all entries, in batches. Existing hashes and salts are replaced. `owner` is the column of the
/// owner of an entry, and `heads` the table with the heads.
///
/// # Errors
/// An error of the database.
pub async fn fill(db: &impl ConnectionTrait, owner: &'static str, heads_of: &'static str) -> Result<(), DbErr> {
    let mut last = (i64::MIN, i64::MIN);
    let (mut seq, mut hash) = (0, ZERO);
    let mut heads: Vec<(i64, i64, Hash)> = Vec::new();
    loop {
        let rows: Vec<Row> = db
            .query_all(&next(owner, last, db.get_database_backend()))
            .await?
            .iter()
            .map(|row| Row::from_query_result(row, ""))
            .collect::<Result<_, _>>()?;
        let (mut entries, mut times) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            if row.owner_id != last.0 {
                (seq, hash) = (0, ZERO);
            }
            last = (row.owner_id, row.id);
            seq += 1;
            let erasable = row
                .salt
                .as_ref()
                .map(|salt| erasable_digest(salt, row.note.as_deref(), row.idempotency_key.as_deref()));
            hash = link(&hash, &row.payload(seq, erasable).digest());
            entries.push(vec![
                Value::from(row.id),
                seq.into(),
                to_hex(&hash).into(),
                erasable.as_ref().map(to_hex).into(),
                row.salt.clone().into(),
            ]);
            match heads.last_mut().filter(|head| head.0 == row.owner_id) {
                Some(head) => *head = (row.owner_id, seq, hash),
                None => heads.push((row.owner_id, seq, hash)),
            }
            // The chain counts microseconds, the precision of PostgreSQL; SQLite has stored nanoseconds.
            let nanos = row.created_at.timestamp_subsec_nanos() % 1000;
            if nanos > 0 {
                let time = row.created_at - std::time::Duration::from_nanos(nanos.into());
                times.push(vec![Value::from(row.id), time.into()]);
            }
        }
        update(db, ENTRY, &["seq", "hash", "erasable_digest", "erasable_salt"], entries).await?;
        update(db, ENTRY, &["created_at"], times).await?;
        if rows.is_empty() || heads.len() as u64 >= BATCH {
            let heads = std::mem::take(&mut heads).into_iter();
            let heads =
                heads.map(|(owner_id, seq, hash)| vec![Value::from(owner_id), seq.into(), to_hex(&hash).into()]);
            update(db, heads_of, &["ledger_seq", "ledger_hash"], heads.collect()).await?;
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

impl Row {
    fn payload(&self, seq: i64, erasable: Option<Hash>) -> Payload<'_> {
        Payload {
            id: self.id,
            wallet_id: self.owner_id,
            seq,
            amount: self.amount,
            balance_after: self.balance_after,
            reason: &self.reason,
            chat_id: self.chat_id,
            api_key_id: self.api_key_id,
            actor_id: self.actor_id,
            requested_balance: self.requested_balance,
            created_at: self.created_at.timestamp_micros(),
            erasable,
            member_id: None,
        }
    }
}

/// Returns the query of the entries after the last one: user and id.
fn next(owner: &'static str, last: (i64, i64), backend: DbBackend) -> SelectStatement {
    // Both are cryptographically secure; hyphens are as good as any digit of a salt.
    let random = match backend {
        DbBackend::Postgres => "CAST(gen_random_uuid() AS text)",
        _ => "lower(hex(randomblob(16)))",
    };
    let salt = format!("CASE WHEN note IS NOT NULL OR idempotency_key IS NOT NULL THEN {random} END");
    Query::select()
        .column("id")
        .expr_as(Expr::col(owner), "owner_id")
        .columns(["amount", "balance_after", "reason", "note", "chat_id", "api_key_id", "actor_id"])
        .columns(["idempotency_key", "requested_balance", "created_at"])
        .expr_as(Expr::cust(salt), "salt")
        .from(ENTRY)
        .and_where(Expr::tuple([Expr::col(owner), Expr::col("id")]).gt(Expr::tuple([last.0.into(), last.1.into()])))
        .order_by(owner, Order::Asc)
        .order_by("id", Order::Asc)
        .limit(BATCH)
        .take()
}

/// Sets columns of rows: the first value of each is the id.
async fn update(
    db: &impl ConnectionTrait,
    table: &'static str,
    columns: &[&'static str],
    rows: Vec<Vec<Value>>,
) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    // Both databases name the columns of `VALUES` by their position.
    let given = |place: usize| Expr::col((GIVEN, format!("column{place}")));
    let mut update = Query::update();
    update.table(table).and_where(Expr::col((table, "id")).eq(given(1)));
    for (place, column) in columns.iter().enumerate() {
        update.value(*column, given(place + 2));
    }
    let rows = rows.into_iter().map(ValueTuple::Many).collect();
    update.from(TableRef::ValuesList(rows, GIVEN.into_iden()));
    db.execute(&update).await.map(drop)
}
