//! Schema check of an untrusted SQLite file: it is accepted only with exactly the schema that the migrations create. A
//! different trigger, view, index or constraint could change what the server writes later.

use std::collections::BTreeMap;

use migration::MigratorTrait;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement};

/// Maximum number of schema entries that are read; more than any schema of Jeton has.
const MAX_ENTRIES: usize = 1000;

/// The statistics tables of ANALYZE, which are allowed in any schema.
pub(super) const STATISTICS: [(&str, &str); 2] = [
    ("sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    ("sqlite_stat4", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"),
];

/// Type, name and table of an entry.
type Key = (String, String, String);
/// The SQL statement of each entry; `None` for entries that SQLite creates itself.
type Schema = BTreeMap<Key, Option<String>>;

/// Why a schema is rejected.
pub(super) enum Rejection {
    /// It differs; the text names the difference.
    Wrong(String),
    /// It can't be read.
    Unreadable(DbErr),
}

impl From<DbErr> for Rejection {
    fn from(error: DbErr) -> Self {
        Self::Unreadable(error)
    }
}

/// Compares the schema with that of a new database at the same migration.
///
/// # Errors
/// [`Rejection`] with the first difference, or with the error of the database.
pub(super) async fn check(db: &DatabaseConnection) -> Result<(), Rejection> {
    let found = schema(db).await?;
    let wrong = |why: &str| Err(Rejection::Wrong(why.to_owned()));
    let steps = ("table", "seaql_migrations", "seaql_migrations");
    let steps = (steps.0.to_owned(), steps.1.to_owned(), steps.2.to_owned());
    let newest = made(None).await?;
    // The table of applied migrations must be a plain table before it is read.
    match (found.get(&steps), newest.get(&steps)) {
        (None, _) => return wrong("it is no database of Jeton"),
        (Some(found), Some(own)) if found == own => {}
        _ => return wrong("its table seaql_migrations differs from the one that Jeton makes"),
    }
    let known: Vec<String> = migration::Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
    let applied = format!("SELECT version FROM seaql_migrations ORDER BY version LIMIT {MAX_ENTRIES}");
    let applied = texts(db, &applied).await?;
    if let Some(newer) = applied.iter().find(|step| !known.contains(step)) {
        return wrong(&format!("it was made by a newer version of Jeton, which has {newer}"));
    }
    if let Some((lacking, _)) = known.iter().zip(&applied).find(|(known, applied)| known != applied) {
        return wrong(&format!("its schema lacks the migration {lacking}"));
    }
    let expected = if applied.len() == known.len() { newest } else { made(u32::try_from(applied.len()).ok()).await? };
    match difference(&found, &expected) {
        Some(difference) => Err(Rejection::Wrong(difference)),
        None => Ok(()),
    }
}

/// Returns the first difference, which names the entry.
fn difference(found: &Schema, expected: &Schema) -> Option<String> {
    for ((kind, name, table), sql) in found {
        let of = if name == table { String::new() } else { format!(" of {table}") };
        match expected.get(&(kind.clone(), name.clone(), table.clone())) {
            None => return Some(format!("its schema has a {kind} {name}{of} that Jeton does not make")),
            Some(own) if own != sql => {
                return Some(format!("its {kind} {name}{of} differs from the one that Jeton makes"));
            }
            Some(_) => {}
        }
    }
    let lacking = expected.keys().find(|key| !found.contains_key(key));
    lacking.map(|(kind, name, _)| format!("its schema lacks the {kind} {name}"))
}

/// Returns the schema of a new database after this number of migrations; `None`: all.
async fn made(steps: Option<u32>) -> Result<Schema, DbErr> {
    let db = connect(|| SqliteConnectOptions::new().in_memory(true)).await?;
    migration::Migrator::up(&db, steps).await?;
    let made = schema(&db).await?;
    db.close().await?;
    Ok(made)
}

async fn schema(db: &DatabaseConnection) -> Result<Schema, DbErr> {
    let sql = format!("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT {MAX_ENTRIES}");
    let mut schema = Schema::new();
    for row in db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await? {
        let (kind, name, table, sql): (String, String, String, Option<String>) = row.try_get_many_by_index()?;
        let sql = sql.map(|sql| normalized(&sql));
        let is_statistics = STATISTICS.iter().any(|(own, made)| *own == name && sql.as_deref() == Some(*made));
        if !(is_statistics && kind == "table") && schema.insert((kind, name.clone(), table), sql).is_some() {
            return Err(DbErr::Custom(format!("{name} occurs twice")));
        }
    }
    Ok(schema)
}

/// Normalizes white space of a statement to single spaces. Quoted parts stay as they are.
fn normalized(sql: &str) -> String {
    let (mut text, mut end, mut space) = (String::with_capacity(sql.len()), None, false);
    for c in sql.trim().chars() {
        if end.is_none() && c.is_ascii_whitespace() {
            space = true;
            continue;
        }
        if std::mem::take(&mut space) {
            text.push(' ');
        }
        text.push(c);
        end = match (end, c) {
            (None, '\'' | '"' | '`') => Some(c),
            (None, '[') => Some(']'),
            (Some(quote), c) if quote == c => None,
            (end, _) => end,
        };
    }
    text
}

/// Opens a database with these options and a single connection.
pub(super) async fn connect(
    options: impl Fn() -> SqliteConnectOptions + Send + Sync + 'static,
) -> Result<DatabaseConnection, DbErr> {
    let mut connecting = ConnectOptions::new("sqlite:");
    connecting.max_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(move |_| options());
    Database::connect(connecting).await
}

/// Returns the first column of each row as text.
pub(super) async fn texts(db: &DatabaseConnection, sql: &str) -> Result<Vec<String>, DbErr> {
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_compared_by_their_words() {
        assert_eq!(normalized(" CREATE  TABLE\n\tx (a ) "), "CREATE TABLE x (a )");
        assert_eq!(normalized("CHECK (a <> 'b  c') \"d  e\" [f  g]  h"), "CHECK (a <> 'b  c') \"d  e\" [f  g] h");
        assert_ne!(normalized("'it''s  so'"), normalized("'it''s so'"));
    }

    #[tokio::test]
    async fn a_schema_is_the_one_of_its_migration_or_named() {
        let steps = migration::Migrator::migrations().len();
        for applied in 1..=steps {
            let db = connect(|| SqliteConnectOptions::new().in_memory(true)).await.unwrap();
            migration::Migrator::up(&db, Some(applied.try_into().unwrap())).await.unwrap();
            assert!(check(&db).await.is_ok(), "after {applied} migrations");
            db.execute_unprepared("ANALYZE").await.unwrap();
            assert!(check(&db).await.is_ok(), "statistics are no difference");
            db.execute_unprepared("CREATE INDEX mine ON user (created_at)").await.unwrap();
            let Err(Rejection::Wrong(why)) = check(&db).await else { panic!("{applied}") };
            assert!(why.contains("index mine of user"), "{why}");
        }
    }
}
