//! A reply as it grows: first what is stored, then what comes, then exactly one end.
//!
//! A follower knows its position in the text, in characters. What lies before it is dropped and what overlaps is cut, so
//! news may come twice or out of turn, and nothing is shown twice. What is missing is asked for: the server that drives
//! the turn says it again from there. Whatever the bus loses, the row makes up for, which is looked at again after every
//! silence. Nothing is kept for a slow follower: it misses news, and catches up in one piece.

use std::time::Duration;

use async_stream::try_stream;
use futures::Stream;
use sea_orm::EntityTrait;
use tokio::time::{Instant, timeout};

use super::events::{self, ReplyEvent, TurnCommand, topic};
use super::{FinishedChat, find};
use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::Viewer;
use crate::domain::ledger;
use crate::infra::cluster;
use crate::infra::entity::chat::{self, Status};

/// Silences after which the row is looked at: the first after news, and the longest.
const MIN_POLL_INTERVAL: Duration = Duration::from_secs(1);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(10);

/// So much text in one part at most, in bytes: no carrier has to take a whole book at once.
const MAX_PART: usize = 64 << 10;

/// What followers get.
#[derive(Clone, Debug)]
pub enum ReplyStreamItem {
    /// More of the reply.
    Delta(ReplyDelta),
    /// The chat has ended. Always the last.
    Ended(Box<FinishedChat>),
}

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyDelta {
    /// Where it begins in the reply, in characters (Unicode scalar values).
    pub offset: usize,
    /// Where it ends: the position of whoever has it.
    pub end: usize,
    /// The part itself; never empty.
    pub text: String,
}

impl ReplyDelta {
    /// What lies behind `position` of a text that begins at `offset`, in parts.
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

/// Follows one of the viewer's own chats from a position on: 0 for all of it, the [`Delta::end`] of the last part that
/// was received to go on.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for somebody else's chat. In the stream: NOT_FOUND where the
/// chat is deleted meanwhile.
pub async fn follow(
    app: &App,
    viewer: Viewer,
    chat_id: i64,
    after: usize,
) -> Result<impl Stream<Item = Result<ReplyStreamItem, Error>> + Send + use<>, Error> {
    let chat = find(app, viewer, chat_id).await?;
    Ok(feed(app.clone(), chat.id, after))
}

/// [`follow`], for those who know that the chat may be seen.
pub(super) fn feed(
    app: App,
    chat_id: i64,
    after: usize,
) -> impl Stream<Item = Result<ReplyStreamItem, Error>> + Send + use<> {
    try_stream! {
        // Listening begins before the row is read, so that an end in between is not missed.
        let mut heard = app.bus.subscribe(&topic(chat_id));
        let mut position = after;
        let mut patience = MIN_POLL_INTERVAL;
        loop {
            let chat = chat::Entity::find_by_id(chat_id).one(app.db.read()).await?;
            let chat = chat.ok_or_else(|| Error::not_found("chat"))?;
            for delta in ReplyDelta::behind(position, 0, &chat.response) {
                // Where no news come, the row is all there is.
                patience = MIN_POLL_INTERVAL;
                position = delta.end;
                yield ReplyStreamItem::Delta(delta);
            }
            if chat.status != Status::Pending {
                let balance = ledger::balance(&app.db, chat.user_id).await?;
                yield ReplyStreamItem::Ended(Box::new(FinishedChat { chat, balance, retry_after: None }));
                return;
            }
            // What came since the reply was saved last is known to the server that drives it.
            app.bus.publish(&events::command_topic(chat_id), || TurnCommand::Repeat { from: position }.encode());
            let asked = Instant::now();
            loop {
                let heard = match timeout(patience, heard.next()).await {
                    Ok(cluster::BusEvent::Message(message)) => ReplyEvent::decode(&message),
                    Ok(cluster::BusEvent::Lagged) => {
                        app.metrics.stream_lagged.inc();
                        break;
                    }
                    Err(_) => {
                        patience = (patience * 2).min(MAX_POLL_INTERVAL);
                        break;
                    }
                };
                let Some(ReplyEvent::Piece { offset, text }) = heard else { break };
                if offset <= position {
                    patience = MIN_POLL_INTERVAL;
                    for delta in ReplyDelta::behind(position, offset, &text) {
                        position = delta.end;
                        let given = std::time::Instant::now();
                        yield ReplyStreamItem::Delta(delta);
                        app.metrics.stream_lag.since(given);
                    }
                } else if asked.elapsed() > MIN_POLL_INTERVAL {
                    // There is a gap, and the repetition that was asked for was lost.
                    break;
                }
            }
        }
    }
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
