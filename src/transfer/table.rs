//! The tables of a database, read from its own schema, so that none can be forgotten: a new table is transferred
//! without a change here. A column of an unknown type is an error, and is never omitted.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use super::complete::OF_SERVERS;
use super::value::{Kind, Row, Value};
use crate::core::error::{Code, Error};

/// Tables with the state of the database itself, which are not transferred.
const OF_THE_DATABASE: [&str; 2] = ["seaql_migrations", "unfinished"];

/// Lists table, column, declared type and position in the primary key (0: none), in the order of names. The full-text
/// index and generated columns are omitted: triggers and the database recreate them.
const SQLITE: &str = "SELECT t.name, c.name, c.type, c.pk FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c \
    WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND c.hidden = 0 \
    ORDER BY t.name, c.name";
const POSTGRES: &str = "SELECT c.table_name::text, c.column_name::text, c.data_type::text, \
    coalesce(array_position(i.indkey::int2[], a.attnum), -1)::bigint + 1 \
    FROM information_schema.columns AS c \
    JOIN information_schema.tables AS t USING (table_schema, table_name) \
    JOIN pg_attribute AS a ON a.attrelid = to_regclass(quote_ident(c.table_name)) AND a.attname = c.column_name \
    LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary \
    WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER' \
    ORDER BY c.table_name COLLATE \"C\", c.column_name COLLATE \"C\"";

/// Lists each table and the table that it references.
const SQLITE_REFERENCES: &str = "SELECT t.name, f.\"table\" FROM pragma_table_list AS t, \
    pragma_foreign_key_list(t.name) AS f WHERE t.schema = 'main' AND t.type = 'table'";
const POSTGRES_REFERENCES: &str = "SELECT a.relname::text, b.relname::text FROM pg_constraint AS c \
    JOIN pg_class AS a ON a.oid = c.conrelid JOIN pg_class AS b ON b.oid = c.confrelid \
    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace";

/// A column: its name and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// The columns, ordered by name.
    pub(super) columns: Vec<Column>,
    /// The indices of the primary key's columns in `columns`.
    key: Vec<usize>,
    /// Whether rows reference rows of the same table.
    refers_to_itself: bool,
}

/// Returns the tables of a database, referenced ones first.
///
/// # Errors
/// INTERNAL if the schema can't be read, a column has an unsupported type, or a table has no primary key.
pub(super) async fn all(db: &impl ConnectionTrait) -> Result<Vec<Table>, Error> {
    let backend = db.get_database_backend();
    let (columns, references) = match backend {
        DbBackend::Postgres => (POSTGRES, POSTGRES_REFERENCES),
        _ => (SQLITE, SQLITE_REFERENCES),
    };
    let mut tables: Vec<Table> = Vec::new();
    let mut keys: Vec<Vec<(i64, usize)>> = Vec::new();
    for row in db.query_all_raw(Statement::from_string(backend, columns)).await? {
        let (table, name, declared, place): (String, String, String, i64) = row.try_get_many_by_index()?;
        if OF_THE_DATABASE.contains(&table.as_str()) || OF_SERVERS.contains(&table.as_str()) {
            continue;
        }
        let kind = Kind::of(&declared)
            .ok_or_else(|| Error::internal(format!("{table}.{name} has a type that can't be moved: {declared}")))?;
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Table { name: table, columns: Vec::new(), key: Vec::new(), refers_to_itself: false });
            keys.push(Vec::new());
        }
        if let (Some(table), Some(key)) = (tables.last_mut(), keys.last_mut()) {
            if place > 0 {
                key.push((place, table.columns.len()));
            }
            table.columns.push(Column { name, kind });
        }
    }
    for (table, mut key) in tables.iter_mut().zip(keys) {
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, column)| column).collect();
        if table.key.is_empty() {
            return Err(Error::internal(format!("{} has no primary key", table.name)));
        }
    }
    let mut refers: Vec<(String, String)> = Vec::new();
    for row in db.query_all_raw(Statement::from_string(backend, references)).await? {
        refers.push(row.try_get_many_by_index()?);
    }
    for table in &mut tables {
        table.refers_to_itself = refers.iter().any(|(from, to)| *from == table.name && *to == table.name);
    }
    in_order(tables, &refers)
}

/// Sorts tables by their references, referenced ones first, otherwise by name.
fn in_order(mut tables: Vec<Table>, refers: &[(String, String)]) -> Result<Vec<Table>, Error> {
    let mut ordered: Vec<Table> = Vec::new();
    while !tables.is_empty() {
        let waits = |table: &Table| {
            let waits_for = |other: &Table| {
                other.name != table.name && refers.iter().any(|(from, to)| *from == table.name && *to == other.name)
            };
            tables.iter().any(waits_for)
        };
        let next = tables.iter().position(|table| !waits(table));
        let next = next.ok_or_else(|| Error::internal("tables refer to each other in a circle"))?;
        ordered.push(tables.remove(next));
    }
    Ok(ordered)
}

/// Checks that rows of one database can be inserted into the other: same tables, same columns.
///
/// # Errors
/// CONFLICT that names the difference.
pub(super) fn check_alike(from: &[Table], to: &[Table]) -> Result<(), Error> {
    let names = |tables: &[Table]| {
        let of = |table: &Table| {
            table.columns.iter().map(|column| format!("{}.{}", table.name, column.name)).collect::<Vec<_>>()
        };
        tables.iter().flat_map(of).collect::<Vec<_>>()
    };
    let (from, to) = (names(from), names(to));
    let only = from.iter().filter(|name| !to.contains(name)).chain(to.iter().filter(|name| !from.contains(name)));
    match only.collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        [first, ..] => Err(Error::new(Code::Conflict, format!("only one of the two databases has {first}"))),
    }
}

impl Table {
    /// Returns the query for the next rows after `last`, in the order of the primary key (keyset pagination).
    ///
    /// Referenced rows precede the rows that reference them. Within a table the referenced row is the newer one, so its
    /// order is descending: a chat is replaced by a later one.
    pub(super) fn next(&self, last: Option<&Row>, most: u64) -> SelectStatement {
        let mut query = Query::select();
        query.from(Alias::new(&self.name)).columns(self.columns.iter().map(|column| Alias::new(&column.name)));
        let order = if self.refers_to_itself { Order::Desc } else { Order::Asc };
        let name = |at: &usize| self.columns.get(*at).map(|column| Alias::new(&column.name));
        for column in self.key.iter().filter_map(name) {
            query.order_by(column, order.clone());
        }
        if let Some(last) = last {
            let key = Expr::tuple(self.key.iter().filter_map(name).map(Expr::col));
            let place = self.key.iter().filter_map(|at| last.get(*at)).map(|cell| Expr::val(cell.value()));
            let place = Expr::tuple(place);
            query.and_where(if self.refers_to_itself { key.lt(place) } else { key.gt(place) });
        }
        query.limit(most).take()
    }

    /// Formats the primary key of a row, for error messages.
    pub(super) fn place(&self, row: &Row) -> String {
        let key = self.key.iter().filter_map(|at| row.get(*at)).map(|cell| cell.json().to_string());
        key.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn count(&self) -> SelectStatement {
        Query::select().expr(Expr::cust("count(*)")).from(Alias::new(&self.name)).take()
    }

    pub(super) fn row(&self, found: &QueryResult) -> Result<Row, Error> {
        let cell = |(at, column): (usize, &Column)| {
            Value::read(found, at, column.kind).map_err(|error| {
                Error::new(Code::Internal, format!("{}.{} can't be read", self.name, column.name)).with_source(error)
            })
        };
        self.columns.iter().enumerate().map(cell).collect()
    }
}
