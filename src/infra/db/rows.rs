//! Queries of rows by their ids, several of them in one round trip on SQLite.
//!
//! SQLite runs on a thread of its own, which hands over row by row, and each row may cost two context switches. So rows
//! are read there as one JSON value.

use std::marker::PhantomData;

use sea_orm::sea_query::{Expr, Func, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryResult, QuerySelect, QueryTrait, Select,
};
use serde::de::DeserializeOwned;

use super::Txn;
use crate::core::error::Error;

/// The alias of a subquery.
const FOUND: &str = "found";

/// Returns the condition that the column is one of these ids. On SQLite it is the same statement for any number of
/// them.
pub fn in_ids<I: Copy + Into<i64>>(txn: &Txn, column: impl ColumnTrait, ids: &[I]) -> Expr {
    let ids: Vec<i64> = ids.iter().copied().map(Into::into).collect();
    if txn.get_database_backend() != DbBackend::Sqlite {
        return column.is_in(ids);
    }
    let list = Func::cust("json_each").arg(serde_json::Value::from(ids).to_string());
    column.in_subquery(Query::select().column("value").from_function(list, FOUND).take())
}

/// A query of rows of the type `M`, whose fields are named after the columns.
pub struct RowQuery<M> {
    query: SelectStatement,
    columns: Vec<&'static str>,
    row: PhantomData<M>,
}

impl<M: FromQueryResult + DeserializeOwned> RowQuery<M> {
    /// Selects columns.
    pub fn new<E: EntityTrait>(select: Select<E>, columns: impl IntoIterator<Item = E::Column>) -> Self {
        Self::with(select, columns, [])
    }

    /// Selects columns, and expressions under a name each.
    pub fn with<E: EntityTrait>(
        select: Select<E>,
        columns: impl IntoIterator<Item = E::Column>,
        computed: impl IntoIterator<Item = (Expr, &'static str)>,
    ) -> Self {
        use sea_orm::IdenStatic;
        let (mut select, mut names) = (select.select_only(), Vec::new());
        for column in columns {
            names.push(column.as_str());
            select = select.column(column);
        }
        for (expression, name) in computed {
            names.push(name);
            select = select.expr_as(expression, name);
        }
        Self { query: select.into_query(), columns: names, row: PhantomData }
    }

    /// Returns an expression for all rows as one JSON array, built by SQLite.
    fn into_json_array(self) -> Expr {
        let members = self.columns.iter().flat_map(|&name| [Expr::Constant(name.into()), Expr::col((FOUND, name))]);
        let rows = Func::cust("json_group_array").arg(Func::cust("json_object").args(members));
        let all = Query::select().expr(rows).from_subquery(self.query, FOUND).take();
        Expr::SubQuery(None, Box::new(all.into()))
    }

    async fn rows(self, txn: &Txn) -> Result<Vec<M>, Error> {
        let rows = txn.query_all(&self.query).await?;
        Ok(rows.iter().map(|row| M::from_query_result(row, "")).collect::<Result<_, _>>()?)
    }
}

/// Returns the rows of three queries, as [`fetch_two`] does.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn fetch_three<A, B, C>(
    txn: &Txn,
    first: RowQuery<A>,
    second: Option<RowQuery<B>>,
    third: RowQuery<C>,
) -> Result<(Vec<A>, Vec<B>, Vec<C>), Error>
where
    A: FromQueryResult + DeserializeOwned,
    B: FromQueryResult + DeserializeOwned,
    C: FromQueryResult + DeserializeOwned,
{
    if txn.get_database_backend() != DbBackend::Sqlite {
        let (first, second) = fetch_two(txn, first, second).await?;
        return Ok((first, second, third.rows(txn).await?));
    }
    let arrays = [Some(first.into_json_array()), second.map(RowQuery::into_json_array), Some(third.into_json_array())];
    let has_second = arrays[1].is_some();
    let found = fetch_arrays(txn, arrays.into_iter().flatten()).await?;
    let second = if has_second { parsed(&found, 1)? } else { Vec::new() };
    Ok((parsed(&found, 0)?, second, parsed(&found, 1 + usize::from(has_second))?))
}

/// Returns the rows of two queries, which run in this order; those of the second are empty if it is `None`. One round
/// trip on SQLite.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn fetch_two<A, B>(
    txn: &Txn,
    first: RowQuery<A>,
    second: Option<RowQuery<B>>,
) -> Result<(Vec<A>, Vec<B>), Error>
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
    let both = [Some(first.into_json_array()), second.map(RowQuery::into_json_array)].into_iter().flatten();
    let found = fetch_arrays(txn, both).await?;
    Ok((parsed(&found, 0)?, if has_second { parsed(&found, 1)? } else { Vec::new() }))
}

/// Returns the row of these JSON arrays.
async fn fetch_arrays(txn: &Txn, arrays: impl Iterator<Item = Expr>) -> Result<QueryResult, Error> {
    let found = txn.query_one(&Query::select().exprs(arrays).take()).await?;
    found.ok_or_else(|| Error::internal("an aggregate without a row"))
}

/// Returns the rows of a JSON array.
fn parsed<M: DeserializeOwned>(found: &QueryResult, place: usize) -> Result<Vec<M>, Error> {
    let text: String = found.try_get_by_index(place)?;
    serde_json::from_str(&text).map_err(|error| Error::internal(error))
}
