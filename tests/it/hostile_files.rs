//! Untrusted exports and Django databases, and sources that are not regular files.

use std::io::BufReader;
use std::path::Path;
use std::process::Command;

use jeton::core::error::Error;
use jeton::domain::ledger::{self, IntegrityViolation, WalletName};
use jeton::infra::db::Db;
use jeton::transfer::{check_complete, copy, django, import};
use rstest_reuse::apply;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::copy::{empty, exported, imported};
use crate::support::django::Django;
use crate::support::installation::Installation;
use crate::support::{On, TestApp, on_both_databases};

/// A time later than any in the tests.
const FAR: &str = "9999-12-31T00:00:00+00:00";

const BEFORE: &str = "2026-01-01T00:00:00+00:00";

fn refused(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(arguments, "");
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn run(db: &Db, sql: &str) {
    let done = db.write(sql.to_owned(), |txn, sql| {
        Box::pin(async move {
            txn.execute_unprepared(sql).await?;
            Ok::<_, Error>(())
        })
    });
    done.await.unwrap();
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[apply(on_both_databases)]
async fn verify_reports_sums_that_overflow(on: On) {
    let app = TestApp::start(on).await;
    let db = &app.app.db;
    let (most, least) = (i64::MAX, i64::MIN);
    run(
        db,
        &format!(
            "INSERT INTO \"user\" (id, username, username_key, password_hash, is_active, is_staff, is_superuser, \
             session_epoch, created_at) VALUES (900, 'x', 'x', '', true, false, false, 0, '{BEFORE}'); \
             INSERT INTO wallet (id, user_id, tokens, held) VALUES (900, 900, {most}, {most}), (901, 901, 0, 0), (903, 903, 7, 0); \
             INSERT INTO chat (id, user_id, model, status, message, response, hold, cost, usage_estimated, context_left_out, \
             created_at) VALUES (900, 900, 'echo', 'DONE', '', '', 0, 0, false, 0, '{BEFORE}')"
        ),
    )
    .await;
    for (user, amount, chat) in [
        (900, most, "NULL"),
        (900, most, "NULL"),
        (901, least, "NULL"),
        (901, least, "900"),
        (902, most, "NULL"),
        (902, 1 - most, "NULL"),
        (903, 7, "NULL"),
    ] {
        run(
            db,
            &format!(
                "INSERT INTO ledger_entry (wallet_id, amount, balance_after, reason, chat_id, created_at) \
                 VALUES ({user}, {amount}, 0, 'ADJUSTMENT', {chat}, '{BEFORE}')"
            ),
        )
        .await;
    }
    let findings = ledger::verify(db).await.unwrap();
    let far = 1 << 62;
    let expected = [
        IntegrityViolation::Balance { wallet: WalletName::User(900), tokens: most, held: most, entries: far, open: 0 },
        IntegrityViolation::Balance { wallet: WalletName::User(901), tokens: 0, held: 0, entries: -far, open: 0 },
        IntegrityViolation::Leftover { wallet: WalletName::Missing(902), entries: 1 },
        IntegrityViolation::Leftover { wallet: WalletName::User(903), entries: 7 },
        IntegrityViolation::Chat { chat_id: 900, cost: 0, paid: Some(most) },
    ];
    // None of the entries is in a chain.
    let (chains, findings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| matches!(finding, IntegrityViolation::Chain { .. }));
    assert_eq!(chains.len(), 4, "one for each user: {chains:?}");
    for finding in &expected {
        assert!(findings.contains(finding), "{finding:?}: {findings:?}");
    }
    assert_eq!(findings.len(), expected.len(), "{findings:?}");
    run(db, "DELETE FROM ledger_entry WHERE wallet_id >= 900; DELETE FROM wallet WHERE id >= 900; DELETE FROM chat WHERE id = 900; \
         DELETE FROM \"user\" WHERE id = 900")
        .await;
}

async fn filled(on: On) -> TestApp {
    let app = TestApp::start(on).await;
    app.user("mia").await.say("echo", "Hello").await;
    app.settled().await;
    app
}

#[apply(on_both_databases)]
async fn what_was_refused_is_not_served(on: On) {
    let app = filled(on).await;
    let from = &app.app.db;
    for (wrong, right, message) in [
        ("UPDATE wallet SET tokens = tokens + 5", "UPDATE wallet SET tokens = tokens - 5", "disagree with the ledger"),
        (
            "UPDATE chat SET status = 'GENEROUS' WHERE status = 'DONE'",
            "UPDATE chat SET status = 'DONE' WHERE status = 'GENEROUS'",
            "chat holds a row that can't be read",
        ),
    ] {
        run(from, wrong).await;
        let file = exported(from).await;
        let (place, db) = empty(on).await;
        let error = imported(&db, &file).await.expect_err(message);
        assert!(error.contains(message), "{error}");
        assert!(check_complete(&db).await.unwrap_err().message.contains("not complete"));
        place.clear(&db).await;
        let (place, db) = empty(on).await;
        let error = format!("{:?}", copy(from, &db, "here", &|_| {}).await.expect_err(message));
        assert!(error.contains(message), "{error}");
        // An invalid source leaves the target untouched.
        let is_source = error.contains("the source of the copy");
        assert!(
            if is_source { !db.is_migrated().await.unwrap() } else { check_complete(&db).await.is_err() },
            "{error}"
        );
        place.clear(&db).await;
        run(from, right).await;
    }
}

#[apply(on_both_databases)]
async fn an_export_counts_all_that_it_holds(on: On) {
    let app = filled(on).await;
    let file = exported(&app.app.db).await;
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.len() - 1;
    let edited = |edit: &dyn Fn(&mut Vec<Value>)| {
        let mut lines = lines.clone();
        edit(&mut lines);
        lines.iter().map(|line| format!("{line}\n")).collect::<String>()
    };
    let remove = |value: &mut Value, key: &str| value.as_object_mut().unwrap().remove(key).unwrap();
    let is_chat = |line: &Value| line["table"] == "chat";
    let cases: [(String, &str); 9] = [
        (edited(&|lines| lines[last]["end"]["tables"] = json!({})), "its end does not count the rows of"),
        (
            edited(&|lines| {
                remove(&mut lines[last]["end"]["tables"], "chat");
                lines.retain(|line| !is_chat(line));
            }),
            "its end does not count the rows of chat",
        ),
        (edited(&|lines| lines[0]["tables"]["chat"]["rows"] = json!(7)), "the beginning counts 7 rows of chat"),
        (
            edited(&|lines| lines[last]["end"]["tables"]["more"] = json!({ "rows": 0, "checksum": "" })),
            "a table that the beginning does not",
        ),
        (edited(&|lines| lines[last]["end"]["sequences"] = json!({})), "the end lacks the highest id of"),
        (edited(&|lines| lines[last]["end"]["sequences"]["user"] = json!(i64::MAX)), "the ids of user are used up"),
        (edited(&|lines| drop(remove(&mut lines[last]["end"], "tables"))), "missing field `tables`"),
        (
            edited(&|lines| {
                let chat = lines.iter_mut().find(|line| is_chat(line)).unwrap();
                chat["row"]["message"] = json!([[[]]]);
            }),
            "expected a text",
        ),
        (
            edited(&|lines| {
                let chat = lines.iter_mut().find(|line| is_chat(line)).unwrap();
                chat["x".repeat(10_000)] = json!(1);
            }),
            "unknown field",
        ),
    ];
    for (broken, message) in cases {
        let (place, db) = empty(on).await;
        let wrong = imported(&db, &broken).await.expect_err(message);
        assert!(wrong.contains(message), "{message}: {wrong}");
        assert!(wrong.len() < 2000, "what is wrong is said shortly");
        assert!(check_complete(&db).await.unwrap_err().message.contains("not complete"));
        place.clear(&db).await;
    }
    // An endless line is not read further than the limit.
    let (place, db) = empty(on).await;
    let endless = import(&db, &mut BufReader::new(std::io::repeat(b'x')), "a file", &|_| {}).await.unwrap_err();
    assert!(endless.message.contains("longer than"), "{endless:?}");
    place.clear(&db).await;
}

#[apply(on_both_databases)]
async fn tables_of_servers_do_not_come_along(on: On) {
    let app = filled(on).await;
    let from = &app.app.db;
    let rows = format!(
        "INSERT INTO server (id, started_at, seen_at, version, address) VALUES ('x', '{FAR}', '{FAR}', '1', 'an address'); \
         INSERT INTO job (name, holder, claimed_until) VALUES ('other', 'x', '{FAR}')"
    );
    run(from, &rows).await;
    let file = exported(from).await;
    assert!(!file.contains("\"server\"") && !file.contains("\"job\""), "{file}");
    // Exports of earlier versions contain them.
    let mut lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines[0]["tables"]["job"] = json!({ "rows": 1, "columns": ["claimed_until", "holder", "last_run_at", "name"] });
    lines.last_mut().unwrap()["end"]["tables"]["job"] = json!({ "rows": 1, "checksum": "0" });
    lines.insert(
        1,
        json!({ "table": "job", "row": { "claimed_until": FAR, "holder": "x", "last_run_at": null, "name": "other" } }),
    );
    let earlier: String = lines.iter().map(|line| format!("{line}\n")).collect();
    for by in ["import", "import of an earlier version", "copy"] {
        let (place, db) = empty(on).await;
        match by {
            "import" => imported(&db, &file).await.unwrap(),
            "copy" => drop(copy(from, &db, "here", &|_| {}).await.unwrap()),
            _ => imported(&db, &earlier).await.unwrap(),
        }
        for table in ["job", "server"] {
            let sql = format!("SELECT count(*) FROM {table}");
            let statement = sea_orm::Statement::from_string(db.read().get_database_backend(), sql);
            let row = db.read().query_one_raw(statement).await.unwrap().unwrap();
            assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 0, "{by}: {table}");
        }
        check_complete(&db).await.unwrap();
        place.clear(&db).await;
    }
    // A database that a server uses is not loaded.
    let (place, db) = empty(on).await;
    db.migrate().await.unwrap();
    run(&db, &rows).await;
    let wrong = imported(&db, &file).await.unwrap_err();
    assert!(wrong.contains("a server uses the target") && wrong.contains("an address"), "{wrong}");
    check_complete(&db).await.unwrap();
    place.clear(&db).await;
    run(from, "DELETE FROM server; DELETE FROM job").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_are_no_regular_files_are_refused_by_name() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    installation.ok(&["migrate"]);
    let at = |name: &str| installation.data.path().join(name).to_str().unwrap().to_owned();
    pipe(Path::new(&at("pipe")));
    std::fs::create_dir(at("directory")).unwrap();
    let config = installation.run(&["--config", &at("pipe"), "config", "check"], "");
    assert!(String::from_utf8_lossy(&config.stderr).contains("a named pipe"));
    for command in ["import", "import-django", "restore"] {
        for (path, named) in
            [(at("pipe"), "a named pipe"), (at("directory"), "a directory"), ("/dev/zero".to_owned(), "a device")]
        {
            let mut arguments = vec![command, path.as_str()];
            if command == "restore" {
                arguments.push("--replace");
            }
            let wrong = refused(&installation, &arguments);
            assert!(wrong.contains(named) && wrong.contains(&path), "{command} {path}: {wrong}");
        }
    }
    // Side files of a database are opened with it.
    let django = Django::new().await;
    pipe(&django.dir.path().join("db.sqlite3-journal"));
    assert!(refused(&installation, &["import-django", django.path().to_str().unwrap()]).contains("a named pipe"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_source_that_are_computed_are_refused_by_name() {
    let app = TestApp::start(On::Sqlite).await;
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";
    for (sql, message) in [
        (
            format!(
                "CREATE VIEW chat_chat AS {endless} SELECT x AS id, 1 AS user_id, 'a' AS message, 'b' AS response, '' AS timestamp FROM n"
            ),
            "chat_chat is a view",
        ),
        (
            "CREATE TABLE chat_chat (id integer PRIMARY KEY, user_id, message, timestamp, \
             response AS (replace(hex(zeroblob(400000000)), '0', 'x')))"
                .to_owned(),
            "no chat_chat.response",
        ),
        (
            "CREATE VIRTUAL TABLE chat_chat USING fts5(id, user_id, message, response, timestamp)".to_owned(),
            "is a virtual",
        ),
    ] {
        let django = Django::new().await;
        django.user(1, "mia", "password", 1).await;
        django.run("DROP TABLE chat_chat", vec![]).await;
        django.run(&sql, vec![]).await;
        let path = django.path();
        let importing = django::import(&app.app, &path, true, &|_| {});
        let imported = tokio::time::timeout(std::time::Duration::from_secs(60), importing).await.expect(message);
        let error = imported.unwrap_err();
        assert!(error.message.contains(message), "{error:?}");
    }
    // The table of migrations only provides the name of the source.
    let django = Django::new().await;
    django.user(1, "mia", "password", 1).await;
    django.run("DROP TABLE django_migrations", vec![]).await;
    django.run(&format!("CREATE VIEW django_migrations AS {endless} SELECT x AS applied FROM n"), vec![]).await;
    let path = django.path();
    let importing = django::import(&app.app, &path, true, &|_| {});
    let imported = tokio::time::timeout(std::time::Duration::from_secs(60), importing).await.unwrap();
    assert_eq!(imported.unwrap().users.imported, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_a_copy_that_is_computed_is_refused_by_name() {
    for name in ["seaql_migrations", "unfinished"] {
        let ((_from_place, from), (_to_place, to)) = (empty(On::Sqlite).await, empty(On::Sqlite).await);
        let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";
        run(&from, &format!("CREATE VIEW {name} AS {endless} SELECT x AS version, x AS id FROM n")).await;
        let copied = copy(&from, &to, "here", &|_| {});
        let copied = tokio::time::timeout(std::time::Duration::from_secs(60), copied).await.expect("it ends");
        let error = format!("{:?}", copied.unwrap_err());
        assert!(error.contains(&format!("{name} is a view")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_the_index_that_name_another_user_show_nothing() {
    let app = TestApp::start(On::Sqlite).await;
    let (mia, tom) = (app.user("mia").await, app.user("tom").await);
    mia.say("echo", "zanzibar").await;
    app.settled().await;
    jeton::domain::chat::index_rest(&app.app).await.unwrap();
    // As an untrusted file may contain it.
    run(&app.app.db, &format!("UPDATE chat SET search_text = '_user_{} zanzibar'", tom.user_id())).await;
    let search = "{ chatHistory(search: \"zanzibar\") { nodes { message } } }";
    assert_eq!(tom.data(search, json!({})).await["chatHistory"]["nodes"], json!([]));
    assert_eq!(mia.data(search, json!({})).await["chatHistory"]["nodes"], json!([{ "message": "zanzibar" }]));
}
