//! Bulk updates: one statement that updates many rows with a value of their own each, by `UPDATE .. FROM (VALUES ..)`,
//! which both databases support with the same syntax.

use std::marker::PhantomData;

use sea_orm::EntityTrait;
use sea_orm::sea_query::{Expr, ExprTrait, IntoIden, Query, TableRef, UpdateStatement, Value, ValueTuple};

/// The alias of the `VALUES` table.
const GIVEN: &str = "given";

/// A bulk update of the entity `E`: one row of the table for each `R`, found by its id.
pub struct BulkUpdate<'r, E, R> {
    rows: &'r [R],
    /// The rows of the `VALUES` table; the first value of each is the id.
    values: Vec<Vec<Value>>,
    /// The number of columns of the `VALUES` table.
    width: usize,
    statement: UpdateStatement,
    entity: PhantomData<E>,
}

impl<'r, E: EntityTrait, R> BulkUpdate<'r, E, R> {
    /// Begins an update of the rows with these ids.
    pub fn new<I: Into<Value>>(rows: &'r [R], id: impl Fn(&'r R) -> I) -> Self {
        let mut update = Self {
            rows,
            values: vec![Vec::new(); rows.len()],
            width: 0,
            statement: Query::update().table(E::default().table_ref()).take(),
            entity: PhantomData,
        };
        let id = update.value(id);
        update.filter(Expr::col("id").eq(id));
        update
    }

    /// Adds a value for each row. Returns the expression that refers to it, for [`Self::set`] and [`Self::filter`].
    pub fn value<V: Into<Value>>(&mut self, of: impl Fn(&'r R) -> V) -> Expr {
        for (values, row) in self.values.iter_mut().zip(self.rows) {
            values.push(of(row).into());
        }
        self.width += 1;
        // Both databases name the columns of `VALUES` by their position.
        Expr::col((GIVEN, format!("column{}", self.width)))
    }

    /// Sets a column to an expression.
    pub fn set(&mut self, column: impl IntoIden, to: impl Into<Expr>) -> &mut Self {
        self.statement.value(column, to);
        self
    }

    /// Sets a column to a value of each row.
    pub fn set_each<V: Into<Value>>(&mut self, column: impl IntoIden, of: impl Fn(&'r R) -> V) -> &mut Self {
        let value = self.value(of);
        self.set(column, value)
    }

    /// Sets a column to a value of each row, unless none has one: the column must be null before. Most rows have none of
    /// the rare values, and the statement is shorter without them.
    pub fn set_each_if_any<V: Into<Value>>(
        &mut self,
        column: impl IntoIden,
        of: impl Fn(&'r R) -> Option<V>,
    ) -> &mut Self
    where
        Option<V>: Into<Value>,
    {
        if self.rows.iter().any(|row| of(row).is_some()) {
            self.set_each(column, of);
        }
        self
    }

    /// Updates only rows that meet the condition as well.
    pub fn filter(&mut self, condition: Expr) -> &mut Self {
        self.statement.and_where(condition);
        self
    }

    /// Returns the statement, whose `VALUES` table is padded to `count` rows with rows of zeros and empty texts, which
    /// match no id; all values must be numbers or texts. Each number of rows makes another statement, and equal
    /// statements are prepared only once.
    pub fn into_padded_statement(mut self, count: usize) -> UpdateStatement {
        let missing = count.saturating_sub(self.values.len());
        let blank = |value: &Value| if matches!(value, Value::String(_)) { Value::from("") } else { Value::from(0i64) };
        let blanks = self.values.first().map(|row| row.iter().map(blank).collect::<Vec<_>>());
        self.values.extend(blanks.iter().flat_map(|row| std::iter::repeat_n(row.clone(), missing)));
        self.into_statement()
    }

    /// Returns the statement.
    pub fn into_statement(mut self) -> UpdateStatement {
        let rows = self.values.into_iter().map(ValueTuple::Many).collect();
        self.statement.from(TableRef::ValuesList(rows, GIVEN.into_iden())).take()
    }
}
