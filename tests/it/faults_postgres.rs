//! PostgreSQL becomes unavailable: before a message, in the middle of either of its two transactions, with or without
//! the response to COMMIT. Nothing is charged twice or lost, and the server recovers automatically.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jeton::domain::chat;
use jeton::infra::ai::echo::Echo;
use jeton::infra::db::Db;
use jeton::infra::entity::chat as chat_row;
use rstest::rstest;
use rstest_reuse::apply;
use sea_orm::{ConnectionTrait, PaginatorTrait, QueryOrder, QuerySelect};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::faults::{SEND, assert_away, assert_away_everywhere, is_ready, send, status, until};
use crate::support::installation::Installation;
use crate::support::proxy::{Moment, Proxy};
use crate::support::{Client, On, PASSWORD, Place, Step, TestApp, on_both_databases};

/// Partial replies are not saved, so that a message has exactly two transactions.
const SETTINGS: &str = "database.acquire_timeout = '1s'\nturns.save_interval = '1h'\nturns.lease = '3h'";

/// The proxy outlives the app, which verifies its database on drop.
async fn behind_proxy() -> (Proxy, TestApp) {
    let place = Place::make(On::Postgres).await;
    let proxy = Proxy::to(&place).await;
    let url = proxy.url(&place);
    let app = TestApp::at(place, &url, SETTINGS, Arc::new(Echo)).await;
    (proxy, app)
}

/// A message with a hold, which is answered when it gets a permit.
async fn waiting(app: &TestApp, mia: &Client) -> (tokio::task::JoinHandle<serde_json::Value>, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    app.model.play([Step::Wait(permits.clone()), Step::Say("ok"), Step::End(None)]);
    let sending = tokio::spawn({
        let mia = mia.clone();
        async move { send(&mia, "key").await }
    });
    until("the hold is taken", async || app.balance(mia).await == (3900, 100)).await;
    (sending, permits)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_gone_while_the_hold_is_taken(
    #[values(Moment::Midway, Moment::BeforeCommit, Moment::AfterCommit)] moment: Moment,
) {
    let (proxy, app) = behind_proxy().await;
    let mia = app.user("mia").await;
    proxy.cut(moment);
    assert_away(&send(&mia, "key").await);
    assert!(proxy.has_cut());
    assert!(is_ready(&app).await, "it is there again");
    if moment == Moment::AfterCommit {
        // The hold was committed without a response: the sweeper releases it, and nothing is charged.
        assert_eq!(app.balance(&mia).await, (3900, 100));
        app.clock.advance(Duration::from_secs(3 * 3600 + 1));
        assert_eq!(chat::sweep(&app.app).await.unwrap(), 1);
        assert_eq!(app.balance(&mia).await, (4000, 0));
        assert_eq!(status(&send(&mia, "key").await), "INTERRUPTED", "the first chat, whatever its state");
        assert_eq!(status(&send(&mia, "another").await), "DONE");
    } else {
        assert_eq!(app.balance(&mia).await, (4000, 0));
        let first = send(&mia, "key").await;
        assert_eq!(status(&first), "DONE");
        assert_eq!(send(&mia, "key").await, first);
    }
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_gone_while_the_hold_is_settled(
    #[values(Moment::Midway, Moment::BeforeCommit, Moment::AfterCommit)] moment: Moment,
) {
    let (proxy, app) = behind_proxy().await;
    let mia = app.user("mia").await;
    let (sending, permits) = waiting(&app, &mia).await;
    proxy.cut(moment);
    permits.add_permits(1);
    let answer = sending.await.unwrap();
    assert!(proxy.has_cut());
    assert_eq!(status(&answer), "DONE", "written again, or found to be written");
    assert_eq!(app.balance(&mia).await, (3900, 0));
    assert_eq!(send(&mia, "key").await, answer);
    let entries = app.ledger(&mia).await;
    assert_eq!(entries[1..], [("ChatDone".to_owned(), -100)], "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_gone_for_a_while_is_told_and_answers_are_kept_for_it() {
    let (proxy, app) = behind_proxy().await;
    let mia = app.user("mia").await;
    let (sending, permits) = waiting(&app, &mia).await;
    proxy.go_down();
    permits.add_permits(1);
    let start = Instant::now();
    assert_eq!(mia.code("{ me { username } }", json!({})).await, "UNAVAILABLE");
    assert_away_everywhere(&mia).await;
    assert!(!is_ready(&app).await);
    assert!(start.elapsed() < Duration::from_secs(10), "it fails soon: {:?}", start.elapsed());
    assert!(!sending.is_finished());
    proxy.come_back();
    assert_eq!(status(&sending.await.unwrap()), "DONE");
    assert!(is_ready(&app).await);
    assert_eq!(status(&send(&mia, "another").await), "DONE");
    assert_eq!(app.balance(&mia).await, (3800, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_that_hangs_holds_up_nobody_for_long_and_nothing_is_done_twice() {
    let (proxy, app) = behind_proxy().await;
    let mia = app.user("mia").await;
    let (sending, permits) = waiting(&app, &mia).await;
    proxy.hang();
    permits.add_permits(1);
    let start = Instant::now();
    assert_away_everywhere(&mia).await;
    assert!(!is_ready(&app).await);
    assert!(start.elapsed() < Duration::from_secs(10), "it fails soon: {:?}", start.elapsed());
    assert!(!sending.is_finished());
    proxy.come_back();
    assert_eq!(status(&sending.await.unwrap()), "DONE");
    until("it is ready again", async || is_ready(&app).await).await;
    assert_eq!(app.balance(&mia).await, (3900, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_server_that_is_not_there_is_told_at_start_with_the_reason() {
    let installation = Installation::new(On::Sqlite, &[]).await;
    // No one listens on a port that was just released.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = installation.command(&["verify"]);
    command.env("JETON_DATABASE__URL", format!("postgres://me:secret@127.0.0.1:{port}/jeton"));
    let start = Instant::now();
    let output = command.env("JETON_DATABASE__ACQUIRE_TIMEOUT", "1s").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && start.elapsed() < Duration::from_secs(10), "{stderr}");
    assert!(stderr.contains("cannot open postgres://(hidden)@127.0.0.1"), "{stderr}");
    assert!(stderr.contains("refused") && !stderr.contains("secret"), "{stderr}");
}

/// Keeps the locks of a statement until it gets a permit.
async fn lock(app: &TestApp, statement: String) -> (tokio::task::JoinHandle<()>, Arc<Semaphore>) {
    let (permits, locked) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let input = (statement, permits.clone(), locked.clone());
    let db = app.app.db.clone();
    let mut holding = tokio::spawn(async move {
        let held = db.write(input, |txn, (statement, permits, locked)| {
            Box::pin(async move {
                txn.execute_unprepared(statement).await?;
                locked.add_permits(1);
                permits.acquire().await.unwrap().forget();
                Ok(())
            })
        });
        held.await.unwrap();
    });
    tokio::select! {
        permit = locked.acquire() => permit.unwrap().forget(),
        ended = &mut holding => panic!("it is not locked: {ended:?}"),
    }
    (holding, permits)
}

/// A locked user row delays other users only briefly, and its own user for a bounded time.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_in_postgres_stops_nobody_else() {
    let app = TestApp::with(On::Postgres, SETTINGS).await;
    let mia = app.user("mia").await;
    let mut others = Vec::new();
    for number in 0..4 {
        others.push(app.user(&format!("tom{number}")).await);
    }
    let id = app.viewer(&mia).await.require_session().unwrap().id;
    let (holding, permits) = lock(&app, format!("SELECT id FROM \"user\" WHERE id = {id} FOR UPDATE")).await;
    let sent = async |client: &Client| client.say("echo", "Hello").await;
    // Concurrently, so that they are batched.
    let hers =
        (0..4).map(|_| async { mia.graphql(SEND, json!({ "input": { "message": "Hi", "model": "echo" } })).await });
    let theirs = others.iter().map(sent);
    let (hers, theirs) = tokio::join!(futures::future::join_all(hers), futures::future::join_all(theirs));
    for answer in theirs {
        assert_eq!((&answer["errors"], &answer["chat"]["status"]), (&json!([]), &json!("DONE")), "{answer}");
    }
    hers.iter().for_each(assert_away);
    permits.add_permits(1);
    holding.await.unwrap();
    assert_eq!(app.balance(&mia).await, (4000, 0));
    assert_eq!(sent(&mia).await["chat"]["status"], "DONE");
}

/// An account with many chats is deleted in batches: a fault between them rolls none of them back, and a retry deletes
/// the rest.
#[apply(on_both_databases)]
async fn an_account_of_many_chats_goes_in_batches(on: On) {
    let app = TestApp::with(on, SETTINGS).await;
    let mia = app.user("mia").await;
    let id = app.viewer(&mia).await.require_session().unwrap().id;
    let first = mia.say("echo", "Hello").await["chat"]["id"].as_str().unwrap().to_owned();
    app.settled().await;
    let copies = format!(
        "INSERT INTO chat (user_id, context_left_out, model, status, message, response, hold, cost, usage_estimated, created_at)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1299)
         SELECT user_id, 0, model, status, message, response, 0, 0, usage_estimated, created_at FROM chat, n WHERE user_id = {id}"
    );
    let copied = app.app.db.write(copies, |txn, copies| Box::pin(async { Ok(txn.execute_unprepared(copies).await?) }));
    copied.await.unwrap();
    let count = async || chat_row::Entity::owned_by(id).count(app.app.db.read()).await.unwrap();
    assert_eq!(count().await, 1300, "{first}");
    let delete = "mutation($p: String!) { deleteAccount(input: {password: $p}) { errors { code } } }";
    let delete = async || mia.graphql(delete, json!({ "p": PASSWORD })).await;
    if on == On::Postgres {
        let seventh =
            chat_row::Entity::owned_by(id).order_by_asc(chat_row::Column::Id).offset(700).one(app.app.db.read()).await;
        let seventh = seventh.unwrap().unwrap().id;
        let (holding, permits) = lock(&app, format!("SELECT id FROM chat WHERE id = {seventh} FOR UPDATE")).await;
        assert_away(&delete().await);
        assert_eq!(count().await, 800);
        assert_eq!(mia.say("echo", "still here").await["chat"]["status"], "DONE");
        permits.add_permits(1);
        holding.await.unwrap();
        app.settled().await;
    }
    assert_eq!(delete().await["data"]["deleteAccount"]["errors"], json!([]));
    assert_eq!(count().await, 0);
    assert_eq!(mia.post("/graphql", json!({ "query": "{ me { id } }" })).await.status, 401);
}

/// A pooler is rejected at the start with an error that says what to do, whatever parameters it is configured to
/// ignore.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_behind_pgbouncer_is_refused_in_words(
    #[values("", "ignore_startup_parameters = extra_float_digits, options")] ignored: &str,
    #[values("transaction", "session")] mode: &str,
) {
    let program = std::env::var("JETON_TEST_PGBOUNCER").expect("the path of PgBouncer");
    let place = Place::make(On::Postgres).await;
    let url = reqwest::Url::parse(&place.url()).unwrap();
    let (host, port, name) = (url.host_str().unwrap(), url.port().unwrap(), url.path().trim_start_matches('/'));
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pgbouncer.ini");
    let text = format!(
        "[databases]\n{name} = host={host} port={port} user={user} password={password}\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = {own}\nauth_type = any\npool_mode = {mode}\nunix_socket_dir =\n{ignored}\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = std::process::Command::new(program);
    if rustix::process::geteuid().is_root() {
        // It does not run as root, and has to read its file.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        command.args(["-u", "nobody"]);
    }
    let mut pooler = command.arg(&config).stderr(std::process::Stdio::null()).spawn().unwrap();
    until("the pooler is there", async || tokio::net::TcpStream::connect(("127.0.0.1", own)).await.is_ok()).await;
    let through = format!("postgres://{user}@127.0.0.1:{own}/{name}");
    let refused = Db::connect(&through, 2).await.err().expect("it is refused");
    pooler.kill().unwrap();
    pooler.wait().unwrap();
    let stderr = refused.source.map(|source| source.to_string()).unwrap_or_default();
    assert!(stderr.contains("a pooler such as PgBouncer") && stderr.contains("PostgreSQL itself"), "{stderr}");
    let db = Db::connect(&place.url(), 2).await.unwrap();
    place.clear(&db).await;
}
