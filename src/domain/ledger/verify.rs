//! Verification of the ledger's invariants on a live database. It only reads.

use std::fmt;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, IntoIden, JoinType, Query, SelectStatement};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, IsolationLevel, Statement, StatementBuilder,
    TransactionTrait,
};

use crate::core::error::Error;
use crate::infra::db::Db;
use crate::infra::entity::chat::{self, Status};
use crate::infra::entity::{api_key, ledger_entry, user};

/// A violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrityViolation {
    /// A user's balance differs from the ledger, or the held tokens from the open chats, or one is negative.
    Balance {
        /// The user.
        user_id: i64,
        /// The spendable tokens of the user's row.
        tokens: i64,
        /// The held tokens of the user's row.
        held: i64,
        /// The sum of the user's ledger entries.
        entries: i64,
        /// The sum of the holds of the user's open chats.
        open: i64,
    },
    /// A user is deleted, but the sum of the ledger entries is not zero.
    Leftover {
        /// The deleted user.
        user_id: i64,
        /// The sum of the ledger entries.
        entries: i64,
    },
    /// An API key's row differs from the ledger, or from its open chats.
    Key {
        /// The key.
        key_id: i64,
        /// The spent tokens of the key's row.
        spent: i64,
        /// The tokens paid under it according to the ledger.
        paid: i64,
        /// The held tokens of the key's row.
        held: i64,
        /// The sum of the holds of its open chats.
        open: i64,
    },
    /// A finished chat whose cost differs from its ledger entry, or an open chat that has an entry already.
    Chat {
        /// The chat.
        chat_id: i64,
        /// The cost in the chat's row.
        cost: i64,
        /// The amount paid according to the ledger; `None` without an entry.
        paid: Option<i64>,
    },
    /// A column has values that are no integers, which SQLite stores in any column. No sums are compared while there
    /// are any.
    Type {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The number of rows with such a value.
        rows: i64,
    },
}

impl fmt::Display for IntegrityViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntegrityViolation::Balance { user_id, tokens, held, entries, open } => write!(
                f,
                "user {user_id}: tokens {tokens} + held {held}, but the ledger says {entries} and open chats \
                 hold {open}"
            ),
            IntegrityViolation::Leftover { user_id, entries } => {
                write!(f, "user {user_id} is deleted, but the ledger still says {entries}")
            }
            IntegrityViolation::Key { key_id, spent, paid, held, open } => write!(
                f,
                "API key {key_id}: spent {spent}, held {held}, but the ledger says {paid} and open chats hold {open}"
            ),
            IntegrityViolation::Chat { chat_id, cost, paid: Some(paid) } => {
                write!(f, "chat {chat_id}: cost {cost}, but the ledger says {paid}")
            }
            IntegrityViolation::Chat { chat_id, cost, paid: None } => {
                write!(f, "chat {chat_id}: ended at a cost of {cost}, but the ledger has no entry")
            }
            IntegrityViolation::Type { table, column, rows } => {
                write!(f, "{table}.{column}: {rows} rows hold no whole number; balances can't be compared")
            }
        }
    }
}

/// Returns all violations of the invariants, from one snapshot.
///
/// # Errors
/// INTERNAL if the database cannot be read.
pub async fn verify(db: &Db) -> Result<Vec<IntegrityViolation>, Error> {
    // All queries see the same snapshot. Any SQLite transaction does, and warns if an isolation level is requested.
    let is_postgres = db.read().get_database_backend() == DbBackend::Postgres;
    let isolation = is_postgres.then_some(IsolationLevel::RepeatableRead);
    let txn = db.read().begin_with_config(isolation, None).await?;
    let mut findings = types(&txn).await?;
    if !findings.is_empty() {
        return Ok(findings);
    }
    for row in all::<BalanceRow>(&txn, balances()).await? {
        let BalanceRow { user_id, tokens, held, entries, open } = row;
        findings.push(IntegrityViolation::Balance { user_id, tokens, held, entries, open });
    }
    for row in all::<LeftoverRow>(&txn, leftovers()).await? {
        findings.push(IntegrityViolation::Leftover { user_id: row.user_id, entries: row.entries });
    }
    for row in all::<KeyRow>(&txn, keys()).await? {
        let KeyRow { key_id, spent, paid, held, open } = row;
        findings.push(IntegrityViolation::Key { key_id, spent, paid, held, open });
    }
    for row in all::<ChatRow>(&txn, chats()).await? {
        findings.push(IntegrityViolation::Chat { chat_id: row.chat_id, cost: row.cost, paid: row.paid });
    }
    txn.commit().await?;
    Ok(findings)
}

#[derive(FromQueryResult)]
struct BalanceRow {
    user_id: i64,
    tokens: i64,
    held: i64,
    entries: i64,
    open: i64,
}

#[derive(FromQueryResult)]
struct LeftoverRow {
    user_id: i64,
    entries: i64,
}

#[derive(FromQueryResult)]
struct KeyRow {
    key_id: i64,
    spent: i64,
    paid: i64,
    held: i64,
    open: i64,
}

#[derive(FromQueryResult)]
struct ChatRow {
    chat_id: i64,
    cost: i64,
    paid: Option<i64>,
}

async fn all<T: FromQueryResult>(txn: &DatabaseTransaction, query: SelectStatement) -> Result<Vec<T>, Error> {
    Ok(T::find_by_statement(StatementBuilder::build(&query, &txn.get_database_backend())).all(txn).await?)
}

/// The columns that are summed or compared, and whether they may be null.
const NUMBERS: [(&str, &[(&str, bool)]); 4] = [
    ("user", &[("tokens", false), ("held", false)]),
    ("api_key", &[("user_id", false), ("held", false), ("spent", false)]),
    ("chat", &[("user_id", false), ("api_key_id", true), ("hold", false), ("cost", false)]),
    ("ledger_entry", &[("user_id", false), ("api_key_id", true), ("chat_id", true), ("amount", false)]),
];

/// Returns the columns with values that are no integers. PostgreSQL stores none.
async fn types(txn: &DatabaseTransaction) -> Result<Vec<IntegrityViolation>, Error> {
    let mut findings = Vec::new();
    if txn.get_database_backend() != DbBackend::Sqlite {
        return Ok(findings);
    }
    for (table, columns) in NUMBERS {
        let count = |(column, nullable): &(&str, bool)| {
            let allowed = if *nullable { "'integer', 'null'" } else { "'integer'" };
            format!("count(*) FILTER (WHERE typeof({column}) NOT IN ({allowed}))")
        };
        let counts = columns.iter().map(count).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {counts} FROM \"{table}\"");
        let Some(row) = txn.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await? else { continue };
        for (at, (column, _)) in columns.iter().enumerate() {
            let rows: i64 = row.try_get_by_index(at)?;
            if rows > 0 {
                findings.push(IntegrityViolation::Type { table, column, rows });
            }
        }
    }
    Ok(findings)
}

/// Larger than any balance; a sum beyond it counts as this value, and so equals no balance.
const FAR: i64 = 1 << 62;

/// Returns the sum of a column, clamped to [`FAR`] in both directions so that it never overflows: the high and low
/// halves are summed separately. The casts are for PostgreSQL, whose sums of integers are decimals.
fn sum(column: &'static str) -> Expr {
    let (high, low) = (format!("sum({column} >> 32)"), format!("sum({column} & 4294967295)"));
    Expr::cust(format!(
        "CASE WHEN {high} BETWEEN -536870912 AND 536870911 \
         THEN CAST({high} AS bigint) * 4294967296 + CAST({low} AS bigint) \
         WHEN {high} > 0 THEN {FAR} WHEN {high} < 0 THEN -{FAR} END"
    ))
}

/// Returns the sums of a column per user or key, as a table `name(by, total)`.
fn sums(mut from: SelectStatement, column: &'static str, by: &'static str) -> SelectStatement {
    from.column(by).expr_as(sum(column), "total").group_by_col(by).take()
}

fn keys() -> SelectStatement {
    let of_keys = |column: &'static str| Expr::col(column).is_not_null();
    let entries = Query::select().from(ledger_entry::Entity).and_where(of_keys("api_key_id")).take();
    let entries = sums(entries, "amount", "api_key_id");
    let open = Query::select()
        .from(chat::Entity)
        .and_where(Expr::col(chat::Column::Status).eq(Status::Pending))
        .and_where(of_keys("api_key_id"))
        .take();
    let open = sums(open, "hold", "api_key_id");
    let key = |column| Expr::col((api_key::Entity, column));
    let total = |table: &'static str| Expr::expr(Func::coalesce([Expr::col((table, "total")), Expr::val(0i64)]));
    let paid = || Expr::val(0i64).sub(total("entries"));
    Query::select()
        .expr_as(key(api_key::Column::Id), "key_id")
        .expr_as(key(api_key::Column::Spent), "spent")
        .expr_as(paid(), "paid")
        .expr_as(key(api_key::Column::Held), "held")
        .expr_as(total("open"), "open")
        .from(api_key::Entity)
        .join_subquery(
            JoinType::LeftJoin,
            entries,
            Alias::new("entries").into_iden(),
            Expr::col(("entries", "api_key_id")).equals((api_key::Entity, api_key::Column::Id)),
        )
        .join_subquery(
            JoinType::LeftJoin,
            open,
            Alias::new("open").into_iden(),
            Expr::col(("open", "api_key_id")).equals((api_key::Entity, api_key::Column::Id)),
        )
        .and_where(key(api_key::Column::Spent).ne(paid()).or(key(api_key::Column::Held).ne(total("open"))))
        .take()
}

fn balances() -> SelectStatement {
    let entries = sums(Query::select().from(ledger_entry::Entity).take(), "amount", "user_id");
    let open = Query::select().from(chat::Entity).and_where(Expr::col(chat::Column::Status).eq(Status::Pending)).take();
    let open = sums(open, "hold", "user_id");
    let user = |column| Expr::col((user::Entity, column));
    let total = |table: &'static str| Expr::expr(Func::coalesce([Expr::col((table, "total")), Expr::val(0i64)]));
    // Added only if the sum cannot overflow.
    let far = user(user::Column::Tokens).gt(FAR / 2).or(user(user::Column::Held).gt(FAR / 2));
    let added = user(user::Column::Tokens).add(user(user::Column::Held));
    let differs: Expr = Expr::case(far, true).finally(added.ne(total("entries"))).into();
    Query::select()
        .expr_as(user(user::Column::Id), "user_id")
        .expr_as(user(user::Column::Tokens), "tokens")
        .expr_as(user(user::Column::Held), "held")
        .expr_as(total("entries"), "entries")
        .expr_as(total("open"), "open")
        .from(user::Entity)
        .join_subquery(
            JoinType::LeftJoin,
            entries,
            Alias::new("entries").into_iden(),
            Expr::col(("entries", "user_id")).equals((user::Entity, user::Column::Id)),
        )
        .join_subquery(
            JoinType::LeftJoin,
            open,
            Alias::new("open").into_iden(),
            Expr::col(("open", "user_id")).equals((user::Entity, user::Column::Id)),
        )
        .and_where(
            user(user::Column::Tokens)
                .lt(0)
                .or(user(user::Column::Held).lt(0))
                .or(user(user::Column::Held).ne(total("open")))
                .or(differs),
        )
        .take()
}

fn leftovers() -> SelectStatement {
    let alive = Query::select().column(user::Column::Id).from(user::Entity).take();
    let sum = || sum("amount");
    Query::select()
        .column(ledger_entry::Column::UserId)
        .expr_as(sum(), "entries")
        .from(ledger_entry::Entity)
        .and_where(Expr::col(ledger_entry::Column::UserId).not_in_subquery(alive))
        .group_by_col(ledger_entry::Column::UserId)
        .and_having(sum().ne(0))
        .take()
}

fn chats() -> SelectStatement {
    let entry = |column| Expr::col((ledger_entry::Entity, column));
    // `i64::MIN`, the only number whose negation overflows, is no payment of any chat.
    let amount = || entry(ledger_entry::Column::Amount);
    let negated = || Expr::val(0i64).sub(amount());
    let paid = || -> Expr { Expr::case(amount().eq(i64::MIN), i64::MAX).finally(negated()).into() };
    let open = || Expr::col((chat::Entity, chat::Column::Status)).eq(Status::Pending);
    let cost = || Expr::col((chat::Entity, chat::Column::Cost));
    let right = paid().eq(cost());
    Query::select()
        .expr_as(Expr::col((chat::Entity, chat::Column::Id)), "chat_id")
        .expr_as(cost(), "cost")
        .expr_as(paid(), "paid")
        .from(chat::Entity)
        .left_join(ledger_entry::Entity, entry(ledger_entry::Column::ChatId).equals((chat::Entity, chat::Column::Id)))
        .and_where(
            (open().and(entry(ledger_entry::Column::Id).is_not_null()))
                .or(open().not().and(entry(ledger_entry::Column::Id).is_null().or(right.not()))),
        )
        .take()
}
