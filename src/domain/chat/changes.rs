//! Changes of a user's conversations and chats, as events for the open pages of the user. All of them may be lost, on
//! the way between servers or by a slow client: then the page reloads what it shows.

use async_stream::try_stream;
use futures::Stream;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{ChatId, ConversationId, UserId};
use crate::core::viewer::Reader;
use crate::infra::cluster::{Bus, BusEvent};
use crate::infra::entity::{chat, conversation};

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, async_graphql::Enum)]
#[graphql(name = "ConversationChangeKind")]
pub enum ChangeKind {
    /// Changes may have been missed: reload what is shown. Always the first event.
    Reload,
    /// The conversation was created.
    Created,
    /// The title, system prompt or model of the conversation was changed, or it was pinned, archived or the reverse.
    Updated,
    /// The conversation was deleted with its chats.
    Deleted,
    /// A chat began.
    ChatStarted,
    /// A chat began that replaces another one, and those after it, in the context.
    ChatReplaced,
    /// A chat is finished, whatever its status.
    ChatFinished,
    /// A chat was deleted.
    ChatDeleted,
    /// A version of a message was chosen, with what was said after it.
    VersionChosen,
}

/// A change, as it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) kind: ChangeKind,
    pub(super) conversation_id: Option<ConversationId>,
    pub(super) chat_id: Option<ChatId>,
}

/// A change, with the rows as they are when it is delivered.
#[derive(Clone, Debug)]
pub struct ConversationChange {
    /// The kind.
    pub kind: ChangeKind,
    /// The conversation that was changed, or that the chat belongs to.
    pub conversation_id: Option<ConversationId>,
    /// The chat that was changed.
    pub chat_id: Option<ChatId>,
    /// The conversation; `None` if it is deleted.
    pub conversation: Option<conversation::Model>,
    /// The chat; `None` if it is deleted.
    pub chat: Option<chat::Model>,
}

impl Change {
    const RELOAD: Self = Self { kind: ChangeKind::Reload, conversation_id: None, chat_id: None };

    /// A change of a conversation.
    pub(super) fn of_conversation(kind: ChangeKind, id: ConversationId) -> Self {
        Self { kind, conversation_id: Some(id), chat_id: None }
    }

    /// A change of a chat.
    pub(super) fn of_chat(kind: ChangeKind, chat: &chat::Model) -> Self {
        Self { kind, conversation_id: chat.conversation_id, chat_id: Some(chat.id) }
    }

    /// Publishes the change to the open pages of the user. Called after the transaction that made it.
    pub(super) fn publish(self, bus: &Bus, user_id: UserId) {
        // Ids and names always serialize.
        bus.publish(&topic(user_id), || serde_json::to_vec(&self).unwrap_or_default());
    }
}

/// Returns the changes of the viewer's own conversations and chats from now on: first [`ChangeKind::Reload`], since
/// earlier ones are not delivered. API calls, which belong to no conversation, are not among them.
///
/// # Errors
/// In the stream: INTERNAL if the database fails.
pub fn watch(app: &App, reader: Reader) -> impl Stream<Item = Result<ConversationChange, Error>> + Send + use<> {
    let (app, user_id) = (app.clone(), reader.id);
    try_stream! {
        let mut published = app.bus.subscribe(&topic(user_id));
        yield load(&app, user_id, Change::RELOAD).await?;
        loop {
            let change = match published.next().await {
                // A kind of a newer version is unknown here.
                BusEvent::Message(message) => serde_json::from_slice(&message).unwrap_or(Change::RELOAD),
                BusEvent::Lagged => {
                    app.metrics.stream_lagged.inc();
                    // What is buffered is older than the reload.
                    published.skip();
                    Change::RELOAD
                }
            };
            yield load(&app, user_id, change).await?;
        }
    }
}

async fn load(app: &App, user_id: UserId, change: Change) -> Result<ConversationChange, Error> {
    let Change { kind, conversation_id, chat_id } = change;
    let conversation = match conversation_id {
        Some(id) => {
            let own = conversation::Entity::owned_by(user_id).filter(conversation::Column::Id.eq(id));
            own.one(app.db.read()).await?
        }
        None => None,
    };
    let chat = match chat_id {
        Some(id) => chat::Entity::owned_by(user_id).filter(chat::Column::Id.eq(id)).one(app.db.read()).await?,
        None => None,
    };
    Ok(ConversationChange { kind, conversation_id, chat_id, conversation, chat })
}

fn topic(user_id: UserId) -> String {
    format!("user:{user_id}:conversations")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_survives_the_bus_and_an_unknown_one_is_a_reload() {
        let change = Change::of_conversation(ChangeKind::Updated, ConversationId(7));
        let sent = serde_json::to_vec(&change).unwrap();
        assert_eq!(serde_json::from_slice::<Change>(&sent).unwrap(), change);
        let newer = br#"{"kind":"Archived","conversation_id":7,"chat_id":null}"#;
        assert_eq!(serde_json::from_slice(newer).unwrap_or(Change::RELOAD), Change::RELOAD);
    }
}
