//! Statements for many rows at once, each with values of its own: `UPDATE .. FROM (VALUES ..) .. RETURNING`, which both
//! databases understand in the same words.

use sea_orm::sea_query::{
    Expr, ExprTrait, IntoColumnRef, IntoIden, Query, TableRef, UpdateStatement, Value, ValueTuple,
};
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult};

use super::Txn;
use crate::error::Error;

/// What the values are called.
const GIVEN: &str = "given";

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

/// Runs the update, which has to have values; these columns of the rows after it, in no particular order.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn update_returning<M: FromQueryResult, C: IntoColumnRef>(
    txn: &Txn,
    mut update: UpdateStatement,
    columns: impl IntoIterator<Item = C>,
) -> Result<Vec<M>, Error> {
    update.returning(Query::returning().columns(columns));
    let rows = txn.query_all(&update).await?;
    Ok(rows.iter().map(|row| M::from_query_result(row, "")).collect::<Result<_, _>>()?)
}
