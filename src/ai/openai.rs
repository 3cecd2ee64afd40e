//! Any OpenAI-compatible service, by its streaming chat completions.
//!
//! How long a reply may take is the caller's to decide. This file decides what an upstream's trouble means: what is our
//! own fault, what is worth another try before the first byte, and when a reply is whole.

use std::time::Duration;

use async_stream::stream;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use serde::Deserialize;
use serde_json::json;

use super::{Event, Message, Provider, Reply, Request, Usage};
use crate::error::{Code, Error};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// First pause before another try; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// An upstream that asks for a longer pause than this is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// No reply is that long. Bounds what a hostile upstream can make us hold.
const MAX_STREAM_BYTES: usize = 32 << 20;
/// So much of an upstream's error goes into the log.
const MAX_EXCERPT_BYTES: usize = 500;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Units that a chat format adds to each message, and to the whole, at the very most.
const UNITS_PER_MESSAGE: u64 = 16;

/// What an upstream is.
pub struct Settings {
    /// Up to and without `/chat/completions`.
    pub base_url: String,
    /// Goes into the `Authorization` header.
    pub api_key: Option<String>,
    /// The model's name there.
    pub upstream_model: String,
    /// Repetitions of a request that failed before its first byte.
    pub retries: u32,
    /// What the model reads and writes together, in its own units.
    pub window: u64,
}

/// An OpenAI-compatible service.
pub struct OpenAi {
    upstream: Upstream,
    window: u64,
}

#[derive(Clone)]
struct Upstream {
    client: Client,
    url: String,
    authorization: Option<HeaderValue>,
    /// To be kept out of the log where an upstream repeats it.
    key: Option<String>,
    model: String,
    retries: u32,
}

impl OpenAi {
    /// Prepares a client; nothing is sent.
    ///
    /// # Errors
    /// INTERNAL where the address or the key can't be used.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let Settings { base_url, api_key, upstream_model, retries, window } = settings;
        let url = format!("{}/chat/completions", base_url.trim_end_matches('/'));
        reqwest::Url::parse(&url).map_err(|error| Error::internal(format!("base_url {base_url}: {error}")))?;
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would take the key and the message to somewhere that nobody configured.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(Error::internal)?;
        let key = api_key.map(|key| key.trim().to_owned());
        let authorization = match &key {
            Some(key) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                    .map_err(|_| Error::internal("the API key has characters that no header can carry"))?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Ok(Self { upstream: Upstream { client, url, authorization, key, model: upstream_model, retries }, window })
    }
}

impl Provider for OpenAi {
    fn reply(&self, request: Request) -> Reply {
        let upstream = self.upstream.clone();
        stream! {
            let response = match upstream.open(&request).await {
                Ok(response) => response,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            let mut received = 0;
            let bytes = response.bytes_stream().map(move |chunk| {
                let chunk = chunk.map_err(|error| unavailable(error.without_url()))?;
                // A byte order mark may begin a stream; the parser of events trips over it.
                let chunk = match chunk.strip_prefix(BYTE_ORDER_MARK) {
                    Some(rest) if received == 0 => chunk.slice_ref(rest),
                    _ => chunk,
                };
                received += chunk.len();
                if received > MAX_STREAM_BYTES { Err(unavailable("the stream is too long")) } else { Ok(chunk) }
            });
            let mut events = Box::pin(bytes.eventsource());
            let (mut usage, mut finished) = (None, false);
            while let Some(event) = events.next().await {
                let chunk = match event {
                    Ok(event) if event.data.trim() == "[DONE]" => {
                        finished = true;
                        break;
                    }
                    Ok(event) => upstream.read_chunk(&event.data),
                    // What breaks off after the last piece, where only the usage was to come, does no harm.
                    Err(_) if finished => break,
                    Err(error) => Err(unavailable(error.to_string())),
                };
                let chunk = match chunk {
                    Ok(chunk) => chunk,
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                };
                usage = chunk.usage.map(Usage::from).or(usage);
                for choice in chunk.choices.into_iter().take(1) {
                    if let Some(piece) = choice.delta.content.filter(|piece| !piece.is_empty()) {
                        yield Ok(Event::Piece(piece));
                    }
                    finished |= choice.finish_reason.is_some();
                }
            }
            if finished {
                yield Ok(Event::End(usage));
            } else {
                yield Err(Error::new(Code::ProviderUnavailable, "The answer broke off."));
            }
        }
        .boxed()
    }

    /// Without the upstream's tokenizer: no tokenizer makes more units than there are bytes.
    fn input_bound(&self, messages: &[Message]) -> u64 {
        let bound = |message: &Message| message.content.len() as u64 + UNITS_PER_MESSAGE;
        messages.iter().map(bound).sum::<u64>() + UNITS_PER_MESSAGE
    }

    /// About four bytes a unit, as in English prose.
    fn window(&self) -> u64 {
        self.window
    }

    fn estimate(&self, text: &str) -> u64 {
        (text.len() as u64).div_ceil(4)
    }
}

impl Upstream {
    /// Sends the request until an upstream begins to answer, or there are no tries left.
    async fn open(&self, request: &Request) -> Result<Response, Error> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            let (error, retry_after) = match self.send(request).await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let asked = retry_after(&response);
                    let status = response.status();
                    let error = self.refused(response).await;
                    if !is_worth_another_try(status) {
                        return Err(error);
                    }
                    (error, asked)
                }
                Err(error) => (unavailable(error.without_url()), None),
            };
            let wait = retry_after.unwrap_or(pause);
            if tries >= self.retries || wait > LONGEST_PAUSE {
                return Err(error);
            }
            tracing::info!(?error, "the upstream did not answer; trying again");
            tokio::time::sleep(wait).await;
            tries += 1;
            pause *= 2;
        }
    }

    async fn send(&self, request: &Request) -> reqwest::Result<Response> {
        let mut call = self.client.post(&self.url).json(&json!({
            "model": self.model,
            "messages": request.messages,
            "stream": true,
            "stream_options": { "include_usage": true },
            // The older name of the limit: every compatible server knows it, few know `max_completion_tokens`.
            "max_tokens": request.max_output,
        }));
        if let Some(authorization) = &self.authorization {
            call = call.header(AUTHORIZATION, authorization);
        }
        call.send().await
    }

    /// What an upstream's refusal means: a wrong key, address or name is our own fault, and nothing that users can mend.
    async fn refused(&self, response: Response) -> Error {
        let status = response.status();
        let mut excerpt = Vec::new();
        let mut body = response.bytes_stream();
        while let Some(Ok(chunk)) = body.next().await {
            excerpt.extend_from_slice(&chunk);
            if excerpt.len() >= MAX_EXCERPT_BYTES {
                excerpt.truncate(MAX_EXCERPT_BYTES);
                break;
            }
        }
        let cause = format!("the upstream answered {status}: {}", self.redacted(&String::from_utf8_lossy(&excerpt)));
        match status.as_u16() {
            401 | 403 | 404 => {
                Error::new(Code::Internal, "The language model is not set up correctly.").with_source(cause)
            }
            400 | 413 | 422 => {
                Error::new(Code::ProviderUnavailable, "The language model refused the message.").with_source(cause)
            }
            429 => Error::new(Code::ProviderUnavailable, "The language model is busy. Try again in a moment.")
                .with_source(cause),
            _ => unavailable(cause),
        }
    }

    fn read_chunk(&self, data: &str) -> Result<Chunk, Error> {
        let chunk: Chunk = serde_json::from_str(data).map_err(unavailable)?;
        match chunk.error {
            Some(error) => {
                let text: String = error.to_string().chars().take(MAX_EXCERPT_BYTES).collect();
                Err(unavailable(self.redacted(&text)))
            }
            None => Ok(chunk),
        }
    }

    /// What an upstream said, without our key.
    fn redacted(&self, text: &str) -> String {
        match &self.key {
            Some(key) if !key.is_empty() => text.replace(key.as_str(), "(key)"),
            _ => text.to_owned(),
        }
    }
}

fn is_worth_another_try(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Code::ProviderUnavailable, "The language model is not available right now.").with_source(cause)
}

/// The parts of a streamed chunk that matter here. An upstream may say more.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<ChunkUsage>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
struct ChunkUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl From<ChunkUsage> for Usage {
    fn from(usage: ChunkUsage) -> Self {
        Self { input: usage.prompt_tokens, output: usage.completion_tokens }
    }
}
