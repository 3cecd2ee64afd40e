//! Batches: statements of one transaction that change rows, and run together. On SQLite, which runs on a thread of its
//! own, they are one round trip.
//!
//! Each module adds its own statements, with the number of rows that they change. The caller executes them all.

use sea_orm::sea_query::{InsertStatement, Query, UpdateStatement};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, Iterable, QueryTrait,
    Statement, StatementBuilder,
};

use super::Txn;
use crate::core::error::Error;

/// Statements that run one after the other, with the number of rows that all of them change.
#[derive(Default)]
pub struct Batch {
    statements: Vec<BatchStatement>,
    expected: u64,
}

enum BatchStatement {
    Update(UpdateStatement),
    Insert(InsertStatement),
}

impl Batch {
    /// Adds an update that changes exactly this number of rows.
    pub fn update(&mut self, update: UpdateStatement, rows: usize) {
        self.statements.push(BatchStatement::Update(update));
        self.expected += rows as u64;
    }

    /// Adds an insert of rows.
    pub fn insert<A: ActiveModelTrait>(&mut self, rows: Vec<A>) {
        self.expected += rows.len() as u64;
        self.statements.push(BatchStatement::Insert(insert_of(rows)));
    }

    /// Executes the statements.
    ///
    /// # Errors
    /// INTERNAL if the database fails, or if they change another number of rows than expected: a guard did not hold.
    /// The caller then rolls the transaction back.
    pub async fn execute(self, txn: &Txn) -> Result<(), Error> {
        let expected = self.expected;
        let (changed, _) = self.run(txn).await?;
        if changed == expected { Ok(()) } else { Err(mismatch(changed, expected)) }
    }

    /// Executes the statements, then inserts rows. Returns the ids of the new rows, in their order.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn execute_and_insert<A: ActiveModelTrait>(mut self, txn: &Txn, rows: Vec<A>) -> Result<Vec<i64>, Error> {
        let count = rows.len();
        if txn.get_database_backend() == DbBackend::Sqlite {
            self.insert(rows);
            let expected = self.expected;
            let (changed, last) = self.run(txn).await?;
            if changed != expected {
                return Err(mismatch(changed, expected));
            }
            // One statement assigns ids without a gap: AUTOINCREMENT continues from the largest id, and there is no
            // other writer.
            let count = i64::try_from(count).map_err(|error| Error::internal(error))?;
            return Ok((last - count + 1..=last).collect());
        }
        self.execute(txn).await?;
        let mut new = insert_of(rows);
        new.returning(Query::returning().column("id"));
        let rows = txn.query_all(&new).await?;
        let mut ids = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
        if ids.len() != count {
            return Err(mismatch(ids.len() as u64, count as u64));
        }
        // Ids are assigned in the order of the rows, but may be returned in another.
        ids.sort_unstable();
        Ok(ids)
    }

    /// Returns the number of changed rows and, on SQLite, the id of the last inserted row.
    async fn run(self, txn: &Txn) -> Result<(u64, i64), Error> {
        let backend = txn.get_database_backend();
        let statements = self.statements.iter().map(|statement| statement.build(backend));
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
}

impl BatchStatement {
    fn build(&self, backend: DbBackend) -> Statement {
        match self {
            Self::Update(update) => StatementBuilder::build(update, &backend),
            Self::Insert(insert) => StatementBuilder::build(insert, &backend),
        }
    }
}

/// Returns the insert of rows, without the nullable columns in which no row has a value: half of those of an open chat.
/// They are null by default.
fn insert_of<A: ActiveModelTrait>(mut rows: Vec<A>) -> InsertStatement {
    let is_empty = |row: &A, column| match row.get(column) {
        ActiveValue::Set(value) | ActiveValue::Unchanged(value) => value == value.as_null(),
        ActiveValue::NotSet => true,
    };
    for column in <A::Entity as EntityTrait>::Column::iter().filter(|column| column.def().is_null()) {
        if rows.iter().all(|row| is_empty(row, column)) {
            rows.iter_mut().for_each(|row| row.not_set(column));
        }
    }
    A::Entity::insert_many(rows).into_query()
}

fn mismatch(changed: u64, expected: u64) -> Error {
    Error::internal(format!("{changed} of {expected} rows were changed"))
}
