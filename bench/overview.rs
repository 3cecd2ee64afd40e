//! How long what operators look at takes with 10,000 users and 1,000,000 chats, on both databases: medians, printed.
//! `make bench-overview` runs it.
//!
//! Nothing is asserted. The queries are the browser client's own, over GraphQL, with everything that a request goes
//! through but the network. Half of the chats are one user's in a hundred; they are spread over 90 days.
#![allow(missing_docs, reason = "a program, not a library")]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench that meets what it did not expect should stop there, and prints its figures"
)]

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use jeton::app::App;
use jeton::core::ids::{ChatId, UserId, WalletId};
use jeton::core::random::Random;
use jeton::core::tokens::Tokens;
use jeton::core::viewer::Actor;
use jeton::domain::account::{Roles, admin};
use jeton::domain::chat::{self, usage};
use jeton::domain::session;
use jeton::infra::catalog::Models;
use jeton::infra::config::Config;
use jeton::infra::db::Db;
use jeton::infra::entity::ledger_entry::{self, Reason};
use jeton::infra::entity::{chat as row, user, wallet};
use jeton::server;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use tower::ServiceExt;

const USERS: i64 = 10_000;
const CHATS: i64 = 1_000_000;
const DAYS: i64 = 90;
const BATCH: i64 = 500;
const ROUNDS: usize = 21;

#[tokio::main]
async fn main() {
    // `-- sqlite` or `-- postgres` leaves out the other.
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let dir = tempfile::tempdir().unwrap();
    if only.as_deref() != Some("postgres") {
        bench("SQLite", format!("sqlite://{}", dir.path().join("jeton.db").display())).await;
    }
    match std::env::var("JETON_TEST_POSTGRES") {
        _ if only.as_deref() == Some("sqlite") => {}
        Ok(url) => bench("PostgreSQL", url).await,
        Err(_) => println!("PostgreSQL: not there"),
    }
}

async fn bench(name: &str, url: String) {
    let mut config = Config::from_toml("").unwrap();
    config.auth.secret = "a signing key for a bench, and for a bench only".into();
    config.database.url = url.into();
    let app = App::open(config, Models::none()).await.unwrap();
    app.db.migrate().await.unwrap();
    let roles = Roles { is_staff: true, is_superuser: true };
    let root = admin::create(&app, Actor::CommandLine, "root", "seven-green-kites".into(), roles, None).await;
    let access = session::create(&app, root.unwrap(), &Default::default()).await.unwrap().access_token;
    let start = Instant::now();
    fill(&app.db).await;
    let filled = start.elapsed();
    usage::count_days(&app).await.unwrap();
    let counted = start.elapsed() - filled;
    chat::index_rest(&app).await.unwrap();
    let indexed = start.elapsed() - filled - counted;
    if name == "PostgreSQL" {
        // What autovacuum does by itself some time after as many rows.
        app.db.read().execute_unprepared("VACUUM ANALYZE").await.unwrap();
    }
    println!(
        "{name}: {USERS} users, {CHATS} chats stored in {filled:.1?}, {DAYS} days counted in {counted:.1?}, indexed in \
         {indexed:.1?}; medians of {ROUNDS}, and the slowest:"
    );
    let router = server::router(&app);
    let ago = |days| (Utc::now() - TimeDelta::days(days)).to_rfc3339();
    let user = "VXNlcjoxMDA"; // User:100
    let list =
        "nodes { id message response model status cost createdAt user { id username } } pageInfo { hasNextPage }";
    let people = "nodes { id username isActive createdAt balance { tokens held } } pageInfo { hasNextPage }";
    let entries = "nodes { id amount balanceAfter reason user { username } } pageInfo { hasNextPage }";
    let totals = "signupGrants credits debits spent messages failures activeUsers signUps
        answerTime { medianMs p95Ms } firstChunkTime { medianMs p95Ms }";
    let overview = |days| {
        let (since, until) = (ago(days).replace("+00:00", "Z"), ago(0).replace("+00:00", "Z"));
        format!(
            "{{ overview(since: \"{since}\", until: \"{until}\") {{ totals {{ {totals} }} previous {{ {totals} }}
                outstanding {{ users tokens held }} days {{ day messages tokens }} models {{ model messages tokens }}
                apiKeys {{ messages tokens }} lowBalances {{ username }} }} }}"
        )
    };
    for (what, query) in [
        (
            "dashboard, 30 days",
            "{ usage(days: 30) { day model messages tokens activeUsers failures } openTurns
               topSpenders(days: 30) { user { username } tokens messages } }"
                .to_owned(),
        ),
        (
            "dashboard, 90 days",
            "{ usage(days: 90) { day model messages tokens activeUsers failures } openTurns
               topSpenders(days: 90) { user { username } tokens messages } }"
                .to_owned(),
        ),
        ("overview, 30 days", overview(30)),
        ("overview, 90 days", overview(90)),
        (
            "users, by what they spent",
            format!("{{ users(first: 50, orderBy: MOST_SPENT) {{ {people} nodes {{ spent lastActiveAt }} }} }}"),
        ),
        (
            "users, by their activity",
            format!("{{ users(first: 50, orderBy: RECENTLY_ACTIVE) {{ {people} nodes {{ spent lastActiveAt }} }} }}"),
        ),
        ("ledger of adjustments", format!("{{ ledgerEntries(first: 50, reasons: [ADJUSTMENT]) {{ {entries} }} }}")),
        ("users", format!("{{ users(first: 50) {{ {people} totalCount }} }}")),
        ("users, by tokens", format!("{{ users(first: 50, orderBy: MOST_TOKENS) {{ {people} totalCount }} }}")),
        ("users, a part of the name", format!("{{ users(first: 50, search: \"99\") {{ {people} totalCount }} }}")),
        ("chats", format!("{{ chats(first: 50) {{ {list} totalCount }} }}")),
        ("chats, without their count", format!("{{ chats(first: 50) {{ {list} }} }}")),
        ("chats of a user", format!("{{ chats(first: 50, userId: \"{user}\") {{ {list} totalCount }} }}")),
        ("chats that failed", format!("{{ chats(first: 50, status: FAILED) {{ {list} totalCount }} }}")),
        ("chats of a model", format!("{{ chats(first: 50, model: \"small\") {{ {list} totalCount }} }}")),
        (
            "chats of a week long ago",
            format!(
                "{{ chats(first: 50, since: \"{}\", until: \"{}\") {{ {list} totalCount }} }}",
                ago(60).replace("+00:00", "Z"),
                ago(53).replace("+00:00", "Z")
            ),
        ),
        ("chats, a common word", format!("{{ chats(first: 50, search: \"w1\") {{ {list} totalCount }} }}")),
        ("chats, a rare word", format!("{{ chats(first: 50, search: \"w4242\") {{ {list} totalCount }} }}")),
        ("chats, a user's name", format!("{{ chats(first: 50, search: \"user99\") {{ {list} totalCount }} }}")),
        ("ledger", format!("{{ ledgerEntries(first: 50) {{ {entries} totalCount }} }}")),
        (
            "ledger of a day long ago",
            format!(
                "{{ ledgerEntries(first: 50, since: \"{}\", until: \"{}\") {{ {entries} totalCount }} }}",
                ago(60).replace("+00:00", "Z"),
                ago(59).replace("+00:00", "Z")
            ),
        ),
        ("ledger of a user", format!("{{ ledgerEntries(first: 50, userId: \"{user}\") {{ {entries} totalCount }} }}")),
    ] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            ask(&router, &access, &query).await;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("  {what:32} {:8.1} ms {:8.1} ms", times[ROUNDS / 2], times[ROUNDS - 1]);
    }
}

async fn ask(router: &Router, access: &str, query: &str) {
    let request = Request::post("/graphql")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {access}"))
        .body(Body::from(json!({ "query": query }).to_string()))
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert!(answer.get("errors").is_none(), "{query}: {answer}");
}

async fn fill(db: &Db) {
    let random = Random::seeded(1);
    let now = Utc::now();
    let first = now - TimeDelta::days(DAYS);
    let ids: Vec<i64> = (0..USERS).collect();
    for batch in ids.chunks(BATCH as usize) {
        let users: Vec<_> = batch.iter().map(|number| new_user(*number, first)).collect();
        let wallets: Vec<_> = batch.iter().map(|number| new_wallet(1 + *number)).collect();
        let stored = db.write((users, wallets), |txn, (users, wallets)| {
            Box::pin(async move {
                user::Entity::insert_many(users.clone()).exec(txn).await?;
                Ok(wallet::Entity::insert_many(wallets.clone()).exec(txn).await.map(drop)?)
            })
        });
        stored.await.unwrap();
    }
    let word = || {
        let uniform = (random.u64() >> 11) as f64 / (1u64 << 53) as f64;
        format!("w{}", (20_000f64.powf(uniform) - 1.0) as usize)
    };
    for batch in 0..CHATS / BATCH {
        let rows = (0..BATCH).map(|place| {
            let number = batch * BATCH + place;
            let at = first + TimeDelta::days(DAYS) / CHATS as i32 * number as i32;
            // Half of them by one user in a hundred. The first user is root.
            let user_id = 2 + (random.u64() % (USERS as u64 - 1)) as i64 / if number % 2 == 0 { 100 } else { 1 };
            let failed = number % 50 == 0;
            let chat = new_chat(user_id, at, failed, number % 3 == 0, [word(), word(), word(), word()].join(" "));
            (chat, (user_id, at, failed))
        });
        let (chats, entries): (Vec<_>, Vec<_>) = rows.unzip();
        let stored = db.write((chats, entries), move |txn, (chats, entries)| {
            Box::pin(async move {
                row::Entity::insert_many(chats.clone()).exec(txn).await?;
                let first = batch * BATCH + 1;
                let entries = entries.iter().enumerate().map(|(place, entry)| new_entry(first + place as i64, *entry));
                ledger_entry::Entity::insert_many(entries).exec(txn).await?;
                Ok(())
            })
        });
        stored.await.unwrap();
    }
}

fn new_user(number: i64, at: DateTime<Utc>) -> user::ActiveModel {
    user::ActiveModel {
        id: NotSet,
        username: Set(format!("user{number}")),
        username_key: Set(format!("user{number}")),
        username_skeleton: Set(None),
        password_hash: Set("!".to_owned()),
        is_active: Set(true),
        is_staff: Set(false),
        is_superuser: Set(false),
        payer_group_id: Set(None),
        session_epoch: Set(0),
        created_at: Set(at),
        last_login_at: Set(None),
    }
}

fn new_wallet(number: i64) -> wallet::ActiveModel {
    wallet::ActiveModel {
        id: NotSet,
        user_id: Set(Some(UserId(number))),
        group_id: Set(None),
        tokens: Set(Tokens(number * 7919 % 4001)),
        held: Set(Tokens::ZERO),
        ledger_seq: NotSet,
        ledger_hash: NotSet,
    }
}

fn new_chat(user_id: i64, at: DateTime<Utc>, failed: bool, small: bool, text: String) -> row::ActiveModel {
    row::ActiveModel {
        id: NotSet,
        user_id: Set(UserId(user_id)),
        wallet_id: Set(None),
        conversation_id: Set(None),
        replaced_by_id: Set(None),
        first_version_id: Set(None),
        context_left_out: Set(0),
        model: Set(if small { "small" } else { "large" }.to_owned()),
        status: Set(if failed { row::Status::Failed } else { row::Status::Done }),
        message: Set(text.clone()),
        response: Set(text),
        error_code: Set(None),
        error_message: Set(None),
        hold: Set(Tokens(100)),
        cost: Set(Tokens(if failed { 0 } else { 100 })),
        reasoning: Set(None),
        reasoning_ms: Set(None),
        price_id: Set(None),
        messages_charged: Set(None),
        input_units: Set(None),
        cache_read_units: Set(None),
        cache_write_units: Set(None),
        images: Set(None),
        output_units: Set(None),
        reasoning_units: Set(None),
        usage_estimated: Set(false),
        idempotency_key: Set(None),
        api_key_id: Set(None),
        fingerprint: Set(None),
        created_at: Set(at),
        finish_reason: Set(None),
        first_chunk_at: Set(None),
        finished_at: Set(Some(at)),
        lease_until: Set(None),
    }
}

fn new_entry(chat_id: i64, (user_id, at, failed): (i64, DateTime<Utc>, bool)) -> ledger_entry::ActiveModel {
    ledger_entry::ActiveModel {
        id: NotSet,
        // The wallets are made with the users, in their order.
        wallet_id: Set(WalletId(user_id)),
        member_id: Set(None),
        amount: Set(Tokens(if failed { 0 } else { -100 })),
        balance_after: Set(Tokens(100)),
        reason: Set(if failed { Reason::ChatFailed } else { Reason::ChatDone }),
        note: Set(None),
        chat_id: Set(Some(ChatId(chat_id))),
        api_key_id: Set(None),
        actor_id: Set(None),
        idempotency_key: Set(None),
        requested_balance: Set(None),
        created_at: Set(at),
        seq: Set(None),
        hash: Set(None),
        erasable_digest: Set(None),
        erasable_salt: Set(None),
    }
}
