//! The stream of a reply: first the stored text, then new text as it is generated, then exactly one end.
//!
//! A follower has a position in the text, in characters. Text before it is dropped and overlaps are cut, so events may
//! arrive twice or out of order, and no text is shown twice. The follower requests missing text: the server that runs
//! the turn publishes it again from that position. Lost events are recovered from the row, which is polled after every
//! silence. Nothing is buffered for a slow follower: it misses events, and catches up with the whole missing text.

use std::pin::pin;
use std::time::Duration;

use async_stream::try_stream;
use futures::{Stream, StreamExt};
use sea_orm::EntityTrait;
use tokio::time::{Instant, timeout};

use super::events::{self, ReplyEvent, TurnCommand, topic};
use super::finished_chat::FinishedChat;
use super::history::find;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ChatId;
use crate::core::viewer::Reader;
use crate::domain::ledger;
use crate::infra::cluster;
use crate::infra::entity::chat::{self, Status};

/// Minimum and maximum interval without events after which the row is polled; an event resets it to the minimum.
const MIN_POLL_INTERVAL: Duration = Duration::from_secs(1);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Maximum size of a chunk in bytes: no transport has to take a long text whole.
const MAX_PART: usize = 64 << 10;

/// An item of a reply stream.
#[derive(Clone, Debug)]
pub enum ReplyStreamItem {
    /// A chunk of the reply.
    Delta(ReplyDelta),
    /// A chunk of the reasoning before the reply.
    Reasoning(ReplyDelta),
    /// The chat is closed. Always the last item.
    Ended(Box<FinishedChat>),
}

/// A position in a chat: how much of the reply, and of the reasoning before it, a follower has. In characters (Unicode
/// scalar values).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyPosition {
    /// The position in the reply.
    pub reply: usize,
    /// The position in the reasoning.
    pub reasoning: usize,
}

/// A chunk of a reply, or of its reasoning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyDelta {
    /// The start of the chunk in the whole text, in characters (Unicode scalar values).
    pub offset: usize,
    /// The end of the chunk: the follower's position after it.
    pub end: usize,
    /// The text of the chunk; never empty.
    pub text: String,
}

impl ReplyDelta {
    /// Returns the text after `position` of a text that begins at `offset`, in chunks.
    fn behind(position: usize, offset: usize, text: &str) -> Vec<Self> {
        let known = position.saturating_sub(offset);
        let start = text.char_indices().nth(known).map(|(start, _)| start);
        let mut rest = start.and_then(|start| text.get(start..)).unwrap_or_default();
        let (mut offset, mut parts) = (offset.max(position), Vec::new());
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(rest.floor_char_boundary(MAX_PART));
            let end = offset + part.chars().count();
            parts.push(Self { offset, end, text: part.to_owned() });
            (offset, rest) = (end, behind);
        }
        parts
    }
}

/// Follows one of the viewer's own chats from a position: 0 for the whole text, the [`ReplyDelta::end`] of the last
/// chunk received to resume. The reply and its reasoning each have a position of their own.
///
/// # Errors
/// NOT_FOUND also for a chat of another user. In the stream: NOT_FOUND if the chat is deleted meanwhile.
pub async fn follow(
    app: &App,
    reader: Reader,
    chat_id: ChatId,
    after: ReplyPosition,
) -> Result<impl Stream<Item = Result<ReplyStreamItem, Error>> + Send + use<>, Error> {
    let chat = find(app, reader, chat_id).await?;
    Ok(feed(app.clone(), chat.id, after))
}

/// Does the same as [`follow`]; the caller has checked that the viewer may see the chat.
pub(super) fn feed(
    app: App,
    chat_id: ChatId,
    after: ReplyPosition,
) -> impl Stream<Item = Result<ReplyStreamItem, Error>> + Send + use<> {
    try_stream! {
        // Subscribed before the row is read, so that an end in between is received.
        let mut subscription = app.bus.subscribe(&topic(chat_id));
        let mut position = after;
        let mut poll_interval = MIN_POLL_INTERVAL;
        loop {
            let chat = chat::Entity::find_by_id(chat_id).one(app.db.read()).await?;
            let chat = chat.ok_or_else(|| Error::not_found("chat"))?;
            for delta in ReplyDelta::behind(position.reasoning, 0, chat.reasoning.as_deref().unwrap_or_default()) {
                // Without events, the row is the only source.
                poll_interval = MIN_POLL_INTERVAL;
                position.reasoning = delta.end;
                yield ReplyStreamItem::Reasoning(delta);
            }
            for delta in ReplyDelta::behind(position.reply, 0, &chat.response) {
                poll_interval = MIN_POLL_INTERVAL;
                position.reply = delta.end;
                yield ReplyStreamItem::Delta(delta);
            }
            if chat.status != Status::Pending {
                let balance = ledger::balance(&app.db, chat.user_id).await?;
                yield ReplyStreamItem::Ended(Box::new(FinishedChat { chat, balance, retry_after: None }));
                return;
            }
            // The server that runs the turn has the text since the last save.
            let ReplyPosition { reply: from, reasoning: reasoning_from } = position;
            let command = TurnCommand::Repeat { from, reasoning_from };
            app.bus.publish(&events::command_topic(chat_id), || command.encode());
            let requested_at = Instant::now();
            loop {
                let event = match timeout(poll_interval, subscription.next()).await {
                    Ok(cluster::BusEvent::Message(message)) => ReplyEvent::decode(&message),
                    Ok(cluster::BusEvent::Lagged) => {
                        app.metrics.stream_lagged.inc();
                        break;
                    }
                    Err(_) => {
                        poll_interval = (poll_interval * 2).min(MAX_POLL_INTERVAL);
                        break;
                    }
                };
                let (known, offset, text, is_reasoning) = match event {
                    Some(ReplyEvent::Delta { offset, text }) => (&mut position.reply, offset, text, false),
                    Some(ReplyEvent::Reasoning { offset, text }) => (&mut position.reasoning, offset, text, true),
                    Some(ReplyEvent::Ended) | None => break,
                };
                if offset <= *known {
                    poll_interval = MIN_POLL_INTERVAL;
                    for delta in ReplyDelta::behind(*known, offset, &text) {
                        *known = delta.end;
                        let given = std::time::Instant::now();
                        yield if is_reasoning { ReplyStreamItem::Reasoning(delta) } else { ReplyStreamItem::Delta(delta) };
                        app.metrics.stream_lag.since(given);
                    }
                } else if requested_at.elapsed() > MIN_POLL_INTERVAL {
                    // There is a gap, and the requested repetition was lost.
                    break;
                }
            }
        }
    }
}

/// Waits until the chat is closed.
pub(super) async fn wait_until_finished(app: &App, chat_id: ChatId) -> Result<FinishedChat, Error> {
    // Beyond all text there is only the end of the stream.
    let beyond = ReplyPosition { reply: usize::MAX, reasoning: usize::MAX };
    let mut feed = pin!(feed(app.clone(), chat_id, beyond));
    while let Some(fed) = feed.next().await {
        if let ReplyStreamItem::Ended(ended) = fed? {
            return Ok(*ended);
        }
    }
    Err(Error::not_found("chat"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_cut_off_and_never_in_the_middle_of_a_character() {
        let behind = ReplyDelta::behind;
        let delta = |offset, end, text: &str| vec![ReplyDelta { offset, end, text: text.to_owned() }];
        assert_eq!(behind(0, 0, "añ€😀"), delta(0, 4, "añ€😀"));
        assert_eq!(behind(2, 0, "añ€😀"), delta(2, 4, "€😀"));
        assert_eq!(behind(3, 2, "€😀z"), delta(3, 5, "😀z"));
        assert_eq!(behind(5, 5, "z"), delta(5, 6, "z"));
        for (position, offset, text) in [(4, 0, "añ€😀"), (9, 0, "añ€😀"), (usize::MAX, 3, "z"), (0, 0, "")] {
            assert_eq!(behind(position, offset, text), [], "{position} {offset}");
        }
        let parts = behind(1, 0, &"€".repeat(MAX_PART));
        assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), "€".repeat(MAX_PART - 1));
        assert!(parts.len() >= 3 && parts.iter().all(|part| part.text.len() <= MAX_PART));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].offset));
    }
}
