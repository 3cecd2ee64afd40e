//! The subscription root: reply streams, changes and exports. Decides nothing.

use async_graphql::{Context, ID, Result, SimpleObject, Subscription as Root, Union};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};

use super::context::app_and_viewer;
use super::execution::bounded::{Payload, Text};
use super::id::RowId;
use super::types::{Balance, Chat, Conversation};
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, ConversationId, UserId};
use crate::core::pagination::TimeRange;
use crate::domain::chat::{self, ChangeKind, FinishedChat, Format, ReplyStreamItem};
use crate::domain::ledger;
use crate::infra::entity::ledger_entry::Reason;

pub(crate) struct Subscription;

/// An event of a reply stream: a delta, or the end of the reply.
#[derive(Union)]
enum ReplyEvent {
    Delta(ReplyDelta),
    Reasoning(ReplyReasoning),
    Finished(ReplyFinished),
    Failed(ReplyFailed),
}

/// A chunk of a reply.
#[derive(SimpleObject)]
struct ReplyDelta {
    /// The position after this chunk, in Unicode characters; grows with each chunk. Pass it as `after` to resume the
    /// stream from here.
    seq: usize,
    /// The position of this chunk in the reply, in Unicode characters. Chunks are contiguous and do not overlap.
    offset: usize,
    /// The text of the chunk; never empty.
    text: Text<'static>,
}

/// A chunk of the reasoning before a reply.
#[derive(SimpleObject)]
struct ReplyReasoning {
    /// The position in the reasoning after this chunk, in Unicode characters. Pass it as `reasoningAfter` to resume the
    /// stream from here.
    seq: usize,
    /// The position of this chunk in the reasoning, in Unicode characters. Chunks are contiguous and do not overlap.
    offset: usize,
    /// The text of the chunk; never empty.
    text: Text<'static>,
}

/// The final event of a reply that is complete or was stopped.
#[derive(SimpleObject)]
struct ReplyFinished {
    /// The chat, DONE or STOPPED. Its response is the concatenation of all chunks.
    chat: Chat,
    /// The owner's current balance.
    balance: Balance,
}

/// The final event of a reply whose model failed or whose server crashed.
#[derive(SimpleObject)]
struct ReplyFailed {
    /// The chat, FAILED or INTERRUPTED. Its response is the text that was saved: after a server crash the last chunks
    /// may be missing.
    chat: Chat,
    /// The error code, for API clients.
    code: Code,
    /// The error message, for users.
    message: Text<'static>,
}

/// A change of your conversations or chats.
#[derive(SimpleObject)]
struct ConversationChange {
    /// The kind of the change.
    kind: ChangeKind,
    /// The global id of the conversation that was changed, or that the chat belongs to; null if there is none.
    conversation_id: Option<ID>,
    /// The global id of the chat that was changed; null if none was.
    chat_id: Option<ID>,
    /// The conversation as it is now; null if it is deleted.
    conversation: Option<Conversation>,
    /// The chat as it is now; null if it is deleted.
    chat: Option<Chat>,
}

impl From<chat::ConversationChange> for ConversationChange {
    fn from(change: chat::ConversationChange) -> Self {
        Self {
            kind: change.kind,
            conversation_id: change.conversation_id.map(RowId::global),
            chat_id: change.chat_id.map(RowId::global),
            conversation: change.conversation.map(Conversation::from),
            chat: change.chat.map(Chat::from),
        }
    }
}

/// A chunk of an exported file.
#[derive(SimpleObject)]
struct ExportPart {
    /// The text of the chunk, to be appended to the previous ones.
    text: Text<'static>,
}

impl From<ReplyStreamItem> for ReplyEvent {
    fn from(fed: ReplyStreamItem) -> Self {
        match fed {
            ReplyStreamItem::Delta(chat::ReplyDelta { offset, end, text }) => {
                Self::Delta(ReplyDelta { seq: end, offset, text: text.into() })
            }
            ReplyStreamItem::Reasoning(chat::ReplyDelta { offset, end, text }) => {
                Self::Reasoning(ReplyReasoning { seq: end, offset, text: text.into() })
            }
            ReplyStreamItem::Ended(ended) => match ended.failure() {
                Some(Error { code, message, .. }) => {
                    Self::Failed(ReplyFailed { chat: ended.chat.into(), code, message: message.into() })
                }
                None => {
                    let FinishedChat { chat, balance, .. } = *ended;
                    Self::Finished(ReplyFinished { chat: chat.into(), balance: balance.into() })
                }
            },
        }
    }
}

/// The subscription root.
#[Root]
impl Subscription {
    /// Streams the reply of one of your chats: the reasoning and the text so far, then each new chunk, then exactly one
    /// `ReplyFinished` or `ReplyFailed`. A finished chat is replayed in the same way.
    async fn reply_stream(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] chat_id: ID,
        #[graphql(desc = "The `seq` of the last chunk received: the stream resumes after it.")] after: Option<i32>,
        #[graphql(desc = "The `seq` of the last chunk of reasoning received.")] reasoning_after: Option<i32>,
    ) -> Result<impl Stream<Item = Result<Payload<ReplyEvent>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let reader = viewer.require_read()?;
        let position = |name, value: Option<i32>| {
            usize::try_from(value.unwrap_or(0)).map_err(|_| Error::field(name, "Must not be negative."))
        };
        let after = chat::ReplyPosition {
            reply: position("after", after)?,
            reasoning: position("reasoningAfter", reasoning_after)?,
        };
        let feed = chat::follow(app, reader, ChatId::parse(&chat_id)?, after).await?;
        Ok(feed.map(|fed| Ok(Payload(fed?.into()))))
    }

    /// Your balance: the current one, then each change.
    async fn balance_changed(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Result<Payload<Balance>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(ledger::watch_balance(app, viewer.require_read()?).map(|balance| Ok(Payload(balance?.into()))))
    }

    /// The changes of your conversations and chats, by any of your devices. The first event is RELOAD; load what you show
    /// then, and again at each RELOAD, which says that changes may have been missed. API calls are not among the changes.
    async fn conversation_changed(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = Result<Payload<ConversationChange>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(chat::watch(app, viewer.require_read()?).map(|change| Ok(Payload(change?.into()))))
    }

    /// Exports your finished chats as a file, oldest first, in chunks.
    async fn export_chats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file format.")] format: Format,
        #[graphql(desc = "Exports only the chats of this conversation.")] conversation_id: Option<ID>,
    ) -> Result<impl Stream<Item = Result<Payload<ExportPart>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let reader = viewer.require_read()?;
        let conversation_id = conversation_id.map(|id| ConversationId::parse(&id)).transpose()?;
        let parts = chat::export(app, reader, format, conversation_id).await?;
        Ok(parts.map(|text| Ok(Payload(ExportPart { text: text?.into() }))))
    }

    /// Exports your ledger entries as CSV with a header row, oldest first, in chunks.
    async fn export_ledger_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Exports only ledger entries with one of these reasons.")] reasons: Option<Vec<Reason>>,
        #[graphql(desc = "Start of the time range, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range, exclusive.")] until: Option<DateTime<Utc>>,
    ) -> Result<impl Stream<Item = Result<Payload<ExportPart>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let filter = ledger::EntryFilter::own(viewer.require_read()?, reasons, TimeRange { since, until });
        Ok(ledger::export(app, filter).map(|text| Ok(Payload(ExportPart { text: text?.into() }))))
    }

    /// Exports the ledger entries of all users as CSV with a header row, oldest first, in chunks. For staff.
    async fn export_ledger_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Exports only the ledger entries of this user.")] user_id: Option<ID>,
        #[graphql(desc = "Exports only ledger entries with one of these reasons.")] reasons: Option<Vec<Reason>>,
        #[graphql(desc = "Start of the time range, inclusive.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "End of the time range, exclusive.")] until: Option<DateTime<Utc>>,
    ) -> Result<impl Stream<Item = Result<Payload<ExportPart>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let user_id = user_id.map(|id| UserId::parse(&id)).transpose()?;
        let filter = ledger::EntryFilter::all(staff, reasons, user_id, TimeRange { since, until });
        Ok(ledger::export(app, filter).map(|text| Ok(Payload(ExportPart { text: text?.into() }))))
    }
}
