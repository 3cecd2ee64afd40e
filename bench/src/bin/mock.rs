//! A mock of an OpenAI-compatible service, as fast as possible: `POST` to any path that ends in `/chat/completions`
//! returns the same text, whole or as a stream.
//!
//! The arguments set the number of chunks of a stream, and the delays before the first and between two; the query of a
//! request overrides them (`?pieces=20&first_ms=100&between_ms=50`).
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark should stop at anything unexpected"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use futures::stream::{self, BoxStream, StreamExt};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpSocket};

const WHOLE: &str = r#"{"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"These are the words of a mock."},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":8,"total_tokens":18}}"#;
const FIRST: &str = r#"{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"mock","choices":[{"index":0,"delta":{"role":"assistant","content":"word "},"finish_reason":null}]}"#;
const NEXT: &str = r#"{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"mock","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}"#;
const LAST: &str = r#"{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"mock","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

#[derive(Parser)]
struct Args {
    /// The address to listen on
    #[arg(long)]
    listen: SocketAddr,
    #[command(flatten)]
    pace: Pace,
}

/// The pace of a stream.
#[derive(Clone, Copy, clap::Args)]
struct Pace {
    /// Number of chunks with text
    #[arg(long, default_value_t = 8)]
    pieces: u32,
    /// Milliseconds before the first chunk
    #[arg(long, default_value_t = 0)]
    first_ms: u64,
    /// Milliseconds between two chunks
    #[arg(long, default_value_t = 0)]
    between_ms: u64,
}

impl Pace {
    fn with(mut self, query: &str) -> Self {
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "pieces" => self.pieces = value.parse().expect("pieces as a number"),
                "first_ms" => self.first_ms = value.parse().expect("first_ms as a number"),
                "between_ms" => self.between_ms = value.parse().expect("between_ms as a number"),
                _ => {}
            }
        }
        self
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: StreamOptions,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

type Body = Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let listener = listen(args.listen).expect("an address to listen at");
    println!("listening on {}", args.listen);
    loop {
        let (socket, _) = listener.accept().await.expect("a connection");
        socket.set_nodelay(true).ok();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, args.pace));
            // A client that disconnects is no error.
            http1::Builder::new().pipeline_flush(true).serve_connection(TokioIo::new(socket), service).await.ok();
        });
    }
}

/// Listens with a backlog for thousands of concurrent connects.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(8192)
}

async fn answer(request: Request<Incoming>, pace: Pace) -> Result<Response<Body>, hyper::Error> {
    if !request.uri().path().ends_with("/chat/completions") {
        return Ok(said(StatusCode::NOT_FOUND, "application/json", Either::Left(Full::from("{}"))));
    }
    let pace = request.uri().query().map_or(pace, |query| pace.with(query));
    let body = request.into_body().collect().await?.to_bytes();
    let Ok(asked) = serde_json::from_slice::<Asked>(&body) else {
        return Ok(said(StatusCode::BAD_REQUEST, "application/json", Either::Left(Full::from("{}"))));
    };
    if !asked.stream {
        return Ok(said(StatusCode::OK, "application/json", Either::Left(Full::from(WHOLE))));
    }
    let pieces = stream::iter(0..pace.pieces).then(move |number| async move {
        let pause = if number == 0 { pace.first_ms } else { pace.between_ms };
        if pause > 0 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        event(if number == 0 { FIRST } else { NEXT })
    });
    let usage = asked.stream_options.include_usage.then(|| {
        let (input, output) = (10, pace.pieces);
        event(&format!(
            r#"{{"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"mock","choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}}}"#,
            input + output
        ))
    });
    let end = [Some(event(LAST)), usage, Some(event("[DONE]"))].into_iter().flatten();
    let frames = pieces.chain(stream::iter(end)).map(|data| Ok(Frame::data(data))).boxed();
    Ok(said(StatusCode::OK, "text/event-stream", Either::Right(StreamBody::new(frames))))
}

fn event(data: &str) -> Bytes {
    format!("data: {data}\n\n").into()
}

fn said(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
