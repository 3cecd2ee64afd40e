//! Untrusted backups, and databases with values that no Jeton has stored.

use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::json;

use crate::backup::{database, refused};
use crate::support::On;
use crate::support::installation::Installation;

/// A time later than any in the tests.
const FAR: &str = "9999-12-31T00:00:00+00:00";

/// Creates an installation with a user and a chat, and its backup.
async fn backed_up() -> (Installation, PathBuf) {
    let installation = Installation::new(On::Sqlite, &[]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let (status, _) = server.post("/api/chat/", Some(&access), json!({ "message": "Hello" })).await;
    assert_eq!(status, 200);
    assert!(server.terminate());
    let file = installation.data.path().join("backup");
    installation.ok(&["backup", file.to_str().unwrap()]);
    (installation, file)
}

async fn open(file: &Path) -> DatabaseConnection {
    Database::connect(format!("sqlite://{}", file.display())).await.unwrap()
}

/// Creates a copy of a database file, changed by these statements.
async fn changed(file: &Path, name: &str, sql: &str) -> PathBuf {
    let copy = file.with_file_name(name);
    std::fs::copy(file, &copy).unwrap();
    let db = open(&copy).await;
    db.execute_unprepared(&format!("PRAGMA foreign_keys = OFF; {sql}")).await.unwrap();
    db.close().await.unwrap();
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_beside_a_database_is_neither_used_nor_ignored() {
    let (installation, file) = backed_up().await;
    let beside = |path: &Path, ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    for ending in ["-wal", "-shm", "-journal"] {
        // Next to the given file, also through a symbolic link.
        let link = file.with_file_name("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::fs::write(beside(&file, ending), "of another program").unwrap();
        for given in [&file, &link] {
            let target = Installation::new(On::Sqlite, &[]).await;
            let wrong = refused(&target, &["restore", given.to_str().unwrap()]);
            assert!(wrong.contains(&format!("backup{ending} exists next to")), "{wrong}");
            assert!(!database(&target).exists());
        }
        std::fs::remove_file(beside(&file, ending)).unwrap();
        std::fs::remove_file(&link).unwrap();
        // Next to the restored database.
        let target = Installation::new(On::Sqlite, &[]).await;
        std::fs::write(beside(&database(&target), ending), "of one that is gone").unwrap();
        let wrong = refused(&target, &["restore", file.to_str().unwrap()]);
        assert!(wrong.contains(&format!("{ending} exists next to")) && !database(&target).exists(), "{wrong}");
        // Next to a backup to be created.
        let new = file.with_file_name("new");
        std::fs::write(beside(&new, ending), "of one that is gone").unwrap();
        assert!(refused(&installation, &["backup", new.to_str().unwrap()]).contains("exists next to"));
        assert!(!new.exists());
    }
    let target = Installation::new(On::Sqlite, &[]).await;
    target.ok(&["restore", file.to_str().unwrap()]);
    // A file that can't be opened as a database is renamed with all its side files.
    std::fs::write(database(&target), "no database at all".repeat(100)).unwrap();
    std::fs::write(beside(&database(&target), "-journal"), "a journal").unwrap();
    target.ok(&["restore", file.to_str().unwrap(), "--replace"]);
    assert!(!beside(&database(&target), "-journal").exists());
    assert!(target.ok(&["verify"]).contains("clean"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_schema_is_the_one_that_the_migrations_make() {
    let (_installation, file) = backed_up().await;
    for (name, sql, message) in [
        (
            "trigger",
            "CREATE TRIGGER rich AFTER INSERT ON session BEGIN UPDATE user SET is_superuser = 1; END",
            "trigger rich of session",
        ),
        ("view", "CREATE VIEW everything AS SELECT * FROM user", "view everything"),
        ("index", "CREATE INDEX slow ON chat (message)", "index slow of chat"),
        ("lost", "DROP INDEX idx_ledger_entry_chat_id", "lacks the index idx_ledger_entry_chat_id"),
        ("table", "CREATE TABLE more (id integer)", "table more"),
        ("column", "ALTER TABLE user ADD COLUMN more text", "table user differs"),
        (
            "check",
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, '>= 0', '>= -5') WHERE name = 'wallet'",
            "table wallet differs",
        ),
        (
            "search",
            "DROP TRIGGER chat_search_delete; CREATE TRIGGER chat_search_delete AFTER DELETE ON chat BEGIN SELECT 1; END",
            "trigger chat_search_delete of chat differs",
        ),
        (
            "steps",
            "DROP TABLE seaql_migrations; CREATE VIEW seaql_migrations AS SELECT 'x' AS version",
            "no database of Jeton",
        ),
        ("gap", "DELETE FROM seaql_migrations WHERE version LIKE '%conversations'", "lacks the migration"),
    ] {
        let bad = changed(&file, name, sql).await;
        let target = Installation::new(On::Sqlite, &[]).await;
        let wrong = refused(&target, &["restore", bad.to_str().unwrap()]);
        assert!(wrong.contains(message) && wrong.contains(name), "{name}: {wrong}");
        let left: Vec<_> = std::fs::read_dir(database(&target).parent().unwrap()).unwrap().collect();
        assert!(left.is_empty(), "{name}: {left:?}");
    }
    // Statistics tables are not part of the schema check.
    let analyzed = changed(&file, "analyzed", "ANALYZE").await;
    let target = Installation::new(On::Sqlite, &[]).await;
    target.ok(&["restore", analyzed.to_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_rows_can_all_be_read_and_summed() {
    let (_installation, file) = backed_up().await;
    for (name, sql, message) in [
        ("text", "UPDATE wallet SET tokens = 'much'", "wallet.tokens can't be read"),
        ("time", "UPDATE chat SET created_at = 'yesterday'", "chat.created_at can't be read"),
        ("status", "UPDATE chat SET status = 'GENEROUS'", "chat holds a row that can't be read"),
        ("overflow", "UPDATE ledger_entry SET amount = 9223372036854775807", "disagree with the ledger"),
        (
            "ids",
            "UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'user'",
            "the ids of user are used up",
        ),
        ("owner", "DELETE FROM user", "refer to missing rows"),
        ("year", "UPDATE session SET expires_at = '+12026-01-01T00:00:00+00:00'", "session.expires_at can't be read"),
        (
            "conversation",
            "INSERT INTO user SELECT 99, 'x', 'x', password_hash, is_active, is_staff, is_superuser, 0, created_at, NULL, NULL, NULL \
             FROM user; INSERT INTO wallet (user_id, tokens, held) VALUES (99, 0, 0); INSERT INTO conversation (id, user_id, title, created_at, active_at) \
             SELECT 9, id, 'x', created_at, 1 FROM user WHERE id = 99; UPDATE chat SET conversation_id = 9",
            "1 chats have a conversation_id of another user",
        ),
    ] {
        let bad = changed(&file, name, sql).await;
        let target = Installation::new(On::Sqlite, &[]).await;
        let wrong = refused(&target, &["restore", bad.to_str().unwrap()]);
        assert!(wrong.contains(message) && wrong.contains(name), "{name}: {wrong}");
        let left: Vec<_> = std::fs::read_dir(database(&target).parent().unwrap()).unwrap().collect();
        assert!(left.is_empty(), "{name}: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_has_no_servers_jobs_or_leases_of_another_one() {
    let (_installation, file) = backed_up().await;
    let sql = format!(
        "INSERT INTO server (id, started_at, seen_at, version, address) VALUES ('x', '{FAR}', '{FAR}', '1', 'y');
         INSERT OR REPLACE INTO job (name, holder, claimed_until) VALUES ('retention', 'x', '{FAR}');
         UPDATE chat SET status = 'PENDING', cost = 0, hold = 100, messages_charged = NULL, finished_at = NULL, lease_until = '{FAR}';
         UPDATE chat SET wallet_id = (SELECT id FROM wallet WHERE user_id = chat.user_id);
         UPDATE wallet SET held = 100 WHERE user_id IS NOT NULL; DELETE FROM ledger_entry WHERE chat_id IS NOT NULL;
         UPDATE wallet SET (ledger_seq, ledger_hash) = (SELECT seq, hash FROM ledger_entry WHERE wallet_id = wallet.id)
         WHERE user_id IS NOT NULL"
    );
    let open_chat = changed(&file, "open", &sql).await;
    let target = Installation::new(On::Sqlite, &[("JETON_TURNS__LEASE", "1s")]).await;
    target.ok(&["restore", open_chat.to_str().unwrap()]);
    let db = open(&database(&target)).await;
    let count = async |sql: &str| -> i64 {
        let row = db.query_one_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, sql)).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    };
    assert_eq!(count("SELECT count(*) FROM server").await, 0);
    assert_eq!(count("SELECT count(*) FROM job").await, 0);
    assert_eq!(count("SELECT count(*) FROM chat WHERE status = 'PENDING' AND lease_until < '3000'").await, 1);
    db.close().await.unwrap();
    // A server releases the hold.
    let server = target.serve();
    for _ in 0..100 {
        if target.ok(&["user", "show", "mia"]).contains("held      0") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(target.ok(&["user", "show", "mia"]).contains("held      0"));
    assert!(server.terminate());
    assert!(target.ok(&["verify"]).contains("clean"));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_reports_values_of_a_wrong_type() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    let server = installation.serve();
    server.register("mia").await;
    assert!(server.terminate());
    let db = open(&database(&installation)).await;
    db.execute_unprepared("UPDATE wallet SET tokens = 'much', held = 0.5 WHERE user_id IS NOT NULL; UPDATE ledger_entry SET amount = x'00'")
        .await
        .unwrap();
    db.close().await.unwrap();
    let output = installation.run(&["verify"], "");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    for column in ["wallet.tokens", "wallet.held", "ledger_entry.amount"] {
        assert!(stdout.contains(&format!("{column}: 1 rows hold no whole number")), "{stdout}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_paths_do_not_command_the_terminal() {
    let (installation, file) = backed_up().await;
    let named = changed(&file, "na\u{1b}[2Jme", "CREATE TABLE \"x\u{1b}[31m\u{9b}1m\" (id integer)").await;
    let missing = installation.data.path().join("mis\u{9b}2J\u{202e}sing");
    let target = Installation::new(On::Sqlite, &[]).await;
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    for arguments in [
        vec!["restore".to_owned(), path(&named)],
        vec!["restore".to_owned(), path(&missing)],
        vec!["import-django".to_owned(), path(&named)],
        vec!["import".to_owned(), path(&missing)],
        vec!["backup".to_owned(), path(&installation.data.path().join("new\u{1b}[2J"))],
    ] {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output =
            if arguments[0] == "backup" { installation.run(&arguments, "") } else { target.run(&arguments, "") };
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains("\\u{"), "{arguments:?}: {said}");
        let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!said.contains(obeyed), "{said:?}");
    }
}
