//! Database faults: full, locked, read-only, pool exhausted. Each is a clear error, loses no tokens, and recovers
//! automatically. Faults of PostgreSQL alone are in `faults_postgres.rs`.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jeton::core::error::{Code, UNAVAILABLE};
use jeton::infra::db::Db;
use jeton::infra::entity::chat::{self, Status};
use rstest_reuse::apply;
use sea_orm::sqlx::{Connection, SqliteConnection};
use sea_orm::{ColumnTrait, ConnectionTrait, PaginatorTrait, QueryFilter, TransactionTrait, sqlx};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::installation::{Installation, Server};
use crate::support::{Client, On, Step, TestApp, on_both_databases};

pub const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) {
    chat { id status cost } errors { code } } }";

/// Sends a message with an idempotency key. Returns the whole response.
pub async fn send(client: &Client, key: &str) -> Value {
    let input = json!({ "message": "Hello", "model": "scripted", "idempotencyKey": key });
    client.graphql(SEND, json!({ "input": input })).await
}

/// Checks that the response reports an unavailable database without its cause.
pub fn assert_away(answer: &Value) {
    let error = &answer["errors"][0];
    let shown = (&error["extensions"]["code"], &error["message"]);
    assert_eq!(shown, (&json!("UNAVAILABLE"), &json!(UNAVAILABLE)), "{answer}");
    assert_eq!((&answer["data"], answer["errors"].as_array().map(Vec::len)), (&Value::Null, Some(1)));
}

pub fn status(answer: &Value) -> &str {
    answer["data"]["sendMessage"]["chat"]["status"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// Returns whether `/readyz` reports readiness.
pub async fn is_ready(app: &TestApp) -> bool {
    app.anonymous().get("/readyz").await.status == 200
}

/// Waits until the condition holds.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect(what);
}

/// The other APIs report it in their own format, without its cause.
pub async fn assert_away_everywhere(client: &Client) {
    let rest = client.post("/api/chat/", json!({ "message": "Hello" })).await;
    assert_eq!((rest.status.as_u16(), rest.json()), (503, json!({ "detail": UNAVAILABLE })));
    let call = json!({ "model": "scripted", "messages": [{ "role": "user", "content": "Hello" }] });
    let v1 = client.post("/v1/chat/completions", call).await;
    assert_eq!(v1.status, 503, "{v1:?}");
    assert_eq!(v1.json()["error"]["message"], UNAVAILABLE);
}

/// Sets a pragma of the writer's connection. It may be batched with a job that fails, and then fails too.
async fn set(app: &TestApp, pragma: &'static str) {
    let set = async || {
        let setting = app
            .app
            .db
            .write(pragma, |txn, pragma| Box::pin(async move { Ok(txn.execute_unprepared(pragma).await.map(drop)?) }));
        setting.await.is_ok()
    };
    until("it is set", set).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_takes_no_message_and_loses_none() {
    let app = TestApp::with(On::Sqlite, "ledger.signup_grant = 100000").await;
    let mia = app.user("mia").await;
    // No more pages than now.
    set(&app, "PRAGMA max_page_count = 1").await;
    let message = "x".repeat(1000);
    let query = "mutation($input: StartMessageInput!) { startMessage(input: $input) { chat { id } errors { code } } }";
    let mut refused = None;
    for _ in 0..200 {
        let answer = mia.graphql(query, json!({ "input": { "message": message, "model": "scripted" } })).await;
        if answer.get("errors").is_some() {
            refused = Some(answer);
            break;
        }
    }
    assert_away(&refused.expect("it is full in the end"));
    set(&app, "PRAGMA max_page_count = 4294967294").await;
    // The open chat is closed, and charged once.
    app.settled().await;
    let done = chat::Entity::owned_by(mia.user_id()).filter(chat::Column::Status.eq(Status::Done));
    let done = i64::try_from(done.count(app.app.db.read()).await.unwrap()).unwrap();
    assert_eq!(app.balance(&mia).await, (100_000 - 100 * done, 0));
    assert_eq!(status(&send(&mia, "after").await), "DONE");
    assert!(is_ready(&app).await);
}

async fn send_to(server: &Server, access: &str, key: &str) -> (u16, Value) {
    let input = json!({ "message": "x".repeat(1000), "idempotencyKey": key });
    server.post("/graphql", Some(access), json!({ "query": SEND, "variables": { "input": input } })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_full_disk_goes_on_when_there_is_room() {
    let settings = [("JETON_LEDGER__SIGNUP_GRANT", "1000000"), ("JETON_TURNS__LEASE", "5m")];
    let installation = Installation::new(On::Sqlite, &settings).await;
    installation.ok(&["migrate"]);
    let server = installation.serve_with_small_files(1024);
    let access = server.register("mia").await;
    let mut keys = Vec::new();
    let mut answered = 0;
    // While there is space for a single page, a probe write succeeds.
    while server.status("/readyz").await == 200 {
        assert!(keys.len() < 500, "the disk is full in the end");
        keys.push(format!("key-{}", keys.len()));
        let sending = send_to(&server, &access, keys.last().unwrap());
        match tokio::time::timeout(Duration::from_secs(2), sending).await {
            Ok((_, answer)) if answer.get("errors").is_some() => assert_away(&answer),
            Ok((_, answer)) => answered += usize::from(status(&answer) == "DONE"),
            // It has its hold, and no space for its settlement: it finishes when there is space.
            Err(_) => {}
        }
    }
    assert!(answered > 3 && answered < keys.len(), "there was room for {answered} of {}", keys.len());
    assert_eq!(server.status("/healthz").await, 200);
    // Reads continue.
    assert!(server.data(Some(&access), "{ balance { tokens } }").await["balance"]["tokens"].as_i64().unwrap() > 0);
    server.allow_large_files();
    until("it is ready again", async || server.status("/readyz").await == 200).await;
    // Every idempotency key is one chat and one charge, whether its first attempt got a response or not.
    for key in &keys {
        let (_, answer) = send_to(&server, &access, key).await;
        assert_eq!(status(&answer), "DONE");
    }
    let balance = server.data(Some(&access), "{ balance { tokens held } }").await;
    assert_eq!(balance["balance"], json!({ "tokens": 1_000_000 - 100 * keys.len(), "held": 0 }));
    assert!(server.terminate());
    installation.ok(&["verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_only_be_read_is_read_and_each_message_told() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    let server = installation.serve();
    let access = server.register("mia").await;
    assert!(server.terminate());
    let url = format!("{}?mode=ro", installation.place.url());
    let mut command = installation.command(&["serve"]);
    command.env("JETON_DATABASE__URL", &url).env("JETON_DATABASE__MIGRATE", "false").stderr(Stdio::null());
    let server = Server::start(command);
    assert_eq!(server.data(Some(&access), "{ me { username } }").await["me"]["username"], "mia");
    assert_away(&send_to(&server, &access, "key").await.1);
    assert_eq!(server.status("/readyz").await, 503);
    assert!(server.terminate());
    let server = installation.serve();
    assert_eq!(status(&send_to(&server, &access, "key").await.1), "DONE");
    assert!(server.terminate());
    installation.ok(&["verify"]);
}

/// Another process with a lock on the file.
async fn lock(app: &TestApp) -> SqliteConnection {
    let mut other = SqliteConnection::connect(&app.app.config().database_url()).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    other
}

async fn unlock(mut other: SqliteConnection) {
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_waited_for_but_not_for_ever() {
    let app = TestApp::with(On::Sqlite, "database.acquire_timeout = '600ms'").await;
    let mia = app.user("mia").await;
    let other = lock(&app).await;
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { send(&mia, "short").await }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!sending.is_finished());
    unlock(other).await;
    assert_eq!(status(&sending.await.unwrap()), "DONE");

    let other = lock(&app).await;
    assert_away(&send(&mia, "long").await);
    assert!(!is_ready(&app).await);
    assert_away_everywhere(&mia).await;
    // Reads continue.
    assert_eq!(mia.data("{ balance { tokens } }", json!({})).await["balance"]["tokens"], 3900);
    unlock(other).await;
    assert!(is_ready(&app).await);
    assert_eq!(status(&send(&mia, "long").await), "DONE");
    assert_eq!(app.balance(&mia).await, (3800, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_a_locked_file_and_is_charged_once() {
    let app = TestApp::with(On::Sqlite, "database.acquire_timeout = '200ms'").await;
    let mia = app.user("mia").await;
    let permits = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(permits.clone()), Step::Say("ok"), Step::End(None)]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { send(&mia, "key").await }
    });
    until("the hold is taken", async || app.balance(&mia).await == (3900, 100)).await;
    let other = lock(&app).await;
    permits.add_permits(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!sending.is_finished(), "retried in a loop");
    unlock(other).await;
    assert_eq!(status(&sending.await.unwrap()), "DONE");
    assert_eq!(app.balance(&mia).await, (3900, 0));
    assert_eq!(app.ledger(&mia).await.last(), Some(&("ChatDone".to_owned(), -100)));
}

#[apply(on_both_databases)]
async fn where_all_connections_are_taken_it_says_so_and_goes_on_afterwards(on: On) {
    let app = TestApp::with(on, "database.acquire_timeout = '300ms'").await;
    let mia = app.user("mia").await;
    let taken = join_all((0..8).map(|_| app.app.db.read().begin())).await;
    assert!(taken.iter().all(Result::is_ok));
    let start = std::time::Instant::now();
    let refused = mia.graphql("{ me { username } }", json!({})).await;
    assert!(start.elapsed() < Duration::from_secs(3), "it fails soon");
    assert_eq!(refused["errors"][0]["message"], UNAVAILABLE);
    assert!(!is_ready(&app).await);
    drop(taken);
    until("there are connections again", async || is_ready(&app).await).await;
    assert_eq!(status(&send(&mia, "key").await), "DONE");
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jeton.db");
    let diary = "Dear diary, ".repeat(500);
    std::fs::write(&file, &diary).unwrap();
    let refused = Db::connect(&format!("sqlite://{}", file.display()), 2).await.err().unwrap();
    assert_eq!(refused.code, Code::Internal);
    assert!(format!("{refused:?}").contains("not a database"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), diary);
}
