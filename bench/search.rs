//! How long searches take among 100,000 chats, on both databases: medians, printed. `make bench-search` runs it.
//!
//! Nothing is asserted. Half of the chats are one user's, the others' are spread over many; words are as frequent as in
//! natural text, so that common words are in most chats and rare ones in few.
#![allow(missing_docs, reason = "a program, not a library")]
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench that meets what it did not expect should stop there, and prints its figures"
)]

use std::time::{Duration, Instant};

use jeton::app::App;
use jeton::core::ids::UserId;
use jeton::core::pagination::PageRequest;
use jeton::core::random::Random;
use jeton::core::tokens::Tokens;
use jeton::core::viewer::{Actor, Viewer};
use jeton::domain::account::Roles;
use jeton::domain::account::admin;
use jeton::domain::chat::{self, ChatOrder, HistoryFilter};
use jeton::domain::session;
use jeton::infra::catalog::Models;
use jeton::infra::config::Config;
use jeton::infra::db::Db;
use jeton::infra::entity::chat as row;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ConnectionTrait, EntityTrait};

const CHATS: usize = 100_000;
const BATCH: usize = 500;
const WORDS: usize = 20_000;
const WORDS_IN_A_CHAT: usize = 60;
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
    let mut users = Vec::new();
    for number in 0..51 {
        let name = format!("user{number}");
        let roles = Roles::default();
        let made = admin::create(&app, Actor::CommandLine, &name, "seven-green-kites".into(), roles, None).await;
        users.push(made.unwrap());
    }
    let logged_in = session::create(&app, users[0].clone(), &Default::default()).await.unwrap();
    let viewer = Viewer::User(session::authenticate(&app, &logged_in.access_token).await.unwrap());

    let start = Instant::now();
    fill(&app.db, &users.iter().map(|user| user.id).collect::<Vec<_>>()).await;
    let filled = start.elapsed();
    chat::index_rest(&app).await.unwrap();
    let indexed = start.elapsed() - filled;
    if name == "PostgreSQL" {
        // What autovacuum does by itself some time after as many rows.
        app.db.read().execute_unprepared("VACUUM ANALYZE chat").await.unwrap();
    }
    println!("{name}: {CHATS} chats stored in {filled:.1?}, indexed in {indexed:.1?}; medians of {ROUNDS}:");
    for (what, words) in [
        ("in most chats", "w0"),
        ("in many", "w20"),
        ("in few", "w900"),
        ("in one or none", "w19990"),
        ("three words", "w0 w1 w20"),
        ("the beginning of a common word", "w1"),
        ("Cyrillic", "мягких"),
        ("Arabic", "السلام"),
        ("Chinese", "学习"),
        ("nothing found", "zzz"),
    ] {
        let newest = median(&app, viewer, words, ChatOrder::Newest).await;
        let best = median(&app, viewer, words, ChatOrder::Best).await;
        let (newest, best) = (newest.as_secs_f64() * 1e3, best.as_secs_f64() * 1e3);
        println!("  {what:32} newest first {newest:7.2} ms   best first {best:7.2} ms");
    }
}

async fn median(app: &App, viewer: Viewer, words: &str, order: ChatOrder) -> Duration {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let filter = HistoryFilter { search: Some(words.to_owned()), order, ..HistoryFilter::default() };
        let start = Instant::now();
        let found =
            chat::history(app, viewer.require_read().unwrap(), filter, PageRequest::newest(20, None)).await.unwrap();
        times.push(start.elapsed());
        assert!(
            found.rows.iter().all(|chat| viewer.require_read().unwrap().id == chat.user_id),
            "never another user's"
        );
    }
    times.sort();
    times[ROUNDS / 2]
}

async fn fill(db: &Db, users: &[UserId]) {
    let random = Random::seeded(1);
    let at = chrono::DateTime::from_timestamp(1_770_000_000, 0).unwrap();
    let other = ["Съешь ещё этих мягких французских булок", "السلام عليكم ورحمة الله", "我喜欢学习编程语言"];
    for batch in 0..CHATS / BATCH {
        let rows = (0..BATCH).map(|place| {
            let number = batch * BATCH + place;
            // By Zipf's law: the second word is half as frequent as the first, the third a third.
            let word = || {
                let uniform = (random.u64() >> 11) as f64 / (1u64 << 53) as f64;
                ((WORDS as f64).powf(uniform) - 1.0) as usize
            };
            let text: Vec<_> = (0..WORDS_IN_A_CHAT).map(|_| format!("w{}", word())).collect();
            let script = if number.is_multiple_of(100) { other[number / 100 % other.len()] } else { "" };
            row::ActiveModel {
                id: NotSet,
                user_id: Set(if number.is_multiple_of(2) { users[0] } else { users[1 + number % (users.len() - 1)] }),
                wallet_id: Set(None),
                conversation_id: Set(None),
                replaced_by_id: Set(None),
                first_version_id: Set(None),
                context_left_out: Set(0),
                model: Set("echo".to_owned()),
                status: Set(row::Status::Done),
                message: Set(format!("{} {script}", text[..10].join(" "))),
                response: Set(text[10..].join(" ")),
                error_code: Set(None),
                error_message: Set(None),
                hold: Set(Tokens::ZERO),
                cost: Set(Tokens::ZERO),
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
        });
        let rows: Vec<_> = rows.collect();
        let stored = db.write(rows, |txn, rows| {
            Box::pin(async move { Ok(row::Entity::insert_many(rows.clone()).exec(txn).await.map(drop)?) })
        });
        stored.await.unwrap();
    }
}
