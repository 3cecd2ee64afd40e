//! The hand-written baseline: only the two durable transactions of a metered message, as fast as they can be written.
//! No accounts, no log-in, no history, no model.
//!
//! `POST /` with `{"user": 7, "message": ".."}` reserves the price and stores the message, then stores the reply,
//! settles and records it in the ledger. Both transactions are durable before the response (WAL, synchronous=FULL). A
//! single writer thread commits all queued jobs as one batch.
//!
//! The database was created by `jeton migrate` and has users: the same rows are inserted into the same tables, with the
//! cost of their indexes, foreign keys and checks. Only the text for searches is omitted (`search_text`).
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark should stop at anything unexpected"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Parser;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Price of a message in prepaid tokens.
const PRICE: i64 = 100;
/// Input and output of the echo model, in model tokens.
const UNITS: i64 = 10;
/// Jeton's default lease of a turn.
const LEASE: Duration = Duration::from_secs(30);
/// Maximum number of jobs in a batch.
const BATCH: usize = 256;

#[derive(Parser)]
struct Args {
    /// The address to listen on
    #[arg(long)]
    listen: SocketAddr,
    /// The SQLite file of a Jeton server that is not running
    #[arg(long)]
    database: PathBuf,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let connection = open(&args.database);
    let (jobs, queue) = mpsc::channel();
    thread::spawn(move || write(connection, &queue));
    let router = Router::new().route("/", post(send)).with_state(jobs);
    let listener = TcpListener::bind(args.listen).await.expect("an address to listen at");
    println!("listening on {}", args.listen);
    axum::serve(listener, router).await.expect("a server that runs");
}

/// Opens the database with the settings of Jeton's own writer.
fn open(path: &Path) -> Connection {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("a migrated database");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        .expect("a database that can be written");
    connection
}

#[derive(Deserialize)]
struct Message {
    user: i64,
    message: String,
}

#[derive(Serialize)]
struct Answer {
    chat: i64,
    response: String,
    tokens: i64,
}

async fn send(State(jobs): State<mpsc::Sender<Job>>, Json(asked): Json<Message>) -> Result<Json<Answer>, StatusCode> {
    let Message { user, message } = asked;
    let response = format!("AI Response to: {message}");
    let chat = run(&jobs, |done| Job::Hold { user, message, done }).await.ok_or(StatusCode::PAYMENT_REQUIRED)?;
    let job = |done| Job::Settle { user, chat, response: response.clone(), done };
    let tokens = run(&jobs, job).await.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(Answer { chat, response, tokens }))
}

async fn run(jobs: &mpsc::Sender<Job>, job: impl FnOnce(oneshot::Sender<Option<i64>>) -> Job) -> Option<i64> {
    let (done, outcome) = oneshot::channel();
    jobs.send(job(done)).expect("a writer");
    outcome.await.expect("an outcome")
}

/// A transaction, and the channel for its result: the id of the chat, or the remaining tokens; `None` if the balance is
/// insufficient.
enum Job {
    Hold { user: i64, message: String, done: oneshot::Sender<Option<i64>> },
    Settle { user: i64, chat: i64, response: String, done: oneshot::Sender<Option<i64>> },
}

fn write(mut connection: Connection, queue: &mpsc::Receiver<Job>) {
    let mut outcomes = Vec::with_capacity(BATCH);
    while let Ok(first) = queue.recv() {
        let txn = connection.transaction_with_behavior(TransactionBehavior::Immediate).expect("a transaction");
        for job in std::iter::once(first).chain(queue.try_iter()).take(BATCH) {
            outcomes.push(match job {
                Job::Hold { user, message, done } => (done, hold(&txn, user, &message)),
                Job::Settle { user, chat, response, done } => (done, settle(&txn, user, chat, &response)),
            });
        }
        txn.commit().expect("a commit");
        for (done, outcome) in outcomes.drain(..) {
            done.send(outcome).ok();
        }
    }
}

fn hold(txn: &Connection, user: i64, message: &str) -> Option<i64> {
    let held = txn
        .prepare_cached("UPDATE wallet SET tokens = tokens - ?2, held = held + ?2 WHERE user_id = ?1 AND tokens >= ?2")
        .and_then(|mut statement| statement.execute(params![user, PRICE]))
        .expect("a hold");
    if held == 0 {
        return None;
    }
    let at = Utc::now();
    txn.prepare_cached(
        "INSERT INTO chat (user_id, model, status, message, response, hold, cost, usage_estimated, created_at,
             lease_until, context_left_out)
         VALUES (?1, 'echo', 'PENDING', ?2, '', ?3, 0, FALSE, ?4, ?5, 0)",
    )
    .and_then(|mut statement| statement.insert(params![user, message, PRICE, text(at), text(at + LEASE)]))
    .map(Some)
    .expect("a chat")
}

fn settle(txn: &Connection, user: i64, chat: i64, response: &str) -> Option<i64> {
    let at = text(Utc::now());
    let closed = txn
        .prepare_cached(
            "UPDATE chat SET status = 'DONE', response = ?2, cost = ?3, input_units = ?4, output_units = ?5,
                 finished_at = ?6, lease_until = NULL
             WHERE id = ?1 AND status = 'PENDING'",
        )
        .and_then(|mut statement| statement.execute(params![chat, response, PRICE, UNITS, UNITS, at]))
        .expect("a reply");
    if closed == 0 {
        return None;
    }
    let (wallet, tokens): (i64, i64) = txn
        .prepare_cached("UPDATE wallet SET held = held - ?2 WHERE user_id = ?1 RETURNING id, tokens + held")
        .and_then(|mut statement| statement.query_row(params![user, PRICE], |row| Ok((row.get(0)?, row.get(1)?))))
        .expect("a settled balance");
    txn.prepare_cached(
        "INSERT INTO ledger_entry (wallet_id, amount, balance_after, reason, chat_id, created_at)
         VALUES (?1, ?2, ?3, 'CHAT_DONE', ?4, ?5)",
    )
    .and_then(|mut statement| statement.execute(params![wallet, -PRICE, tokens, chat, at]))
    .expect("a ledger entry");
    Some(tokens)
}

/// Formats a time as Jeton's database library writes it into SQLite.
fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}
