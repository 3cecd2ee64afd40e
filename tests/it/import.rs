//! Import of users and chats of the Django application.

use std::collections::HashMap;

use jeton::app::App;
use jeton::core::ids::UserId;
use jeton::core::viewer::Actor;
use jeton::domain::account::admin;
use jeton::infra::entity::{chat, ledger_entry, user, wallet};
use jeton::transfer::django::{Report, import};
use rstest_reuse::apply;
use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder};
use serde_json::json;

use crate::support::django::{Django, bytes, hash};
use crate::support::{Client, On, PASSWORD, TestApp, on_both_databases};

async fn bring(app: &App, django: &Django) -> Report {
    import(app, &django.path(), true, &|_| {}).await.unwrap()
}

/// Logs a user in by `/api/token/`. Returns the client and the user of the response, or `None`.
async fn log_in(app: &TestApp, name: &str, password: &str) -> Option<(Client, serde_json::Value)> {
    let body = json!({ "username": name, "password": password });
    let answer = app.anonymous().post("/api/token/", body).await;
    let mut client = app.anonymous();
    client.access = answer.json()["access"].as_str().map(str::to_owned);
    (answer.status == 200).then(|| (client, answer.json()["user"].clone()))
}

async fn everything(app: &TestApp) -> (Vec<user::Model>, Vec<chat::Model>, Vec<ledger_entry::Model>) {
    let db = app.app.db.read();
    (
        user::Entity::find().order_by_asc(user::Column::Id).all(db).await.unwrap(),
        chat::Entity::find().order_by_asc(chat::Column::Id).all(db).await.unwrap(),
        ledger_entry::Entity::find().order_by_asc(ledger_entry::Column::Id).all(db).await.unwrap(),
    )
}

#[apply(on_both_databases)]
async fn everybody_logs_in_as_before_and_finds_what_was_there(on: On) {
    let app = TestApp::start(on).await;
    let django = Django::new().await;
    django.user(2, "mia", "b", 3700).await;
    let staff = "INSERT INTO chat_user VALUES (5, '2025-09-01 08:30:00.123456', 1, 'Жанна', $1, 5000000000, 1, 1, '2025-08-01 12:00:01.5')";
    django.run(staff, vec![hash("пароль 🔑", 600_000).into()]).await;
    for (id, message) in [(3, "hello"), (7, "zero\0byte"), (9, "Привет")] {
        django.chat(id, 2, message).await;
    }
    let before = bytes(&django.path());
    let report = bring(&app.app, &django).await;
    assert_eq!(bytes(&django.path()), before, "it is only read");
    assert_eq!((report.users.imported, report.chats.imported, report.remarks), (2, 3, vec![]));

    assert!(log_in(&app, "mia", "B").await.is_none(), "another password");
    let (mia, said) = log_in(&app, "mia", "b").await.unwrap();
    assert_eq!(said, json!({ "id": 2, "username": "mia", "tokens": 3700 }));
    let (zhanna, said) = log_in(&app, "Жанна", "пароль 🔑").await.unwrap();
    assert_eq!(said["tokens"], 5_000_000_000_i64);
    assert_eq!(zhanna.data("{ me { isSuperuser } }", json!({})).await["me"]["isSuperuser"], true);
    let chats = mia.get("/api/chat/").await.json();
    assert_eq!(
        chats[1],
        json!({ "id": 7, "message": "zero\u{fffd}byte", "response": "AI Response to: zero\u{fffd}byte",
            "timestamp": "2025-08-17T09:24:00.123456Z" })
    );
    assert_eq!(chats.as_array().unwrap().len(), 3);

    let (users, chats, entries) = everything(&app).await;
    assert!(users.iter().all(|user| user.password_hash.starts_with("$argon2id$")), "rehashed by the log-in");
    assert_eq!(users[1].created_at.to_rfc3339(), "2025-08-01T12:00:01.500+00:00");
    assert!(log_in(&app, "mia", "b").await.is_some(), "with the new hash");
    assert!(chats.iter().all(|chat| (chat.hold.0, chat.cost.0) == (0, 0)));
    let wallets = wallet::Entity::find().all(app.app.db.read()).await.unwrap();
    let owners: HashMap<_, _> = wallets.iter().map(|wallet| (wallet.id, wallet.user_id.unwrap().0)).collect();
    let booked: Vec<_> =
        entries.iter().map(|entry| (owners[&entry.wallet_id], entry.amount.0, entry.chat_id.map(i64::from))).collect();
    let expected = [(2, 3700, None), (5, 5_000_000_000, None), (2, 0, Some(3)), (2, 0, Some(7)), (2, 0, Some(9))];
    assert_eq!(booked, expected, "an opening entry each, and one of nothing for each chat");

    // Searches find them, and new rows get unused ids.
    jeton::domain::chat::index_rest(&app.app).await.unwrap();
    let found = mia.data("{ chatHistory(search: \"привет\") { nodes { message } } }", json!({})).await;
    assert_eq!(found["chatHistory"]["nodes"], json!([{ "message": "Привет" }]));
    assert_eq!(mia.say("echo", "More").await["chat"]["status"], "DONE");
    assert_eq!(app.user("tom").await.user_id(), UserId(6));
}

#[apply(on_both_databases)]
async fn a_second_run_adds_only_what_is_new(on: On) {
    let app = TestApp::start(on).await;
    let django = Django::new().await;
    for (id, name) in [(1, "mia"), (2, "tom")] {
        django.user(id, name, "secret", 4000).await;
        django.chat(id, id, "hello").await;
    }
    let planned = import(&app.app, &django.path(), false, &|_| {}).await.unwrap();
    assert_eq!(user::Entity::find().count(app.app.db.read()).await.unwrap(), 0, "a dry run writes nothing");
    assert_eq!(bring(&app.app, &django).await, planned, "and says what comes");

    let (mia, _) = log_in(&app, "mia", "secret").await.unwrap();
    assert_eq!(mia.say("echo", "Hi").await["balance"]["tokens"], 3900);
    admin::delete(&app.app, Actor::CommandLine, UserId(2)).await.unwrap();
    let before = everything(&app).await;
    let again = bring(&app.app, &django).await;
    assert_eq!((again.users.imported, again.users.known, again.chats.imported, again.chats.known), (0, 2, 0, 2));
    assert_eq!(everything(&app).await, before, "no user comes back, and no balance moves");

    django.user(8, "eve", "secret", 1).await;
    django.chat(8, 8, "new").await;
    django.chat(9, 1, "new").await;
    django.chat(10, 2, "of one who is gone").await;
    let more = bring(&app.app, &django).await;
    assert_eq!((more.users.imported, more.chats.imported, more.chats.left_out), (1, 2, 1));
    assert_eq!(more.remarks, ["1 chats are skipped, since their user is skipped or deleted"]);

    // Another installation with the same ids is a different source.
    let other = Django::new().await;
    other.run("UPDATE django_migrations SET applied = '2024-01-01 00:00:00'", vec![]).await;
    other.user(1, "ann", "secret", 5).await;
    other.chat(1, 1, "hello").await;
    let report = bring(&app.app, &other).await;
    assert_eq!((report.users.imported, report.users.new_id, report.chats.imported, report.chats.new_id), (1, 1, 1, 1));
    let (_, said) = log_in(&app, "ann", "secret").await.unwrap();
    assert!(said["id"].as_i64().unwrap() > 8, "{said}");
}

#[apply(on_both_databases)]
async fn names_that_look_alike_all_come_and_nobody_is_merged(on: On) {
    let app = TestApp::start(on).await;
    app.user("taken").await;
    app.user("Zoë").await;
    let django = Django::new().await;
    let all = [
        (11, "alice"),
        (12, "Alice"),
        (13, "ALICE"),
        (14, "caf\u{e9}"),
        (15, "cafe\u{301}"),
        (16, "ZOË"),
        (17, "Bob"),
        (18, "bob"),
    ];
    for (id, name) in all {
        django.user(id, name, &format!("password of {id}"), id).await;
    }
    django.user(1, "first", "password", 1).await;
    django.user(20, "taken", "password", 20).await;
    django.chat(1, 20, "hello").await;
    let report = bring(&app.app, &django).await;
    assert_eq!((report.users.imported, report.users.left_out, report.users.new_id), (9, 1, 1));
    assert_eq!((report.chats.imported, report.chats.left_out), (0, 1));
    let remarks = report.remarks.join("\n");
    for part in
        ["Alice (user 12): another user's name", "taken (user 20) is skipped", "first (user 1): the id is taken"]
    {
        assert!(remarks.contains(part), "{part}: {remarks}");
    }
    for (id, name) in all {
        let (_, said) = log_in(&app, name, &format!("password of {id}")).await.unwrap();
        assert_eq!(said, json!({ "id": id, "username": name, "tokens": id }), "{name}");
    }
    assert!(log_in(&app, "taken", "password").await.is_none());
    assert!(log_in(&app, "taken", PASSWORD).await.is_some(), "who was here is as before");
    assert!(log_in(&app, "Zoë", PASSWORD).await.is_some());
    assert!(log_in(&app, "aLiCe", "password of 11").await.is_some(), "the first of them has the other spellings");
    let taken = json!({ "username": "aLICE", "password": PASSWORD, "password2": PASSWORD });
    assert_eq!(app.anonymous().post("/api/register/", taken).await.status, 400);
}

#[apply(on_both_databases)]
async fn operators_find_imported_chats_by_their_time(on: On) {
    let app = TestApp::start(on).await;
    let (mia, staff) = (app.user("mia").await, app.staff("staff").await);
    mia.say("echo", "of today").await;
    let django = Django::new().await;
    django.user(9, "tom", "password", 1).await;
    for id in [1, 40] {
        django.chat(id, 9, "of long ago").await;
    }
    assert_eq!(bring(&app.app, &django).await.chats.new_id, 1, "one chat is older and has a newer id");
    for (since, until, found) in
        [("2025-08-01", "2025-09-01", 2), ("2026-02-01", "2026-04-01", 1), ("2025-01-01", "2027-01-01", 3)]
    {
        let query =
            format!("{{ chats(since: \"{since}T00:00:00Z\", until: \"{until}T00:00:00Z\") {{ nodes {{ id }} }} }}");
        let chats = staff.data(&query, json!({})).await;
        assert_eq!(chats["chats"]["nodes"].as_array().unwrap().len(), found, "{since} {until}");
    }
}

#[apply(on_both_databases)]
async fn what_cannot_be_is_made_possible_or_left_out_and_told(on: On) {
    let app = TestApp::start(on).await;
    let django = Django::new().await;
    django.user(1, "debtor", "password", -50).await;
    django.user(2, "rich", "password", i64::MAX).await;
    let odd = "INSERT INTO chat_user VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let many = hash("password", 1000).replace("$1000$", "$999999999$");
    for (id, name, password) in
        [(3, "unusable", "!abc".to_owned()), (4, "endless", many), (5, "old", "md5$a$b".to_owned())]
    {
        let values = vec![
            id.into(),
            "never".into(),
            0.into(),
            name.into(),
            password.into(),
            "77".into(),
            1.into(),
            "x".into(),
            "soon".into(),
        ];
        django.run(odd, values).await;
    }
    let blob: sea_orm::Value = vec![0xff_u8, 0xfe].into();
    django
        .run(
            odd,
            vec![
                6.into(),
                blob.clone(),
                blob.clone(),
                blob.clone(),
                blob.clone(),
                blob.clone(),
                blob.clone(),
                blob.clone(),
                blob.clone(),
            ],
        )
        .await;
    django.user(7, "  ", "password", 1).await;
    django.user(i64::MAX - 1, "last", "password", 1).await;
    let chat = "INSERT INTO chat_chat VALUES ($1, $2, $3, $4, $5)";
    django.run(chat, vec![1.into(), blob.clone(), "a".into(), "2025-08-17 09:24:00".into(), 1.into()]).await;
    django.run(chat, vec![2.into(), "timeless".into(), 42.into(), "x".into(), "1".into()]).await;
    django.run(chat, vec![3.into(), "nobody's".into(), "a".into(), "2025-08-17 09:24:00".into(), 404.into()]).await;
    let report = bring(&app.app, &django).await;
    assert_eq!((report.users.imported, report.users.left_out), (6, 2), "{report:#?}");
    assert_eq!((report.chats.imported, report.chats.left_out), (1, 2), "{report:#?}");
    let remarks = report.remarks.join("\n");
    for part in [
        "debtor (user 1): the balance was -50, so it is 0 here",
        "rich (user 2): the balance was 9223372036854775807, so it is 9007199254740991 here",
        "unusable (user 3): no password is usable",
        "endless (user 4): no password is usable",
        "old (user 5): date_joined is not a valid time",
        "row 6 is skipped",
        "the name is blank",
        "last (user 9223372036854775806): the id is taken or out of range",
        "chat in row 1 is skipped: the message is not a text",
        "chat 2: its time can't be read",
    ] {
        assert!(remarks.contains(part), "{part}: {remarks}");
    }
    for name in ["unusable", "endless", "old"] {
        for password in ["", "!abc", "password", "md5$a$b"] {
            assert!(log_in(&app, name, password).await.is_none(), "{name} {password}");
        }
    }
    let (_, said) = log_in(&app, "debtor", "password").await.unwrap();
    assert_eq!(said["tokens"], 0);
    let (last, said) = log_in(&app, "last", "password").await.unwrap();
    assert!(said["id"].as_i64().unwrap() < 100, "no file uses up the ids: {said}");
    drop(last);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_file_is_told_before_anything_is_written() {
    let app = TestApp::start(On::Sqlite).await;
    let dir = tempfile::tempdir().unwrap();
    let django = Django::new().await;
    django.user(1, "mia", "password", 1).await;
    for number in 0..200 {
        django.chat(number, 1, &"long ".repeat(100)).await;
    }
    let whole = bytes(&django.path());
    let other = dir.path().join("other.sqlite3");
    let url = format!("sqlite://{}?mode=rwc", other.display());
    let db = sea_orm::Database::connect(url).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&db, "CREATE TABLE chat_user (id integer)").await.unwrap();
    db.close().await.unwrap();
    for (name, content, wrong) in [
        ("missing", None, "cannot open"),
        ("empty", Some(Vec::new()), "no table chat_user"),
        ("text", Some(b"no database at all, but long enough to be looked at".repeat(10)), "can't be read"),
        ("cut", Some(whole[..whole.len() / 2].to_vec()), "cut"),
        ("other", Some(bytes(&other)), "no chat_user.username"),
    ] {
        let path = dir.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let error = import(&app.app, &path, true, &|_| {}).await.unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.contains(wrong) && shown.contains(name), "{shown}");
    }
    assert_eq!(user::Entity::find().count(app.app.db.read()).await.unwrap(), 0);
}
