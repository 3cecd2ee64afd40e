//! Bulk statements: updates of many rows with individual values by `UPDATE .. FROM (VALUES ..)`, which both databases
//! support with the same syntax, and several statements in one round trip.
//!
//! SQLite runs on a thread of its own, which hands over row by row, and each row may cost two context switches. So rows
//! are read there as one JSON value, and writes return no more than the number of rows that they changed.

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

/// The alias of the `VALUES` table.
const GIVEN: &str = "given";
/// The alias of a subquery.
const FOUND: &str = "found";

/// Returns an update of the rows whose ids are the first values of `rows`. The other values are read by
/// [`values_column`].
pub fn update_from<E: EntityTrait>(rows: impl IntoIterator<Item = Vec<Value>>) -> UpdateStatement {
    let rows = rows.into_iter().map(ValueTuple::Many).collect();
    let mut update = Query::update();
    update
        .table(E::default().table_ref())
        .from(TableRef::ValuesList(rows, GIVEN.into_iden()))
        .and_where(Expr::col("id").eq(values_column(1)));
    update
}

/// Refers to a column of the `VALUES` table by its position, counted from 1, which is how both databases name them.
pub fn values_column(place: usize) -> Expr {
    Expr::col((GIVEN, format!("column{place}")))
}

/// Pads the rows to `count` with rows of zeros, which match no id. Each number of rows makes another statement, and
/// equal statements are prepared only once.
pub fn pad_rows<const N: usize>(rows: Vec<[i64; N]>, count: usize) -> impl Iterator<Item = Vec<Value>> {
    let missing = count.saturating_sub(rows.len());
    rows.into_iter().chain(std::iter::repeat_n([0; N], missing)).map(|row| row.map(Value::from).to_vec())
}

/// Returns the condition that the column is one of these ids. On SQLite it is the same statement for any number of
/// them.
pub fn in_ids(txn: &Txn, column: impl ColumnTrait, ids: &[i64]) -> Expr {
    if txn.get_database_backend() != DbBackend::Sqlite {
        return column.is_in(ids.iter().copied());
    }
    let list = Func::cust("json_each").arg(serde_json::Value::from(ids).to_string());
    column.in_subquery(Query::select().column("value").from_function(list, FOUND).take())
}

/// A query and the names of its columns.
pub struct RowQuery {
    /// The query.
    pub query: SelectStatement,
    /// All of its columns.
    pub columns: Vec<&'static str>,
}

impl RowQuery {
    /// Returns an expression for all rows as one JSON array, built by SQLite.
    fn into_json_array(self) -> Expr {
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

/// Returns the rows of two queries, in this order; the second is empty if `None`. One round trip on SQLite.
///
/// # Errors
/// INTERNAL if the database fails.
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
    let both = [Some(first), second].into_iter().flatten().map(RowQuery::into_json_array);
    let found = txn.query_one(&Query::select().exprs(both).take()).await?;
    let found = found.ok_or_else(|| Error::internal("an aggregate without a row"))?;
    let text = |place: usize| Ok::<String, Error>(found.try_get_by_index(place)?);
    let first = serde_json::from_str(&text(0)?).map_err(Error::internal)?;
    let second = if has_second { serde_json::from_str(&text(1)?).map_err(Error::internal)? } else { Vec::new() };
    Ok((first, second))
}

/// Executes statements that change rows, in this order, and returns the number of changed rows. One round trip on
/// SQLite.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn execute_all(txn: &Txn, statements: &[&(dyn StatementBuilder + Sync)]) -> Result<u64, Error> {
    Ok(execute_sequence(txn, statements).await?.0)
}

/// Executes statements as [`execute_all`], then inserts rows. Returns the ids of the new rows, in their order, and the
/// number of rows that the statements changed.
///
/// # Errors
/// INTERNAL if the database fails.
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
        // Ids are assigned in the order of the rows, but may be returned in another.
        ids.sort_unstable();
        return Ok((ids, changed));
    }
    let all: Vec<_> = statements.iter().copied().chain([&new as _]).collect();
    let (changed, last) = execute_sequence(txn, &all).await?;
    // One statement assigns ids without a gap: AUTOINCREMENT continues from the largest id, and there is no other
    // writer.
    let count = i64::try_from(count).map_err(Error::internal)?;
    Ok(((last - count + 1..=last).collect(), changed.saturating_sub(count.unsigned_abs())))
}

/// Returns the number of changed rows and, on SQLite, the id of the last inserted row.
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
