//! The id sequences of tables. Inserting a row with an explicit id does not advance them, so an import raises them: no
//! id may ever be assigned twice.

use sea_orm::sea_query::{Alias, Expr, Func, Query};
use sea_orm::{ConnectionTrait, DbBackend, Statement, StatementBuilder, Value};

use crate::core::error::{Code, Error};

/// The highest id that imported rows may have, so that no file can exhaust the id space.
pub(super) const MAX_ID: i64 = 1 << 52;

/// Returns the highest id that a table has assigned; 0 before the first, `None` if the table has no sequence.
///
/// # Errors
/// INTERNAL if the database can't be read.
pub(super) async fn last(db: &impl ConnectionTrait, table: &str) -> Result<Option<i64>, Error> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => {
            let Some(sequence) = postgres_name(db, table).await? else { return Ok(None) };
            // Before the first id the sequence is at its start, with `is_called` false.
            return first(db, &format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"), [])
                .await;
        }
        _ => {
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = $1), 0) FROM sqlite_master \
             WHERE type = 'table' AND name = $1 AND sql LIKE '%AUTOINCREMENT%'"
        }
    };
    first(db, sql, [table.into()]).await
}

/// Raises a sequence to at least `least`: further ids are above it. Does nothing if it is higher already.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn raise(db: &impl ConnectionTrait, table: &str, least: i64) -> Result<(), Error> {
    if last(db, table).await?.is_none_or(|last| last >= least) {
        return Ok(());
    }
    let backend = db.get_database_backend();
    let run = |sql: &str, values: Vec<Value>| db.execute_raw(Statement::from_sql_and_values(backend, sql, values));
    if backend == DbBackend::Postgres {
        run("SELECT setval(pg_get_serial_sequence(quote_ident($1), 'id'), $2)", vec![table.into(), least.into()])
            .await?;
        return Ok(());
    }
    let raised = run("UPDATE sqlite_sequence SET seq = $2 WHERE name = $1", vec![table.into(), least.into()]).await?;
    if raised.rows_affected() == 0 {
        run("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", vec![table.into(), least.into()]).await?;
    }
    Ok(())
}

/// Raises the sequences of tables to the given ids, and to the highest id of their rows.
///
/// # Errors
/// CONFLICT if one of these ids is above [`MAX_ID`]; INTERNAL if the database fails.
pub(super) async fn raise_all(db: &impl ConnectionTrait, given: &[(String, i64)]) -> Result<(), Error> {
    for (table, given) in given {
        let highest = Func::max(Expr::col("id"));
        let highest =
            Query::select().expr(Func::coalesce([highest.into(), Expr::val(0i64)])).from(Alias::new(table)).take();
        let highest = db.query_one_raw(StatementBuilder::build(&highest, &db.get_database_backend())).await?;
        let highest: i64 = highest.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        let least = highest.max(*given);
        if least > MAX_ID {
            let message =
                format!("the ids of {table} are used up: the highest is {least}, and the maximum is {MAX_ID}");
            return Err(Error::new(Code::Conflict, message));
        }
        raise(db, table, least).await?;
    }
    Ok(())
}

/// Returns the quoted name of a table's sequence on PostgreSQL; `None` if it has none.
async fn postgres_name(db: &impl ConnectionTrait, table: &str) -> Result<Option<String>, Error> {
    let has_id = "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass(quote_ident($1)) AND attname = 'id'";
    if first::<i64>(db, has_id, [table.into()]).await?.unwrap_or_default() == 0 {
        return Ok(None);
    }
    let name = "SELECT pg_get_serial_sequence(quote_ident($1), 'id')";
    Ok(first::<Option<String>>(db, name, [table.into()]).await?.flatten())
}

/// Returns the first column of the first row.
async fn first<T: sea_orm::TryGetable>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<T>, Error> {
    let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}
