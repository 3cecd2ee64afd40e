//! Statements about many rows at once, each with values of its own: `UPDATE .. FROM (VALUES ..)`, which both databases
//! understand in the same words.
//!
//! SQLite works in a thread of its own, which hands over row by row, and each row may change the processor's task twice.
//! So rows are read in one piece there, and writes tell no more than how many rows they changed.

use sea_orm::sea_query::{
    Expr, ExprTrait, Func, IntoIden, Query, SelectStatement, TableRef, UpdateStatement, Value, ValueTuple,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, InsertMany, QueryTrait,
    Statement, StatementBuilder,
};
use serde::de::DeserializeOwned;

use super::Txn;
use crate::core::error::Error;

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
        .and_where(Expr::col("id").eq(values_column(1)));
    update
}

/// What is given for the row at this place, counted from 1: the databases name the columns of values so.
pub fn values_column(place: usize) -> Expr {
    Expr::col((GIVEN, format!("column{place}")))
}

/// The rows, filled up with rows of zeros, which no id is, so that there are as many of them. Each number of rows makes
/// another statement, and statements that are the same are prepared once.
pub fn pad_rows<const N: usize>(rows: Vec<[i64; N]>, count: usize) -> impl Iterator<Item = Vec<Value>> {
    let missing = count.saturating_sub(rows.len());
    rows.into_iter().chain(std::iter::repeat_n([0; N], missing)).map(|row| row.map(Value::from).to_vec())
}

/// Whether the column is one of these. On SQLite one statement for any number of them.
pub fn in_ids(txn: &Txn, column: impl ColumnTrait, ids: &[i64]) -> Expr {
    if txn.get_database_backend() != DbBackend::Sqlite {
        return column.is_in(ids.iter().copied());
    }
    let list = Func::cust("json_each").arg(serde_json::Value::from(ids).to_string());
    column.in_subquery(Query::select().column("value").from_function(list, FOUND).take())
}

/// What is looked for: a query, and what its columns are called.
pub struct RowQuery {
    /// The query.
    pub query: SelectStatement,
    /// All of its columns.
    pub columns: Vec<&'static str>,
}

impl RowQuery {
    /// All of it in one piece of JSON, as SQLite makes it.
    fn as_json_array(self) -> Expr {
        let members = self.columns.iter().flat_map(|&name| [Expr::Constant(name.into()), Expr::col((FOUND, name))]);
        let rows = Func::cust("json_group_array").arg(Func::cust("json_object").args(members));
        let all = Query::select().expr(rows).from_subquery(self.query, FOUND).take();
        Expr::SubQuery(None, Box::new(all.into()))
    }

    async fn rows<M: FromQueryResult>(self, txn: &Txn) -> Result<Vec<M>, Error> {
        let rows = txn.query_all(&self.query).await?;
        Ok(rows.iter().map(|row| M::from_query_result(row, "")).collect::<Result<_, _>>()?)
    }
}

/// The rows of two queries, in this order; of the second none where there is none. SQLite finds them at one go.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn fetch_two<A, B>(txn: &Txn, first: RowQuery, second: Option<RowQuery>) -> Result<(Vec<A>, Vec<B>), Error>
where
    A: FromQueryResult + DeserializeOwned,
    B: FromQueryResult + DeserializeOwned,
{
    if txn.get_database_backend() != DbBackend::Sqlite {
        let first = first.rows(txn).await?;
        let second = if let Some(second) = second { second.rows(txn).await? } else { Vec::new() };
        return Ok((first, second));
    }
    let has_second = second.is_some();
    let both = [Some(first), second].into_iter().flatten().map(RowQuery::as_json_array);
    let found = txn.query_one(&Query::select().exprs(both).take()).await?;
    let found = found.ok_or_else(|| Error::internal("an aggregate without a row"))?;
    let text = |place: usize| Ok::<String, Error>(found.try_get_by_index(place)?);
    let first = serde_json::from_str(&text(0)?).map_err(Error::internal)?;
    let second = if has_second { serde_json::from_str(&text(1)?).map_err(Error::internal)? } else { Vec::new() };
    Ok((first, second))
}

/// Runs statements that change rows, in this order; how many rows they changed in all. SQLite runs them at one go.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn execute_all(txn: &Txn, statements: &[&(dyn StatementBuilder + Sync)]) -> Result<u64, Error> {
    Ok(execute_sequence(txn, statements).await?.0)
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
        let (changed, _) = execute_sequence(txn, statements).await?;
        new.returning(Query::returning().column("id"));
        let rows = txn.query_all(&new).await?;
        let mut ids = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
        // Rows are numbered in the order in which they are given, but may be told in another one.
        ids.sort_unstable();
        return Ok((ids, changed));
    }
    let all: Vec<_> = statements.iter().copied().chain([&new as _]).collect();
    let (changed, last) = execute_sequence(txn, &all).await?;
    // One statement numbers its rows without a gap: AUTOINCREMENT goes on from the largest id, and nobody else writes.
    let count = i64::try_from(count).map_err(Error::internal)?;
    Ok(((last - count + 1..=last).collect(), changed.saturating_sub(count.unsigned_abs())))
}

/// Rows changed, and on SQLite the id of the last new row.
async fn execute_sequence(txn: &Txn, statements: &[&(dyn StatementBuilder + Sync)]) -> Result<(u64, i64), Error> {
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
