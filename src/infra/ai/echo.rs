//! The echo model: repeats the last message. For tests, and for a server without a language model.

use futures::{StreamExt, stream};

use super::stop_sequences::stop_before;
use super::{Event, Message, Provider, Reply, Request, Role, Usage};
use crate::core::finish_reason::FinishReason;

/// Replies with `AI Response to: ` and the last message of the user, as the stand-in of the application before Jeton
/// did. Its model token is the character.
pub struct Echo;

impl Provider for Echo {
    fn reply(&self, request: Request) -> Reply {
        let last = request.messages.iter().rev().find(|message| message.role == Role::User);
        let whole = format!("AI Response to: {}", last.map_or("", |message| message.content.as_str()));
        // At most the output that the hold pays for.
        let text: String = whole.chars().take(usize::try_from(request.max_output).unwrap_or(usize::MAX)).collect();
        let usage = Usage::of(self.max_input(&request.messages), self.estimate(&text));
        let finish = if text.len() < whole.len() { FinishReason::Length } else { FinishReason::Stop };
        let events = [Event::Chunk(text), Event::Finish(finish), Event::Done(Some(usage))];
        let reply = stream::iter(events.map(Ok)).boxed();
        stop_before(reply, request.sampling.stop)
    }

    fn max_input(&self, messages: &[Message]) -> u64 {
        messages.iter().map(|message| self.estimate(&message.content)).sum()
    }

    /// Unlimited, since it reads only the last message.
    fn context_window(&self) -> u64 {
        u64::MAX
    }

    fn estimate(&self, text: &str) -> u64 {
        text.chars().count() as u64
    }
}
