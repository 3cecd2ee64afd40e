//! Language models: what turns messages into a stream of text.
//!
//! A provider knows nothing of users, balances or databases. It gets messages, streams pieces of the reply and ends
//! with what it consumed. Dropping the stream cancels the work: nobody is left to pay for it.

pub mod echo;
pub mod local;
pub mod openai;

use std::sync::Arc;

use futures::stream::BoxStream;

use crate::error::Error;

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

/// What a model is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The context, oldest first; the last one is to be answered.
    pub messages: Vec<Message>,
    /// The most the reply may take, in the model's own units. The hold paid for no more.
    pub max_output: u64,
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
    /// The next piece of the reply; never empty.
    Piece(String),
    /// The reply is whole. Always the last event; a stream that ends without it broke off.
    /// `None` when the provider did not say what it consumed.
    End(Option<Usage>),
}

/// A reply as it comes: pieces, then [`Event::End`]; or an error, after which nothing follows.
///
/// Errors are [`Code::ProviderUnavailable`](crate::error::Code::ProviderUnavailable) (try again later) or
/// [`Code::Internal`](crate::error::Code::Internal) (our own configuration is wrong; the cause is for the log).
pub type Reply = BoxStream<'static, Result<Event, Error>>;

/// Something that answers: a model in this process, or a service elsewhere.
pub trait Provider: Send + Sync {
    /// Starts a reply. Nothing happens before the stream is polled; dropping it cancels the work.
    fn reply(&self, request: Request) -> Reply;

    /// An upper bound of what these messages take as input, in the model's own units. Holds are made of it.
    fn input_bound(&self, messages: &[Message]) -> u64;

    /// What the model can read and write together, in its own units: the room that a context has to fit in.
    fn window(&self) -> u64;

    /// About how many units this text is, when the provider did not say. Never more than [`Self::input_bound`] of it.
    fn estimate(&self, text: &str) -> u64;
}

/// A shared provider, as `App` keeps it for each configured model.
pub type SharedProvider = Arc<dyn Provider>;
