//! The migration of balances out of the users' rows.

use std::time::Instant;

use jeton::domain::ledger;
use jeton::infra::db::Db;
use migration::{Migrator, MigratorTrait};
use rstest_reuse::apply;
use sea_orm::{ConnectionTrait, Statement};

use crate::support::{On, Place, on_both_databases};

/// Returns the number of migrations before the one with this name.
fn before(name: &str) -> u32 {
    let place = Migrator::migrations().iter().position(|step| step.name().ends_with(name));
    u32::try_from(place.unwrap()).unwrap()
}

/// Makes a database of the version before wallets: users, the first ten of whom were deleted, with finished chats, and
/// an open one with a hold each, under an API key with limits.
async fn filled(db: &Db, on: On, users: u32, chats: u32) {
    Migrator::up(db.read(), Some(before("ledger_chain"))).await.unwrap();
    let time = "'2026-03-01T12:00:00+00:00'";
    let (numbers, time) = match on {
        On::Sqlite => (
            format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {chats})"),
            time.to_owned(),
        ),
        On::Postgres => (format!("WITH n (i) AS (SELECT generate_series(1, {chats}))"), format!("TIMESTAMPTZ {time}")),
    };
    let per_user = chats / users;
    let tokens = 1_000_000 - 100 * (per_user + 1);
    for sql in [
        format!(
            "INSERT INTO \"user\" (id, username, username_key, password_hash, is_active, is_staff, is_superuser, tokens, held, \
             session_epoch, created_at) SELECT i, CAST(i AS text), CAST(i AS text), '!', true, false, false, {tokens}, 100, 0, \
             {time} FROM n WHERE i BETWEEN 11 AND {users}"
        ),
        format!(
            "INSERT INTO api_key (id, user_id, name, prefix, secret_hash, scopes, total_limit, daily_limit, monthly_limit, held, \
             spent, day, spent_in_day, month, spent_in_month, created_at) \
             SELECT i, i, 'key', 'prefix ' || i, 'hash', '[\"READ\",\"WRITE\"]', 500, 400, 300, 100, 0, '', 0, '', 0, {time} \
             FROM n WHERE i BETWEEN 11 AND {users}"
        ),
        // Finished chats, and the open ones after them.
        format!(
            "INSERT INTO chat (user_id, model, status, message, response, hold, cost, usage_estimated, context_left_out, \
             created_at, finished_at) SELECT 1 + i % {users}, 'echo', 'DONE', 'What is it that you do all day long?', \
             'AI Response to: What is it that you do all day long?', 100, 100, false, 0, {time}, {time} \
             FROM n WHERE 1 + i % {users} > 10"
        ),
        format!(
            "INSERT INTO chat (user_id, api_key_id, model, status, message, response, hold, cost, usage_estimated, \
             context_left_out, created_at, lease_until) SELECT i, i, 'echo', 'PENDING', 'open', '', 100, 0, false, 0, {time}, \
             {time} FROM n WHERE i BETWEEN 11 AND {users}"
        ),
        format!(
            "INSERT INTO ledger_entry (user_id, amount, balance_after, reason, created_at) \
             SELECT i, 1000000, 1000000, 'SIGNUP_GRANT', {time} FROM n WHERE i <= {users}"
        ),
        format!(
            "INSERT INTO ledger_entry (user_id, amount, balance_after, reason, chat_id, created_at) \
             SELECT user_id, -100, 1000000 - 100 * row_number() OVER (PARTITION BY user_id ORDER BY id), 'CHAT_DONE', id, {time} \
             FROM chat WHERE status = 'DONE'"
        ),
        format!(
            "INSERT INTO ledger_entry (user_id, amount, balance_after, reason, created_at) \
             SELECT i, -1000000, 0, 'ACCOUNT_CLOSED', {time} FROM n WHERE i <= 10"
        ),
    ] {
        let sql = if sql.contains("FROM n") { format!("{numbers} {sql}") } else { sql };
        db.read().execute_unprepared(&sql).await.unwrap();
    }
    // The chains.
    let to = before("wallets") - before("ledger_chain");
    Migrator::up(db.read(), Some(to)).await.unwrap();
}

async fn count(db: &Db, sql: &str) -> i64 {
    let statement = Statement::from_string(db.read().get_database_backend(), sql);
    db.read().query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[apply(on_both_databases)]
async fn balances_move_into_wallets(on: On) {
    let place = Place::make(on).await;
    let db = Db::connect(&place.url(), 4).await.unwrap();
    // For figures of a large database: `JETON_TEST_CHATS=1000000 JETON_TEST_USERS=10000`.
    let size = |name, default| std::env::var(name).map_or(default, |size| size.parse().unwrap());
    let (users, chats) = (size("JETON_TEST_USERS", 60), size("JETON_TEST_CHATS", 3_000));
    filled(&db, on, users, chats).await;
    let alive = i64::from(users) - 10;
    let differs = "SELECT count(*) FROM \"user\" WHERE tokens + held <> \
                   (SELECT sum(amount) FROM ledger_entry WHERE user_id = \"user\".id) OR held <> \
                   (SELECT sum(hold) FROM chat WHERE user_id = \"user\".id AND status = 'PENDING')";
    if chats < 100_000 {
        assert_eq!(count(&db, differs).await, 0, "it is consistent before");
    }
    let sums = "CAST(sum(tokens) * 7 + sum(held) AS bigint)";
    let total = count(&db, &format!("SELECT {sums} FROM \"user\"")).await;
    let start = Instant::now();
    db.migrate().await.unwrap();
    eprintln!("{users} users, {chats} chats: migrated in {:?}", start.elapsed());
    assert_eq!(ledger::verify(&db).await.unwrap(), []);
    assert_eq!(count(&db, &format!("SELECT {sums} FROM wallet")).await, total);
    assert_eq!(count(&db, "SELECT count(*) FROM wallet WHERE tokens > 0").await, alive);
    assert_eq!(count(&db, "SELECT count(*) FROM wallet WHERE tokens = 0 AND ledger_seq = 2").await, 10, "closed ones");
    assert_eq!(count(&db, "SELECT count(*) FROM chat WHERE wallet_id IS NOT NULL").await, alive, "the open ones");
    if on == On::Postgres {
        // The users were inserted with their ids.
        let next = "SELECT setval(pg_get_serial_sequence('\"user\"', 'id'), (SELECT max(id) FROM \"user\"))";
        db.read().execute_unprepared(next).await.unwrap();
    }
    // A new user gets a wallet, whose id is that of no earlier user.
    let sql = "INSERT INTO \"user\" (username, username_key, password_hash, is_active, is_staff, is_superuser, session_epoch, \
               created_at) SELECT 'new', 'new', '!', true, false, false, 0, created_at FROM \"user\" WHERE id = 11; \
               INSERT INTO wallet (user_id, tokens, held) SELECT id, 0, 0 FROM \"user\" WHERE username = 'new'";
    db.read().execute_unprepared(sql).await.unwrap();
    let newest =
        count(&db, "SELECT id FROM wallet WHERE user_id = (SELECT id FROM \"user\" WHERE username = 'new')").await;
    assert_eq!(newest, i64::from(users) + 1);
    // And back.
    if chats < 100_000 {
        let steps = u32::try_from(Migrator::migrations().len()).unwrap() - before("wallets");
        Migrator::down(db.read(), Some(steps)).await.unwrap();
        assert_eq!(count(&db, differs).await, 0, "it is consistent afterwards");
        assert_eq!(count(&db, &format!("SELECT {sums} FROM \"user\"")).await, total);
        Migrator::up(db.read(), None).await.unwrap();
        assert_eq!(ledger::verify(&db).await.unwrap(), []);
    }
    place.clear(&db).await;
}
