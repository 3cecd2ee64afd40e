//! Language models: providers that turn messages into a stream of text.
//!
//! A provider must not know about users, balances or databases. It receives messages, streams chunks of the reply and
//! ends with its usage. Dropping the stream cancels the work, since no one pays for the rest.
//!
//! A *unit* is a model token: what a model reads and writes. It is not a prepaid token of a balance.

pub mod echo;
mod json_visitor;
#[cfg(feature = "local-model")]
pub mod local;
mod members;
mod messages;
pub mod ollama_models;
mod raw_request;
mod reasoning_block;
pub mod route_state;
mod stop_sequences;
mod think_tags;
pub mod unavailable;
pub mod upstream;

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;

pub use self::members::{Members, members, string};
pub use self::raw_request::{FromMember, InvalidRequest, RawRequest};
pub use self::reasoning_block::ReasoningBlock;
use self::route_state::{RouteState, RouteTotals};
use crate::core::error::Error;
use crate::core::finish_reason::FinishReason;
use crate::core::ids::ProviderId;
pub use crate::core::usage::Usage;

/// The role of the author of a [`Message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the whole conversation.
    System,
    /// The user.
    User,
    /// The model, in an earlier reply.
    Assistant,
}

/// A message of the context.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Message {
    /// The role of its author.
    pub role: Role,
    /// The text.
    pub content: String,
    /// The reasoning before an earlier reply, for a provider that wants it back.
    #[serde(skip)]
    pub reasoning: Vec<ReasoningBlock>,
}

impl Message {
    /// Returns a message without reasoning.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), reasoning: Vec::new() }
    }

    /// Returns the size in bytes, which is also an upper bound of its model tokens.
    pub fn size(&self) -> usize {
        self.content.len() + self.reasoning.iter().map(ReasoningBlock::size).sum::<usize>()
    }
}

/// Sampling parameters; if `None`, the default of the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// The temperature, from 0 (deterministic) to 2.
    pub temperature: Option<f64>,
    /// Nucleus sampling: only the most likely model tokens with this total probability.
    pub top_p: Option<f64>,
    /// The seed, for reproducible sampling.
    pub seed: Option<u64>,
    /// Stop sequences: the reply ends before the first of them.
    pub stop: Vec<String>,
}

/// A call that is passed on to the upstream.
#[derive(Clone, Debug)]
pub struct Passthrough {
    /// The call.
    pub call: RawRequest,
    /// Whether the response is streamed.
    pub stream: bool,
    /// Whether the client requested the usage at the end of a stream, and so receives it.
    pub show_usage: bool,
}

/// A request to a model.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The context, oldest message first; the last one is replied to.
    pub messages: Arc<[Message]>,
    /// The maximum output in model tokens. The hold pays for no more.
    pub max_output: u64,
    /// The sampling parameters.
    pub sampling: Sampling,
    /// The call to pass on instead of the messages, for providers that support it.
    pub passing: Option<Passthrough>,
}

impl Request {
    /// Returns the number of images in the input.
    pub fn images(&self) -> u64 {
        self.passing.as_ref().map_or(0, |passing| passing.call.images())
    }
}

/// An event of a provider's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The upstream has accepted the request: it bills the input from now on, even if the response fails.
    Accepted,
    /// The usage reported so far. Replaces earlier ones.
    Usage(Usage),
    /// The next chunk of the reply; never empty.
    Chunk(String),
    /// A chunk of a passed-on response, as the client receives it.
    RawChunk {
        /// The unchanged bytes.
        bytes: Bytes,
        /// The text of the reply in it.
        text: String,
    },
    /// The upstream is at work, and has nothing to show yet.
    KeepAlive,
    /// The next chunk of the reasoning before the answer: on its own not an answer. Charged like text.
    Reasoning {
        /// The text that the user may see; empty if the provider shows none.
        text: String,
        /// Encrypted reasoning, which is shown to no one.
        hidden: String,
    },
    /// A block of reasoning that the provider wants back with the reply. What is shown and charged of it comes as
    /// [`Self::Reasoning`].
    ReasoningBlock(ReasoningBlock),
    /// All reasoning so far was the answer: its end is missing. The text is that of the reasoning.
    ReasoningIsAnswer(String),
    /// Output in addition to the text of the reply: tool calls, refusals, further choices, and unreadable output. Charged
    /// like text.
    Other(String),
    /// The upstream rejected a passed-on call. An error follows.
    Rejected {
        /// The status code of its response.
        status: u16,
        /// The body of its response, for the client.
        body: Bytes,
    },
    /// Why the model ended the reply. Not all upstreams report it.
    Finish(FinishReason),
    /// The reply is complete. Always the last event; a stream that ends without it was truncated.
    /// `None` if the provider reported no usage.
    Done(Option<Usage>),
}

impl Event {
    /// Returns the size of the payload in bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Chunk(text) => text.len(),
            Self::RawChunk { bytes, text } => bytes.len() + text.len(),
            Self::Reasoning { text, hidden } => text.len() + hidden.len(),
            Self::Other(text) | Self::ReasoningIsAnswer(text) => text.len(),
            Self::Rejected { body, .. } => body.len(),
            Self::ReasoningBlock(block) => block.size(),
            Self::Accepted | Self::KeepAlive | Self::Usage(_) | Self::Finish(_) | Self::Done(_) => 0,
        }
    }
}

/// A stream of a reply: chunks, then [`Event::Done`]; or an error, after which nothing follows.
///
/// Errors are [`Code::ProviderUnavailable`](crate::core::error::Code::ProviderUnavailable) (retry later),
/// [`Code::Internal`](crate::core::error::Code::Internal) (this server is configured incorrectly; the cause is for the
/// log), or [`Code::InvalidInput`](crate::core::error::Code::InvalidInput) (the model can't reply to this request).
pub type Reply = BoxStream<'static, Result<Event, Error>>;

/// A provider of a model: in this process, or a remote service.
pub trait Provider: Send + Sync {
    /// Starts a reply. Lazy: nothing happens before the stream is polled; dropping it cancels the work.
    fn reply(&self, request: Request) -> Reply;

    /// Returns an upper bound of the input of these messages, in model tokens. Holds are calculated from it.
    fn max_input(&self, messages: &[Message]) -> u64;

    /// Returns the context window in model tokens: the maximum of input and output together.
    fn context_window(&self) -> u64;

    /// Estimates the model tokens of a text, quickly. Never more than [`Self::max_input`] of it.
    fn estimate(&self, text: &str) -> u64;

    /// Counts the model tokens of a text as exactly as possible: the charge if the provider reported no usage.
    fn count(&self, text: &str) -> u64 {
        self.estimate(text)
    }

    /// Returns an upper bound of the input of a passed-on call, in model tokens; `None` if the provider passes on no
    /// calls.
    fn max_input_of_call(&self, _call: &RawRequest) -> Option<u64> {
        None
    }

    /// Checks the request parameters of a call to be passed on. Returns the number of choices that it requests, each of
    /// which is priced.
    ///
    /// # Errors
    /// The parameter that is rejected.
    fn answers(&self, _call: &RawRequest) -> Result<u64, InvalidRequest> {
        Ok(1)
    }

    /// Returns whether requests can have this sampling parameter, by its name at OpenAI: `temperature`, `top_p` or `stop`.
    /// Others are ignored in a request.
    fn supports(&self, _parameter: &str) -> bool {
        true
    }

    /// Returns whether an upstream bills the model by a usage that is reported at the end of a response. A response
    /// that is stopped early is then read on for a while, since only that usage includes hidden output, such as
    /// reasoning.
    fn reports_usage(&self) -> bool {
        false
    }

    /// Returns whether the provider wants its reasoning blocks back.
    fn wants_reasoning(&self) -> bool {
        false
    }

    /// Returns for each upstream of the model, in the order in which they are tried, whether it is cooling down after
    /// repeated failures (circuit open). Empty if the model has no upstreams.
    fn resting(&self) -> Vec<bool> {
        Vec::new()
    }

    /// Returns the state of each upstream of the model, in the order of [`Self::resting`].
    fn routes(&self) -> Vec<RouteState> {
        Vec::new()
    }

    /// Returns the calls of each upstream, in the order of [`Self::resting`]; `None` for one that was not called.
    fn totals(&self) -> Vec<Option<RouteTotals>> {
        Vec::new()
    }

    /// Closes the circuit breakers of the upstreams, or only of those of one provider of the database.
    fn reset_breakers(&self, _provider_id: Option<ProviderId>) {}

    /// Returns for each upstream of the model, in the same order, whether it failed repeatedly and has not responded since.
    /// Unlike the cool-down, this does not end by time alone.
    fn failing(&self) -> Vec<bool> {
        Vec::new()
    }
}

/// A shared provider, as kept for each configured model.
pub type SharedProvider = Arc<dyn Provider>;
