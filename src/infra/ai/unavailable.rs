//! The provider of a model that is not set up correctly: it fails every request.

use futures::{StreamExt, stream};

use super::{Message, Provider, Reply, Request};
use crate::core::error::{Code, Error};

/// Fails every request. Messages to its model are rejected before; this is for a turn that has begun.
pub struct Unavailable;

impl Provider for Unavailable {
    fn reply(&self, _: Request) -> Reply {
        let error = Error::new(Code::Internal, "The language model is not set up correctly.");
        stream::iter([Err(error)]).boxed()
    }

    fn max_input(&self, messages: &[Message]) -> u64 {
        messages.iter().map(|message| self.estimate(&message.content)).sum()
    }

    fn context_window(&self) -> u64 {
        u64::MAX
    }

    fn estimate(&self, text: &str) -> u64 {
        text.len() as u64
    }
}
