//! Copy of whole databases, export and import.

use std::collections::BTreeSet;
use std::io::Cursor;

use jeton::core::viewer::Actor;
use jeton::domain::account::admin;
use jeton::domain::{ledger, pricing};
use jeton::infra::db::Db;
use jeton::transfer::{check_complete, copy, export, import, tables};
use rstest_reuse::apply;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::support::installation::Installation;
use crate::support::{Client, On, PASSWORD, Place, TestApp, on_both_databases};

/// Test data of each kind: users, one of them deleted, conversations with replaced chats, and an API key.
async fn fill(app: &TestApp) -> Client {
    let (mia, gone) = (app.user("mia").await, app.user("gone").await);
    let made =
        mia.data("mutation { createConversation(input: {title: \"Ü\"}) { conversation { id } } }", json!({})).await;
    let conversation = &made["createConversation"]["conversation"]["id"];
    let first = mia.say_with(json!({ "message": "One fine day", "conversationId": conversation })).await;
    let again = "mutation($id: ID!) { regenerate(input: {chatId: $id}) { chat { id } errors { code message } } }";
    let mut newest = first["chat"]["id"].clone();
    for _ in 0..2 {
        let mut answer = mia.data(again, json!({ "id": newest })).await;
        assert_eq!(answer["regenerate"]["errors"], json!([]));
        newest = answer["regenerate"]["chat"]["id"].take();
        app.settled().await;
    }
    mia.say("echo", "Größe 東京\u{1}\n\"'").await;
    gone.say("echo", "Farewell").await;
    let key = "mutation { createApiKey(input: {name: \"k\", scopes: [COMPLETIONS]}) { secret errors { message } } }";
    assert_eq!(mia.data(key, json!({})).await["createApiKey"]["errors"], json!([]));
    admin::delete(&app.app, Actor::CommandLine, gone.user_id()).await.unwrap();
    mia
}

pub async fn empty(on: On) -> (Place, Db) {
    let place = Place::make(on).await;
    let db = Db::connect(&place.url(), 4).await.unwrap();
    (place, db)
}

pub async fn exported(db: &Db) -> String {
    let mut file = Vec::new();
    export(db, &mut file, &|_| {}).await.unwrap();
    String::from_utf8(file).unwrap()
}

pub async fn imported(db: &Db, file: &str) -> Result<(), String> {
    let done = import(db, &mut Cursor::new(file.as_bytes().to_vec()), "a file", &|_| {}).await;
    done.map(drop).map_err(|error| format!("{error:?}"))
}

#[apply(on_both_databases)]
async fn a_copy_and_its_copy_are_the_same_postgres(on: On) {
    let app = TestApp::start(on).await;
    let mia = fill(&app).await;
    let other = if on == On::Sqlite { On::Postgres } else { On::Sqlite };
    let ((there_place, there), (back_place, back)) = (empty(other).await, empty(on).await);
    // A server that was started there, and stopped again, has stored its prices.
    there.migrate().await.unwrap();
    pricing::store_all(&app.on(there.clone()).0).await.unwrap();
    let first = copy(&app.app.db, &there, "here", &|_| {}).await.unwrap();
    let second = copy(&there, &back, "there", &|_| {}).await.unwrap();
    assert_eq!(first, second, "identical by checksum");
    assert_eq!((first["user"].rows, first["chat"].rows, first["api_key"].rows), (1, 4, 1));
    for (place, db, database) in [(there_place, there, other), (back_place, back, on)] {
        assert_eq!(ledger::verify(&db).await.unwrap(), []);
        check_complete(&db).await.unwrap();
        let refused = copy(&app.app.db, &db, "here", &|_| {}).await.unwrap_err();
        assert!(format!("{refused:?}").contains("not empty"), "{refused:?}");
        let (copied, router) = app.on(db);
        let same = mia.at(router);
        let receipt = "{ chatHistory(first: 1) { nodes { receipt { cost price { version } } } } }";
        let receipt = same.data(receipt, json!({})).await["chatHistory"]["nodes"][0]["receipt"].take();
        assert_eq!(receipt, json!({ "cost": 100, "price": { "version": 1 } }));
        for (search, found) in [("fine", 3), ("größe", 1), ("東京", 1), ("farewell", 0)] {
            let query = "query($search: String!) { chatHistory(search: $search) { nodes { id } } }";
            let nodes = same.data(query, json!({ "search": search })).await;
            assert_eq!(nodes["chatHistory"]["nodes"].as_array().unwrap().len(), found, "{search} on {database:?}");
        }
        assert_eq!(same.say("echo", "Hello again").await["chat"]["status"], "DONE", "the session continues");
        let body = json!({ "username": "new", "password": PASSWORD, "password2": PASSWORD });
        assert_eq!(same.post("/api/register/", body).await.status, 201);
        let new = jeton::domain::account::find_by_name(&copied, "new").await.unwrap().unwrap();
        assert_eq!(new.id.0, 3, "no one gets the id of a deleted user");
        place.clear(&copied.db).await;
    }
}

#[apply(on_both_databases)]
async fn every_table_is_copied(on: On) {
    let app = TestApp::start(on).await;
    let db = app.app.db.read();
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
        _ => "SELECT name FROM sqlite_master WHERE type = 'table'",
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    let mut all: BTreeSet<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    // Not copied: the applied migrations, the mark of an unfinished load, the state of servers, and SQLite's full-text
    // index.
    for own in ["seaql_migrations", "unfinished", "breaker_reset", "job", "server", "sqlite_sequence"] {
        assert!(all.remove(own) || on == On::Postgres, "{own}");
    }
    all.retain(|name| !name.starts_with("chat_search"));
    let copied: BTreeSet<_> = tables(&app.app.db).await.unwrap().into_iter().collect();
    assert_eq!(copied, all);
}

#[apply(on_both_databases)]
async fn an_export_fills_an_empty_database(on: On) {
    let app = TestApp::start(on).await;
    fill(&app).await;
    let file = exported(&app.app.db).await;
    for line in file.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line.is_object());
    }
    let (place, db) = empty(on).await;
    imported(&db, &file).await.unwrap();
    assert_eq!(exported(&db).await, file);
    assert_eq!(ledger::verify(&db).await.unwrap(), []);
    assert!(imported(&db, &file).await.unwrap_err().contains("not empty"));
    place.clear(&db).await;
}

#[apply(on_both_databases)]
async fn what_is_not_whole_is_not_taken_for_complete(on: On) {
    let app = TestApp::start(on).await;
    fill(&app).await;
    let file = exported(&app.app.db).await;
    let lines: Vec<_> = file.lines().collect();
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| format!("{line}\n"));
        kept.collect::<String>()
    };
    let entry = lines.iter().position(|line| line.contains("\"table\":\"ledger_entry\"")).unwrap();
    for (broken, message) in [
        (without(lines.len() - 1), "cut off"),
        (file[..file.len() - 20].to_owned(), "line"),
        (without(entry), "the rows of ledger_entry are not those"),
        (file.replace("\"amount\":4000", "\"amount\":4001"), "the rows of ledger_entry are not those"),
        (file.replace("\"amount\":4000", "\"amount\":\"4000\""), "ledger_entry.amount has a value of another kind"),
        (format!("{file}{{}}\n"), "after the end"),
        (without(0), "line 1: it is not the beginning of an export"),
        (file.replacen("\"version\":1", "\"version\":2", 1), "another format or version"),
        (String::new(), "line 1"),
    ] {
        let (place, db) = empty(on).await;
        let wrong = imported(&db, &broken).await.unwrap_err();
        assert!(wrong.contains(message), "{message}: {wrong}");
        if !wrong.contains("line 1:") {
            let incomplete = check_complete(&db).await.unwrap_err();
            assert!(incomplete.message.contains("not complete"), "{incomplete:?}");
            assert!(imported(&db, &file).await.unwrap_err().contains("not complete"));
        }
        place.clear(&db).await;
    }
}

#[apply(on_both_databases)]
async fn the_commands_move_everything(on: On) {
    let installation = Installation::new(on, &[]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    let say = "mutation { sendMessage(input: {message: \"Hello\"}) { chat { response } } }";
    server.data(Some(&access), say).await;
    drop(server);
    let target = Installation::new(on, &[]).await;
    let said = installation.ok(&["copy", "--from", &installation.place.url(), "--to", &target.place.url()]);
    assert!(said.contains("ledger_entry") && said.matches("ledger is clean").count() == 2, "{said}");
    let file = installation.data.path().join("all.jsonl");
    let file = file.to_str().unwrap();
    installation.ok(&["export", file]);
    assert!(!installation.run(&["export", file], "").status.success(), "it is not overwritten");
    let third = Installation::new(on, &[]).await;
    let said = third.ok(&["import", file]);
    assert!(said.contains("ledger is clean"), "{said}");
    let text = installation.ok(&["export", "-"]);
    assert_eq!(text, std::fs::read_to_string(file).unwrap());

    let fourth = Installation::new(on, &[]).await;
    let cut = fourth.run(&["import", "-"], &text[..text.len() / 2]);
    assert!(!cut.status.success());
    for command in ["verify", "serve"] {
        let refused = fourth.run(&[command], "");
        let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && stderr.contains("not complete"), "{stderr}");
    }
    let missing = fourth.run(&["copy", "--from", "sqlite:///nowhere/jeton.db", "--to", &fourth.place.url()], "");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no database"));
}
