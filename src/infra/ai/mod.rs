//! Language models: what turns messages into a stream of text.
//!
//! A provider knows nothing of users, balances or databases. It gets messages, streams pieces of the reply and ends
//! with what it consumed. Dropping the stream cancels the work: nobody is left to pay for it.

pub mod echo;
pub mod local;
mod messages;
pub mod openai;
mod raw_request;
mod stop_sequences;

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;

pub use self::raw_request::{FromMember, InvalidRequest, RawRequest, members, string};
use crate::core::error::Error;

/// Who speaks in a [`Message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions that hold for the whole exchange.
    System,
    /// The person.
    User,
    /// The model, in an earlier reply.
    Assistant,
}

/// One message of the context that a model sees.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// How words are chosen; what is not set is the model's own choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// How far to stray from the likeliest words: 0 not at all, at most 2.
    pub temperature: Option<f64>,
    /// Of the likeliest words only so many that together they have this probability.
    pub top_p: Option<f64>,
    /// Makes choices that can be repeated.
    pub seed: Option<u64>,
    /// Texts before which the reply ends.
    pub stop: Vec<String>,
}

/// A call that is passed on as it came.
#[derive(Clone, Debug)]
pub struct Passthrough {
    /// The call.
    pub call: RawRequest,
    /// The reply is to come in parts.
    pub stream: bool,
    /// The caller asked for the usage at the end of a stream, and so gets to see it.
    pub show_usage: bool,
}

/// What a model is asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The context, oldest first; the last one is to be answered.
    pub messages: Vec<Message>,
    /// The most the reply may take, in the model's own units. The hold paid for no more.
    pub max_output: u64,
    /// How words are chosen.
    pub sampling: Sampling,
    /// The call to be passed on instead of the messages, for providers that can.
    pub passing: Option<Passthrough>,
}

/// What a model consumed, in the model's own units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Units read.
    pub input: u64,
    /// Units written.
    pub output: u64,
}

/// What a provider's stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The upstream has accepted the request: it bills the input from here on, whatever becomes of the answer.
    Accepted,
    /// The usage that the upstream has reported so far. Replaces any before it.
    Usage(Usage),
    /// The next piece of the reply; never empty.
    Chunk(String),
    /// A part of an answer to a call that was passed on, as it is for the caller.
    RawChunk {
        /// As it came.
        bytes: Bytes,
        /// What of it is text of the reply.
        text: String,
    },
    /// What was written beside the text of the reply. Paid for like text.
    Beside {
        /// Calls of tools, refusals, further choices, and what can't be read.
        other: String,
        /// What the model thought before it answered: no answer by itself.
        thoughts: String,
    },
    /// An upstream does not take a call that was passed on, and says why. An error follows.
    Rejected {
        /// The status of its answer.
        status: u16,
        /// What it says, for the caller.
        body: Bytes,
    },
    /// The reply is whole. Always the last event; a stream that ends without it broke off.
    /// `None` when the provider did not say what it consumed.
    Done(Option<Usage>),
}

impl Event {
    /// The bytes of what it holds.
    pub fn size(&self) -> usize {
        match self {
            Self::Chunk(text) => text.len(),
            Self::RawChunk { bytes, text } => bytes.len() + text.len(),
            Self::Beside { other, thoughts } => other.len() + thoughts.len(),
            Self::Rejected { body, .. } => body.len(),
            Self::Accepted | Self::Usage(_) | Self::Done(_) => 0,
        }
    }
}

/// A reply as it comes: pieces, then [`Event::End`]; or an error, after which nothing follows.
///
/// Errors are [`Code::ProviderUnavailable`](crate::core::error::Code::ProviderUnavailable) (try again later) or
/// [`Code::Internal`](crate::core::error::Code::Internal) (our own configuration is wrong; the cause is for the log), or
/// [`Code::InvalidInput`](crate::core::error::Code::InvalidInput) (the model can't answer this).
pub type Reply = BoxStream<'static, Result<Event, Error>>;

/// Something that answers: a model in this process, or a service elsewhere.
pub trait Provider: Send + Sync {
    /// Starts a reply. Nothing happens before the stream is polled; dropping it cancels the work.
    fn reply(&self, request: Request) -> Reply;

    /// An upper bound of what these messages take as input, in the model's own units. Holds are made of it.
    fn max_input(&self, messages: &[Message]) -> u64;

    /// What the model can read and write together, in its own units: the room that a context has to fit in.
    fn context_window(&self) -> u64;

    /// About how many units this text is, quickly. Never more than [`Self::input_bound`] of it.
    fn estimate(&self, text: &str) -> u64;

    /// How many units this text is, as well as it can be told: what is charged where the provider did not say.
    fn count(&self, text: &str) -> u64 {
        self.estimate(text)
    }

    /// An upper bound of what a call that is passed on takes as input; nothing where the provider passes on none.
    fn max_input_of_call(&self, _call: &RawRequest) -> Option<u64> {
        None
    }

    /// Checks the request parameters of a call that is to be passed on. Returns the number of answers that it asks for,
    /// each of which is priced.
    ///
    /// # Errors
    /// The parameter that may not be passed on.
    fn answers(&self, _call: &RawRequest) -> Result<u64, InvalidRequest> {
        Ok(1)
    }

    /// Whether an upstream bills for the model by a count that is reported at the end of an answer. An answer that is
    /// ended early is then read on for a while, since only that count has what was not shown, such as reasoning.
    fn reports_usage(&self) -> bool {
        false
    }

    /// Returns for each upstream of the model, in the order in which they are asked, whether it rests since it failed again
    /// and again. Empty where the model has none.
    fn resting(&self) -> Vec<bool> {
        Vec::new()
    }
}

/// A shared provider, as `App` keeps it for each configured model.
pub type SharedProvider = Arc<dyn Provider>;
