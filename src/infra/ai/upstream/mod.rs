//! Remote services that answer messages, by one of several protocols (`protocol/`).
//!
//! This module classifies failures of an upstream: a wrong configuration, a failure that is worth a retry before the
//! first byte, or a fallback to another upstream; and it decides when a reply is complete. It must not decide how long
//! a reply may take, which is up to the caller. Requests of passed-on
//! API calls are in `rewrite.rs`, their responses in `passthrough.rs`.
//!
//! The body of a passed-on call is not copied: from its arrival on, the call holds it as [`Bytes`](bytes::Bytes), clones
//! of the request share them, and what is sent are slices of them between the few values that are replaced.

mod answer;
mod breaker;
mod convert;
mod endpoint;
mod failover;
mod failure;
mod finish;
mod history;
mod large_answers;
mod open_response;
mod order;
mod params;
mod passthrough;
pub mod probe;
mod progress;
mod protocol;
mod read;
mod redact;
mod rewrite;
mod sse;
mod texts;
mod timeouts;
mod token_count;
mod usage;
mod wtf8;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use futures::StreamExt;
use reqwest::{Client, redirect};
use secrecy::SecretString;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::endpoint::Upstream;
use self::failure::{UpstreamFailure, causes, unavailable};
use self::large_answers::LargeAnswers;
use self::order::Order;
pub use self::params::Params;
pub use self::protocol::{Anthropic, ChatCompletions, Gemini, Ollama, Protocol, Responses, Think};
use self::redact::Redactor;
use self::sse::Framing;
pub use self::timeouts::Timeouts;
use super::route_state::{RouteErrorKind, RouteState, RouteTotals};
use super::think_tags::split_reasoning;
use super::{Event, InvalidRequest, Message, Provider, RawRequest, Reply, Request};
use crate::core::error::Error;
use crate::core::ids::ProviderId;

/// The maximum length of an upstream's error in the log.
const MAX_EXCERPT_BYTES: usize = 500;
/// The maximum of model tokens that a chat format adds to each message, and to the whole.
const UNITS_PER_MESSAGE: u64 = 16;

/// The settings of a model at its upstreams.
pub struct Settings {
    /// The protocol of all its upstreams.
    pub protocol: Protocol,
    /// The upstreams, in the order in which they are tried.
    pub upstreams: Vec<UpstreamConfig>,
    /// The maximum number of retries of a request that failed before its first byte at all upstreams.
    pub max_retries: u32,
    /// The context window, input and output together, in model tokens.
    pub context_window: u64,
    /// The maximum input of an image, in model tokens.
    pub units_per_image: u64,
    /// The parameter name of the output limit at the upstreams.
    pub max_tokens_param: Option<&'static str>,
    /// The cool-down of an upstream that failed several times in a row.
    pub circuit_cooldown: Duration,
    /// The rules for request parameters of passed-on calls.
    pub params: Params,
}

/// The address and credentials of an upstream.
#[derive(Clone, Default)]
pub struct UpstreamConfig {
    /// The base URL, without the path of a request such as `/chat/completions`.
    pub base_url: String,
    /// The API key, sent in the header of the protocol.
    pub api_key: Option<SecretString>,
    /// The upstream's name of the model.
    pub upstream_model: String,
    /// Further headers of each request.
    pub headers: Vec<(String, String)>,
    /// The order: upstreams with a smaller number are tried first. Those with the same are tried in the order in which
    /// they are configured, or, with weights, by turns.
    pub position: i64,
    /// The share of the requests that it gets first among the upstreams with the same position; 0 without weights.
    pub weight: i64,
    /// The timeouts.
    pub timeouts: Timeouts,
    /// The provider of the database; `None` for an upstream of the configuration file.
    pub provider_id: Option<ProviderId>,
}

/// A remote service, or several with failover.
pub struct Remote(Arc<Inner>);

struct Inner {
    protocol: Protocol,
    upstreams: Vec<Upstream>,
    max_retries: u32,
    context_window: u64,
    units_per_image: u64,
    max_tokens_param: Option<&'static str>,
    circuit_cooldown: Duration,
    params: Params,
    large: LargeAnswers,
    order: Order,
}

impl Remote {
    /// Creates a provider; nothing is sent.
    ///
    /// # Errors
    /// INTERNAL if a base URL or an API key is invalid.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let mut clients = HashMap::new();
        let opened = |timeouts: Timeouts| {
            if let Some(opened) = clients.get(&timeouts.connect) {
                return Ok(Client::clone(opened));
            }
            let opened = client(timeouts)?;
            clients.insert(timeouts.connect, opened.clone());
            Ok(opened)
        };
        Self::with_clients(settings, opened)
    }

    /// Creates a provider with HTTP clients for the timeouts of its upstreams.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_clients(
        settings: Settings,
        mut client: impl FnMut(Timeouts) -> Result<Client, Error>,
    ) -> Result<Self, Error> {
        let Settings {
            protocol,
            upstreams,
            max_retries: retries,
            context_window: window,
            units_per_image,
            max_tokens_param: limit_name,
            circuit_cooldown: rest,
            params,
        } = settings;
        let open = |upstream: UpstreamConfig| {
            let client = client(upstream.timeouts)?;
            Upstream::new(protocol.wire(), upstream, client)
        };
        let upstreams: Vec<_> = upstreams.into_iter().map(open).collect::<Result<_, _>>()?;
        let large = LargeAnswers::default();
        let order = Order::of(&upstreams);
        let shared = Inner {
            protocol,
            upstreams,
            max_retries: retries,
            context_window: window,
            units_per_image,
            max_tokens_param: limit_name,
            circuit_cooldown: rest,
            params,
            large,
            order,
        };
        Ok(Self(Arc::new(shared)))
    }
}

/// Returns an HTTP client for upstreams with this timeout of connecting.
///
/// # Errors
/// INTERNAL if TLS can't be set up.
pub fn client(timeouts: Timeouts) -> Result<Client, Error> {
    let client = Client::builder()
        .connect_timeout(timeouts.connect())
        // A redirect would send the key and the message to an address that is not configured.
        .redirect(redirect::Policy::none());
    client.build().map_err(|error| Error::internal(error))
}

impl Provider for Remote {
    fn reply(&self, request: Request) -> Reply {
        let shared = self.0.clone();
        stream! {
            let accepted = Notify::new();
            let opening = shared.open(&request, &accepted);
            tokio::pin!(opening);
            // The upstream bills from its status on, while the first byte may take long.
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
                Err(UpstreamFailure { error, rejection, .. }) => {
                    if let Some((status, body)) = rejection {
                        yield Ok(Event::Rejected { status, body });
                    }
                    yield Err(error);
                    return;
                }
            };
            yield Ok(Event::Accepted);
            let is_stream = shared.protocol.wire().framing() == Framing::Lines || opened.is_stream();
            let upstream = opened.upstream;
            let (shared, (bytes, mut call)) = (shared.clone(), opened.bytes());
            let events = match &request.passing {
                Some(passing) if passing.stream && is_stream => passthrough::parts(shared, upstream, bytes, passing),
                Some(passing) => passthrough::whole(shared, upstream, bytes, passing),
                None => split_reasoning(read::reply(shared, upstream, is_stream, bytes)),
            };
            for await event in events {
                match &event {
                    Ok(Event::Done(_)) => call.complete(Instant::now()),
                    Ok(_) => {}
                    Err(error) => call.fail(RouteErrorKind::Interrupted, causes(error), Instant::now()),
                }
                yield event;
            }
        }
        .boxed()
    }

    /// Without the upstream's tokenizer: no tokenizer makes more model tokens than there are bytes.
    fn max_input(&self, messages: &[Message]) -> u64 {
        let bound = |message: &Message| message.size() as u64 + UNITS_PER_MESSAGE;
        messages.iter().map(bound).sum::<u64>() + UNITS_PER_MESSAGE
    }

    fn context_window(&self) -> u64 {
        self.0.context_window
    }

    /// About four bytes per model token, as in English prose.
    fn estimate(&self, text: &str) -> u64 {
        (text.len() as u64).div_ceil(4)
    }

    /// With the tokenizer of the model's family, if the name identifies it, or else the newest.
    fn count(&self, text: &str) -> u64 {
        let name = self.0.upstreams.first().map_or("", |upstream| upstream.model.as_str());
        token_count::count(name, text)
    }

    fn max_input_of_call(&self, call: &RawRequest) -> Option<u64> {
        // A call passes unchanged only to its own protocol.
        let is_same = matches!(self.0.protocol, Protocol::ChatCompletions(_));
        is_same.then(|| call.max_input(self.0.units_per_image, self.0.context_window))
    }

    fn answers(&self, call: &RawRequest) -> Result<u64, InvalidRequest> {
        self.0.params.check(call)
    }

    fn supports(&self, parameter: &str) -> bool {
        self.0.protocol.wire().supports(parameter)
    }

    fn reports_usage(&self) -> bool {
        true
    }

    fn wants_reasoning(&self) -> bool {
        self.0.protocol.wire().wants_reasoning()
    }

    fn resting(&self) -> Vec<bool> {
        let now = Instant::now();
        self.0.upstreams.iter().map(|upstream| upstream.breaker.is_open(now)).collect()
    }

    fn routes(&self) -> Vec<RouteState> {
        let now = Instant::now();
        let state = |upstream: &Upstream| RouteState {
            provider_id: upstream.provider_id,
            host: upstream.host.clone(),
            upstream_model: upstream.model.clone(),
            breaker: upstream.breaker.state(now),
            last_hour: upstream.history.last_hour(now),
            last_error: upstream.history.last_error(now),
        };
        self.0.upstreams.iter().map(state).collect()
    }

    fn totals(&self) -> Vec<Option<RouteTotals>> {
        self.0.upstreams.iter().map(|upstream| upstream.history.totals()).collect()
    }

    fn reset_breakers(&self, provider_id: Option<ProviderId>) {
        let is_meant = |upstream: &&Upstream| provider_id.is_none() || upstream.provider_id == provider_id;
        let now = Instant::now();
        self.0.upstreams.iter().filter(is_meant).for_each(|upstream| upstream.breaker.record_success(now));
    }

    fn failing(&self) -> Vec<bool> {
        self.0.upstreams.iter().map(|upstream| upstream.breaker.is_failing()).collect()
    }
}

impl Inner {
    /// Returns the name of the output limit for a call that has none.
    fn limit_name(&self) -> &'static str {
        self.max_tokens_param.unwrap_or("max_tokens")
    }

    /// Returns the origin of an upstream's reasoning blocks.
    fn origin(&self, upstream: usize) -> String {
        self.upstreams.get(upstream).map(|upstream| upstream.origin.clone()).unwrap_or_default()
    }

    /// Returns a redactor that removes the upstream's API key from one of its responses.
    fn redactor(&self, upstream: usize) -> Redactor {
        Redactor::new(self.upstreams.get(upstream).and_then(|upstream| upstream.key.as_ref()))
    }

    /// Returns the error that an upstream sent instead of a response, or within one.
    fn failed_midway(&self, upstream: usize, error: &str) -> Error {
        let text = self.redactor(upstream).text(error);
        unavailable(text.chars().take(MAX_EXCERPT_BYTES).collect::<String>())
    }
}
