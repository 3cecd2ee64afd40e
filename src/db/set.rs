//! Statements about many rows at once, each with values of its own: `UPDATE .. FROM (VALUES ..)`, which both databases
//! understand in the same words.
//!
//! SQLite works in a thread of its own, which hands over row by row, and each row may change the processor's task twice.
//! So rows are read in one piece there, and writes tell no more than how many rows they changed.

use sea_orm::sea_query::{
    Expr, ExprTrait, Func, IntoIden, Query, SelectStatement, TableRef, UpdateStatement, Value, ValueTuple,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, InsertMany, QueryTrait, Statement,
    StatementBuilder,
};
use serde::de::DeserializeOwned;

use super::Txn;
use crate::error::Error;

/// What the values are called.
const GIVEN: &str = "given";
/// A query within another one.
const FOUND: &str = "found";

/// An update of the rows whose ids come first in `rows`. What else is in a row is known as [`given`].
pub fn update_from<E: EntityTrait>(rows: impl IntoIterator<Item = Vec<Value>>) -> UpdateStatement {
    let rows = rows.into_iter().map(ValueTuple::Many).collect();
    let mut update = Query::update();
    update
        .table(E::default().table_ref())
        .from(TableRef::ValuesList(rows, GIVEN.into_iden()))
        .and_where(Expr::col("id").eq(given(1)));
    update
}

/// What is given for the row at this place, counted from 1: the databases name the columns of values so.
pub fn given(place: usize) -> Expr {
    Expr::col((GIVEN, format!("column{place}")))
}

/// The rows, filled up with rows of zeros, which no id is, so that there are as many of them. Each number of rows makes
/// another statement, and statements that are the same are prepared once.
pub fn filled<const N: usize>(rows: Vec<[i64; N]>, count: usize) -> impl Iterator<Item = Vec<Value>> {
    let missing = count.saturating_sub(rows.len());
    rows.into_iter().chain(std::iter::repeat_n([0; N], missing)).map(|row| row.map(Value::from).to_vec())
}

/// Whether the column is one of these. On SQLite one statement for any number of them.
pub fn is_among(txn: &Txn, column: impl ColumnTrait, ids: &[i64]) -> Expr {
    if txn.get_database_backend() != DbBackend::Sqlite {
        return column.is_in(ids.iter().copied());
    }
    let list = Func::cust("json_each").arg(serde_json::Value::from(ids).to_string());
    column.in_subquery(Query::select().column("value").from_function(list, FOUND).take())
}

/// The rows that a query finds, which has these columns.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn find_all<M: FromQueryResult + DeserializeOwned>(
    txn: &Txn,
    query: SelectStatement,
    columns: &[&'static str],
) -> Result<Vec<M>, Error> {
    if txn.get_database_backend() != DbBackend::Sqlite {
        let rows = txn.query_all(&query).await?;
        return Ok(rows.iter().map(|row| M::from_query_result(row, "")).collect::<Result<_, _>>()?);
    }
    let members = columns.iter().flat_map(|&name| [Expr::Constant(name.into()), Expr::col((FOUND, name))]);
    let row = Func::cust("json_object").args(members);
    let rows = Func::cust("json_group_array").arg(row);
    let in_one = Query::select().expr(rows).from_subquery(query, FOUND).take();
    let found = txn.query_one(&in_one).await?.ok_or_else(|| Error::internal("an aggregate without a row"))?;
    serde_json::from_str(&found.try_get_by_index::<String>(0)?).map_err(Error::internal)
}

/// Runs statements that change rows, in this order; how many rows they changed in all. SQLite runs them at one go.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn execute_all(txn: &Txn, statements: &[&(dyn StatementBuilder + Sync)]) -> Result<u64, Error> {
    Ok(execute_in_turn(txn, statements).await?.0)
}

/// As [`execute_all`], with new rows at last: their ids, in the order of the rows, and how many rows the others changed.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn execute_and_insert<A: ActiveModelTrait>(
    txn: &Txn,
    statements: &[&(dyn StatementBuilder + Sync)],
    new: InsertMany<A>,
    count: usize,
) -> Result<(Vec<i64>, u64), Error> {
    let mut new = new.into_query();
    if txn.get_database_backend() != DbBackend::Sqlite {
        let (changed, _) = execute_in_turn(txn, statements).await?;
        new.returning(Query::returning().column("id"));
        let rows = txn.query_all(&new).await?;
        let mut ids = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
        // Rows are numbered in the order in which they are given, but may be told in another one.
        ids.sort_unstable();
        return Ok((ids, changed));
    }
    let all: Vec<_> = statements.iter().copied().chain([&new as _]).collect();
    let (changed, last) = execute_in_turn(txn, &all).await?;
    // One statement numbers its rows without a gap: AUTOINCREMENT goes on from the largest id, and nobody else writes.
    let count = i64::try_from(count).map_err(Error::internal)?;
    Ok(((last - count + 1..=last).collect(), changed.saturating_sub(count.unsigned_abs())))
}

/// Rows changed, and on SQLite the id of the last new row.
async fn execute_in_turn(txn: &Txn, statements: &[&(dyn StatementBuilder + Sync)]) -> Result<(u64, i64), DbErr> {
    let backend = txn.get_database_backend();
    let statements = statements.iter().map(|statement| StatementBuilder::build(*statement, &backend));
    if backend != DbBackend::Sqlite {
        let mut changed = 0;
        for statement in statements.collect::<Vec<_>>() {
            changed += txn.execute_raw(statement).await?.rows_affected();
        }
        return Ok((changed, 0));
    }
    let (mut sql, mut values) = (String::new(), Vec::new());
    for statement in statements {
        sql.push_str(&statement.sql);
        sql.push(';');
        values.extend(statement.values.into_iter().flat_map(|values| values.0));
    }
    let done = txn.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    // Ids are never negative.
    Ok((done.rows_affected(), done.last_insert_id().cast_signed()))
}
