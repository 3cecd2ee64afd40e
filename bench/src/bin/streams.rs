//! Reads many concurrent streams, and prints as JSON their time to first chunk and whether all were complete.
//!
//! Each connection sends requests sequentially, in turn from a file: each as raw bytes, after a line with its length.
//! The starts of the connections are spread over time, as with real users.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark should stop at anything unexpected"
)]

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use futures::future;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The end of a chunked body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[derive(Parser)]
struct Args {
    /// The address of the server
    #[arg(long)]
    connect: SocketAddr,
    /// The file of requests
    #[arg(long)]
    requests: PathBuf,
    /// Number of concurrent connections
    #[arg(long)]
    at_once: usize,
    /// Number of sequential streams on each connection
    #[arg(long, default_value_t = 1)]
    each: usize,
    /// Milliseconds over which the starts of the connections are spread
    #[arg(long, default_value_t = 1000)]
    over_ms: u64,
    /// Text that marks a received chunk
    #[arg(long)]
    piece: String,
    /// Text that marks a complete stream
    #[arg(long)]
    whole: String,
}

/// The timing of one stream.
struct Stream {
    first: Duration,
    took: Duration,
}

#[tokio::main]
async fn main() {
    let args = Arc::new(Args::parse());
    let requests = Arc::new(read_requests(&std::fs::read(&args.requests).expect("a file of requests")));
    let connections = (0..args.at_once).map(|number| {
        let (args, requests) = (args.clone(), requests.clone());
        tokio::spawn(async move {
            let share = number as f64 / args.at_once as f64;
            tokio::time::sleep(Duration::from_millis(args.over_ms).mul_f64(share)).await;
            let mut streams = Vec::new();
            let ended = connection(&args, &requests, number, &mut streams).await;
            (streams, ended)
        })
    });
    let (mut streams, mut problems) = (Vec::new(), Vec::new());
    for ended in future::join_all(connections).await {
        let (followed, ended) = ended.expect("a task that ends");
        streams.extend(followed);
        problems.extend(ended.err().map(|problem| problem.to_string()));
    }
    let mut firsts: Vec<f64> = streams.iter().map(|stream| stream.first.as_secs_f64() * 1e3).collect();
    firsts.sort_by(f64::total_cmp);
    let percentile = |share: f64| firsts.get((share * firsts.len() as f64) as usize);
    let took = streams.iter().map(|stream| stream.took).max().unwrap_or_default();
    let result = json!({
        "streams": streams.len(),
        "unfinished": args.at_once * args.each - streams.len(),
        "problem": problems.first(),
        "first_p50_ms": percentile(0.5),
        "first_p99_ms": percentile(0.99),
        "first_max_ms": firsts.last(),
        "longest_s": took.as_secs_f64(),
    });
    println!("{result}");
}

fn read_requests(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    while let Some(end) = file.iter().position(|byte| *byte == b'\n') {
        let length = str::from_utf8(&file[..end]).expect("a length").parse::<usize>().expect("a length");
        requests.push(file[end + 1..=end + length].to_vec());
        file = &file[end + 1 + length..];
    }
    assert!(!requests.is_empty(), "no requests");
    requests
}

async fn connection(args: &Args, requests: &[Vec<u8>], number: usize, into: &mut Vec<Stream>) -> io::Result<()> {
    let mut socket = TcpStream::connect(args.connect).await?;
    socket.set_nodelay(true)?;
    for round in 0..args.each {
        into.push(follow(args, &mut socket, &requests[(number * args.each + round) % requests.len()]).await?);
    }
    Ok(())
}

async fn follow(args: &Args, socket: &mut TcpStream, request: &[u8]) -> io::Result<Stream> {
    let start = Instant::now();
    socket.write_all(request).await?;
    let (mut heard, mut first) = (Vec::with_capacity(4096), None);
    let has = |heard: &[u8], what: &[u8]| heard.windows(what.len()).any(|window| window == what);
    while !heard.ends_with(LAST_CHUNK) {
        if socket.read_buf(&mut heard).await? == 0 {
            break;
        }
        if first.is_none() && has(&heard, args.piece.as_bytes()) {
            first = Some(start.elapsed());
        }
    }
    match first {
        Some(first) if has(&heard, args.whole.as_bytes()) => Ok(Stream { first, took: start.elapsed() }),
        _ => Err(io::Error::other(format!("not whole: {}", String::from_utf8_lossy(&heard)))),
    }
}
