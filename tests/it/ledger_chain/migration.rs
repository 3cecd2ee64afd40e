//! The migration of a database with entries of an earlier version.

use jeton::domain::ledger;
use jeton::infra::db::Db;
use migration::{Migrator, MigratorTrait};
use rstest_reuse::apply;
use sea_orm::{ConnectionTrait, Statement};

use super::damages;
use crate::support::{On, Place, on_both_databases};

/// Migrations before the chain.
const BEFORE: u32 = 22;

#[apply(on_both_databases)]
async fn entries_of_earlier_versions_become_chains(on: On) {
    let place = Place::make(on).await;
    let db = Db::connect(&place.url(), 4).await.unwrap();
    let steps = Migrator::migrations();
    assert!(steps[BEFORE as usize].name().ends_with("ledger_chain"));
    Migrator::up(db.read(), Some(BEFORE)).await.unwrap();
    // Users 1 to 40, of whom the first ten are deleted; more entries than one batch has, in turn; times of nanoseconds.
    let run = async |sql: &str| db.read().execute_unprepared(sql).await.map(drop).unwrap();
    let (numbers, time) = match on {
        On::Sqlite => (
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4400)",
            "'2026-03-01T12:00:00.123456789+00:00'",
        ),
        On::Postgres => {
            ("WITH n (i) AS (SELECT generate_series(1, 4400))", "TIMESTAMPTZ '2026-03-01T12:00:00.123456Z'")
        }
    };
    run(&format!(
        "{numbers} INSERT INTO \"user\" (id, username, username_key, password_hash, is_active, is_staff, is_superuser, \
         tokens, held, session_epoch, created_at) \
         SELECT i, CAST(i AS text), CAST(i AS text), '!', true, false, false, CASE WHEN i = 41 THEN 0 ELSE 330 END, 0, 0, {time} \
         FROM n WHERE i BETWEEN 11 AND 41"
    ))
    .await;
    run(&format!(
        "{numbers} INSERT INTO ledger_entry (user_id, amount, balance_after, reason, note, idempotency_key, requested_balance, \
         created_at) \
         SELECT 1 + i % 40, 3, 3 * ((i + 39) / 40), 'ADJUSTMENT', CASE WHEN i % 7 = 0 THEN 'note ' || i END, \
         CASE WHEN i % 5 = 0 THEN 'key ' || i END, CASE WHEN i % 2 = 0 THEN i END, {time} FROM n ORDER BY i"
    ))
    .await;
    run(&format!(
        "{numbers} INSERT INTO ledger_entry (user_id, amount, balance_after, reason, created_at) \
         SELECT i, -330, 0, 'ACCOUNT_CLOSED', {time} FROM n WHERE i <= 10 ORDER BY i"
    ))
    .await;
    db.migrate().await.unwrap();
    let findings = ledger::verify(&db).await.unwrap();
    assert_eq!(findings, []);
    let count = async |sql: &str| -> i64 {
        let backend = db.read().get_database_backend();
        let row = db.read().query_one_raw(Statement::from_string(backend, sql)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    };
    assert_eq!(count("SELECT count(*) FROM ledger_entry WHERE seq IS NULL OR length(hash) <> 64").await, 0);
    assert_eq!(count("SELECT count(*) FROM wallet WHERE ledger_seq = 110").await, 30);
    assert_eq!(count("SELECT count(*) FROM wallet WHERE ledger_seq = 0").await, 1, "without any entry");
    assert_eq!(count("SELECT count(DISTINCT erasable_salt) FROM ledger_entry").await, 628 + 880 - 125);
    let salted =
        "SELECT count(*) FROM ledger_entry WHERE (erasable_salt IS NULL) <> (note IS NULL AND idempotency_key IS NULL)";
    assert_eq!(count(salted).await, 0);
    run("UPDATE ledger_entry SET amount = amount + 1 WHERE id = 200; UPDATE ledger_entry SET amount = amount - 1 WHERE id = 240").await;
    let found = damages(&db).await;
    assert!(matches!(found.as_slice(), [one] if one.contains("ledger entry 200 (number 5) was changed")), "{found:?}");
    // And back: an earlier version has none of the columns.
    Migrator::down(db.read(), Some(u32::try_from(steps.len()).unwrap() - BEFORE)).await.unwrap();
    Migrator::up(db.read(), None).await.unwrap();
    assert_eq!(ledger::verify(&db).await.unwrap(), []);
    place.clear(&db).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migration_takes_bounded_time() {
    // In a debug build; a release takes a fraction of it.
    let place = Place::make(On::Sqlite).await;
    let db = Db::connect(&place.url(), 4).await.unwrap();
    Migrator::up(db.read(), Some(BEFORE)).await.unwrap();
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                INSERT INTO ledger_entry (user_id, amount, balance_after, reason, created_at) \
                SELECT i % 1000, 0, 0, 'ACCOUNT_CLOSED', '2026-03-01T12:00:00+00:00' FROM n";
    db.read().execute_unprepared(fill).await.unwrap();
    let start = std::time::Instant::now();
    db.migrate().await.unwrap();
    let migrated = start.elapsed();
    let start = std::time::Instant::now();
    assert_eq!(damages(&db).await, Vec::<String>::new());
    eprintln!("100,000 entries: migrated in {migrated:?}, verified in {:?}", start.elapsed());
}
