//! Any OpenAI-compatible service, by its streaming chat completions.
//!
//! How long a reply may take is the caller's to decide. This file decides what an upstream's trouble means: what is our
//! own fault, what is worth another try before the first byte, or asking another upstream, and when a reply is whole.
//! Calls of programs that are passed on are `pass.rs`.

mod answer;
mod breaker;
mod convert;
mod gather;
mod params;
mod passthrough;
mod read;
mod redact;
mod sse;
mod token_count;
mod upstream;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Response, redirect};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::breaker::Breaker;
use self::gather::LargeAnswers;
pub use self::params::Params;
use self::redact::Redactor;
use self::upstream::{Upstream, encoding, is_worth_another_try, retry_after, seconds};
use super::{Event, InvalidRequest, Message, Provider, RawRequest, Reply, Request};
use crate::core::error::{Code, Error};
use crate::core::trace_context;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// First pause before another try; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// An upstream that asks for a longer pause than this is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So much of an upstream's error goes into the log.
const MAX_EXCERPT_BYTES: usize = 500;
/// An upstream does not want what it was asked.
const REFUSED: &str = "The language model refused the message.";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Units that a chat format adds to each message, and to the whole, at the very most.
const UNITS_PER_MESSAGE: u64 = 16;

/// What a model that others answer is.
pub struct Settings {
    /// Who answers, in the order in which they are asked.
    pub upstreams: Vec<UpstreamConfig>,
    /// Repetitions of a request that failed before its first byte with all upstreams.
    pub max_retries: u32,
    /// What the model reads and writes together, in its own units.
    pub context_window: u64,
    /// What a picture takes as input at the very most, in the model's own units.
    pub units_per_image: u64,
    /// The name that the upstreams know the limit of the output by.
    pub max_tokens_param: Option<&'static str>,
    /// How long an upstream rests that failed several times in a row.
    pub circuit_cooldown: Duration,
    /// The rules for request parameters of calls that are passed on.
    pub params: Params,
}

/// Where an upstream is.
#[derive(Clone)]
pub struct UpstreamConfig {
    /// Up to and without `/chat/completions`.
    pub base_url: String,
    /// Goes into the `Authorization` header.
    pub api_key: Option<SecretString>,
    /// The model's name there.
    pub upstream_model: String,
}

/// An OpenAI-compatible service, or several that answer for each other.
pub struct OpenAi(Arc<Inner>);

struct Inner {
    client: Client,
    upstreams: Vec<Upstream>,
    max_retries: u32,
    context_window: u64,
    units_per_image: u64,
    max_tokens_param: Option<&'static str>,
    circuit_cooldown: Duration,
    params: Params,
    large: LargeAnswers,
}

impl OpenAi {
    /// Prepares a client; nothing is sent.
    ///
    /// # Errors
    /// INTERNAL where an address or a key can't be used.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let Settings {
            upstreams,
            max_retries: retries,
            context_window: window,
            units_per_image,
            max_tokens_param: limit_name,
            circuit_cooldown: rest,
            params,
        } = settings;
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would take the key and the message to somewhere that nobody configured.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(Error::internal)?;
        let upstreams = upstreams.into_iter().map(Upstream::new).collect::<Result<_, _>>()?;
        let large = LargeAnswers::default();
        let shared = Inner {
            client,
            upstreams,
            max_retries: retries,
            context_window: window,
            units_per_image,
            max_tokens_param: limit_name,
            circuit_cooldown: rest,
            params,
            large,
        };
        Ok(Self(Arc::new(shared)))
    }
}

impl Provider for OpenAi {
    fn reply(&self, request: Request) -> Reply {
        let shared = self.0.clone();
        stream! {
            let accepted = Notify::new();
            let opening = shared.open(&request, &accepted);
            tokio::pin!(opening);
            // It bills from its status on, while the first byte may be long in coming.
            let early = tokio::select! {
                biased;
                opened = &mut opening => Some(opened),
                () = accepted.notified() => None,
            };
            let opened = match early {
                Some(opened) => opened,
                None => {
                    yield Ok(Event::Accepted);
                    opening.await
                }
            };
            let opened = match opened {
                Ok(opened) => opened,
                Err(UpstreamFailure { error, refusal, .. }) => {
                    if let Some((status, body)) = refusal {
                        yield Ok(Event::Rejected { status, body });
                    }
                    yield Err(error);
                    return;
                }
            };
            yield Ok(Event::Accepted);
            let (upstream, is_stream) = (opened.upstream, opened.is_stream());
            let (shared, bytes) = (shared.clone(), opened.bytes());
            let events = match &request.passing {
                Some(passing) if passing.stream && is_stream => passthrough::parts(shared, upstream, bytes, passing),
                Some(passing) => passthrough::whole(shared, upstream, bytes, passing),
                None => read::reply(shared, upstream, is_stream, bytes),
            };
            for await event in events {
                yield event;
            }
        }
        .boxed()
    }

    /// Without the upstream's tokenizer: no tokenizer makes more units than there are bytes.
    fn max_input(&self, messages: &[Message]) -> u64 {
        let bound = |message: &Message| message.content.len() as u64 + UNITS_PER_MESSAGE;
        messages.iter().map(bound).sum::<u64>() + UNITS_PER_MESSAGE
    }

    fn context_window(&self) -> u64 {
        self.0.context_window
    }

    /// About four bytes a unit, as in English prose.
    fn estimate(&self, text: &str) -> u64 {
        (text.len() as u64).div_ceil(4)
    }

    /// By the tokenizer of the model's family, where the name tells which it is, or else the newest.
    fn count(&self, text: &str) -> u64 {
        let name = self.0.upstreams.first().map_or("", |upstream| upstream.model.as_str());
        token_count::count(name, text)
    }

    fn max_input_of_call(&self, call: &RawRequest) -> Option<u64> {
        Some(call.max_input(self.0.units_per_image, self.0.context_window))
    }

    fn answers(&self, call: &RawRequest) -> Result<u64, InvalidRequest> {
        self.0.params.check(call)
    }

    fn reports_usage(&self) -> bool {
        true
    }

    fn resting(&self) -> Vec<bool> {
        let now = Instant::now();
        self.0.upstreams.iter().map(|upstream| upstream.breaker.is_open(now)).collect()
    }
}

/// The bytes of an answer.
type Chunks = BoxStream<'static, Result<Bytes, Error>>;

/// An answer that has begun.
struct OpenResponse {
    /// Whose it is, by its place.
    upstream: usize,
    /// Its first bytes; none where it has none.
    first: Option<Bytes>,
    response: Response,
}

impl OpenResponse {
    /// Whether it is a stream of events, by its first byte, or else by what it says to be.
    fn is_stream(&self) -> bool {
        let first = self.first.as_deref().unwrap_or_default();
        let first = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first).trim_ascii_start();
        match first.first() {
            Some(byte) => *byte != b'{',
            None => {
                let kind = self.response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                !kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("application/json"))
            }
        }
    }

    /// All its bytes. The reader bounds what it keeps of them.
    fn bytes(self) -> Chunks {
        let mut is_first = true;
        let rest = self.response.bytes_stream().map(|chunk| chunk.map_err(|error| unavailable(error.without_url())));
        let all = futures::stream::iter(self.first.map(Ok)).chain(rest);
        let unmarked = all.map(move |chunk: Result<Bytes, Error>| {
            let chunk = chunk?;
            // A byte order mark may begin a stream; the parser of events trips over it.
            Ok(match chunk.strip_prefix(BYTE_ORDER_MARK) {
                Some(rest) if std::mem::take(&mut is_first) => chunk.slice_ref(rest),
                _ => {
                    is_first = false;
                    chunk
                }
            })
        });
        unmarked.boxed()
    }
}

impl Inner {
    /// Asks one upstream after the other until one begins to answer, and all of them again while there are tries left.
    /// `accepted` is notified when one has accepted it.
    async fn open(&self, request: &Request, accepted: &Notify) -> Result<OpenResponse, UpstreamFailure> {
        let mut failed = BTreeSet::new();
        let opened = self.open_some(request, accepted, &mut failed).await;
        // A request counts once, however often it was tried.
        for upstream in failed.into_iter().filter_map(|place| self.upstreams.get(place)) {
            upstream.breaker.record_failure(self.circuit_cooldown, Instant::now());
        }
        opened
    }

    /// The same; notes which upstreams failed.
    async fn open_some(
        &self,
        request: &Request,
        accepted: &Notify,
        failed: &mut BTreeSet<usize>,
    ) -> Result<OpenResponse, UpstreamFailure> {
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            let may_ask =
                |place: &usize| self.upstream(*place, |breaker| breaker.allow(self.circuit_cooldown, Instant::now()));
            let mut asked: Vec<_> = (0..self.upstreams.len()).filter(may_ask).collect();
            if asked.is_empty() {
                let may_try = |place: &usize| self.upstream(*place, |breaker| breaker.may_try(Instant::now()));
                asked.extend((0..self.upstreams.len()).find(may_try));
            }
            let mut failure = self.all_rest();
            for place in asked {
                match self.ask(place, request, accepted).await {
                    Ok(opened) => {
                        failed.remove(&place);
                        return Ok(opened);
                    }
                    // The next one would say the same.
                    Err(failed) if failed.is_refusal() => return Err(failed),
                    Err(lost) => {
                        tracing::info!(upstream = place, error = ?lost.error, "an upstream did not answer");
                        failed.insert(place);
                        failure = lost;
                    }
                }
            }
            let wait = failure.retry_after.unwrap_or(pause);
            if !failure.again || tries >= self.max_retries || wait > LONGEST_PAUSE {
                return Err(failure);
            }
            tokio::time::sleep(wait).await;
            tries += 1;
            pause *= 2;
        }
    }

    fn upstream(&self, place: usize, may: impl Fn(&Breaker) -> bool) -> bool {
        self.upstreams.get(place).is_some_and(|upstream| may(&upstream.breaker))
    }

    /// Every upstream rests.
    fn all_rest(&self) -> UpstreamFailure {
        let now = Instant::now();
        let wait = self.upstreams.iter().map(|upstream| upstream.breaker.wait(now)).min().unwrap_or_default();
        UpstreamFailure::of(Error { retry_after: Some(seconds(wait)), ..unavailable("every upstream rests") })
    }

    /// Asks one upstream.
    async fn ask(&self, place: usize, request: &Request, accepted: &Notify) -> Result<OpenResponse, UpstreamFailure> {
        let Some(upstream) = self.upstreams.get(place) else { return Err(self.all_rest()) };
        let lost = |error: reqwest::Error| UpstreamFailure {
            again: true,
            ..UpstreamFailure::of(unavailable(error.without_url()))
        };
        let answered = async {
            let mut response = self.send(upstream, request).await.map_err(lost)?;
            if response.status().is_success() {
                if let Some(encoding) = encoding(&response) {
                    let cause = format!("the upstream answered in the encoding {encoding}, which it was not asked for");
                    return Err(UpstreamFailure::of(unavailable(cause)));
                }
                accepted.notify_one();
                let first = response.chunk().await.map_err(lost)?;
                return Ok(OpenResponse { upstream: place, first, response });
            }
            let (status, retry_after) = (response.status(), retry_after(&response));
            let is_in_vain = response.headers().get("x-should-retry").is_some_and(|value| value == "false");
            let (error, refusal) = upstream.refused(response, request.passing.is_some()).await;
            let again = is_worth_another_try(status) && !is_in_vain && error.code != Code::Internal;
            // For the caller, who may come again.
            let error = Error { retry_after: retry_after.map(seconds), ..error };
            Err(UpstreamFailure { error, again, retry_after, refusal })
        };
        match answered.await {
            // An upstream that refuses what it was asked is well.
            Err(failed) if !failed.is_refusal() => Err(failed),
            answered => {
                upstream.breaker.record_success();
                answered
            }
        }
    }

    async fn send(&self, upstream: &Upstream, request: &Request) -> reqwest::Result<Response> {
        let body = match &request.passing {
            Some(passing) => passthrough::body(self, passing, &upstream.model, request.max_output),
            None => self.body(upstream, request).to_string().into(),
        };
        let mut call = self
            .client
            .post(&upstream.url)
            .headers(trace_context::headers())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .body(body);
        if let Some(authorization) = &upstream.authorization {
            call = call.header(AUTHORIZATION, authorization);
        }
        call.send().await
    }

    fn body(&self, upstream: &Upstream, request: &Request) -> serde_json::Value {
        json!({
            "model": upstream.model,
            "messages": request.messages,
            "stream": true,
            "stream_options": { "include_usage": true },
            (self.limit_name()): request.max_output,
        })
    }

    /// The name of the output limit, where the caller uses none.
    fn limit_name(&self) -> &'static str {
        self.max_tokens_param.unwrap_or("max_tokens")
    }

    /// Keeps the key of an upstream out of one of its answers.
    fn redactor(&self, upstream: usize) -> Redactor {
        Redactor::new(self.upstreams.get(upstream).and_then(|upstream| upstream.key.as_ref()))
    }

    /// What an upstream says of its trouble instead of an answer, or in the middle of one.
    fn failed_midway(&self, upstream: usize, error: &str) -> Error {
        let text = self.redactor(upstream).text(error);
        unavailable(text.chars().take(MAX_EXCERPT_BYTES).collect::<String>())
    }
}

/// Why an upstream gave no answer.
struct UpstreamFailure {
    error: Error,
    /// Another try may help.
    again: bool,
    /// What the upstream asks to wait.
    retry_after: Option<Duration>,
    /// The status and body of an upstream that does not take what was passed on.
    refusal: Option<(u16, Bytes)>,
}

impl UpstreamFailure {
    fn of(error: Error) -> Self {
        Self { error, again: false, retry_after: None, refusal: None }
    }

    /// Whether the upstream is well, and does not want what it was asked.
    fn is_refusal(&self) -> bool {
        self.error.message == REFUSED
    }
}

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Code::ProviderUnavailable, "The language model is not available right now.").with_source(cause)
}

fn broke_off() -> Error {
    Error::new(Code::ProviderUnavailable, "The answer broke off.")
}

/// An upstream whose answer says nothing.
fn no_answer() -> Error {
    Error::new(Code::ProviderUnavailable, "The language model gave no answer.")
}
