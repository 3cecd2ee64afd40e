//! The root of all subscriptions: what comes by and by.

use async_graphql::{Context, ID, Result, SimpleObject, Subscription as Root, Union};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};

use super::bounded::{Payload, Text};
use super::context::app_and_viewer;
use super::id::Kind;
use super::types::{Balance, Chat};
use crate::core::error::{Code, Error};
use crate::core::pagination::TimeRange;
use crate::domain::chat::{self, FinishedChat, Format, ReplyStreamItem};
use crate::domain::ledger;

/// What comes by and by.
pub struct Subscription;

/// More of a reply, or its end.
#[derive(Union)]
enum ReplyEvent {
    Delta(ReplyDelta),
    Finished(ReplyFinished),
    Failed(ReplyFailed),
}

/// A part of a reply.
#[derive(SimpleObject)]
struct ReplyDelta {
    /// Counts up with every part: the position behind it. Given as `after`, the reply goes on from here.
    seq: usize,
    /// Where the part begins in the reply, in Unicode characters. No part overlaps another, and there are no gaps.
    offset: usize,
    /// The part itself; never empty.
    text: Text<'static>,
}

/// The reply is whole, or was stopped. The last event.
#[derive(SimpleObject)]
struct ReplyFinished {
    /// The chat, DONE or STOPPED. Its response is all parts together.
    chat: Chat,
    /// What its owner has now.
    balance: Balance,
}

/// The model failed, or its server died. The last event.
#[derive(SimpleObject)]
struct ReplyFailed {
    /// The chat, FAILED or INTERRUPTED. Its response is as much as was kept: after the death of a server the last moments
    /// of what was heard may be missing.
    chat: Chat,
    /// What went wrong, for programs.
    code: Code,
    /// What went wrong, for people.
    message: Text<'static>,
}

/// A part of a file.
#[derive(SimpleObject)]
struct ExportPart {
    /// To be put behind the parts before it.
    text: Text<'static>,
}

impl From<ReplyStreamItem> for ReplyEvent {
    fn from(fed: ReplyStreamItem) -> Self {
        match fed {
            ReplyStreamItem::Delta(chat::ReplyDelta { offset, end, text }) => {
                Self::Delta(ReplyDelta { seq: end, offset, text: text.into() })
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

/// What comes by and by.
#[Root]
impl Subscription {
    /// The reply of one of your chats as it grows: what is there already, then each part as it comes, then exactly one
    /// `ReplyFinished` or `ReplyFailed`. A chat that has ended is told from the start all the same.
    async fn reply_stream(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] chat_id: ID,
        #[graphql(desc = "The `seq` of the last part that you have, to get only what comes behind it.")] after: Option<
            i32,
        >,
    ) -> Result<impl Stream<Item = Result<Payload<ReplyEvent>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let after = usize::try_from(after.unwrap_or(0)).map_err(|_| Error::field("after", "Not negative."))?;
        let feed = chat::follow(app, viewer, Kind::Chat.row(&chat_id)?, after).await?;
        Ok(feed.map(|fed| Ok(Payload(fed?.into()))))
    }

    /// What you have: now, and again whenever it has changed.
    async fn balance_changed(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Result<Payload<Balance>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        Ok(ledger::watch_balance(app, viewer)?.map(|balance| Ok(Payload(balance?.into()))))
    }

    /// Your chats that have ended as a file, oldest first, in parts.
    async fn export_chats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How it is written.")] format: Format,
        #[graphql(desc = "Only those of this conversation.")] conversation_id: Option<ID>,
    ) -> Result<impl Stream<Item = Result<Payload<ExportPart>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_read()?;
        let conversation_id = conversation_id.map(|id| Kind::Conversation.row(&id)).transpose()?;
        let parts = chat::export(app, viewer, format, conversation_id).await?;
        Ok(parts.map(|text| Ok(Payload(ExportPart { text: text?.into() }))))
    }

    /// Why your balance is what it is, as CSV with a header, oldest first, in parts.
    async fn export_ledger_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this moment or later.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "Only those before this moment.")] until: Option<DateTime<Utc>>,
    ) -> Result<impl Stream<Item = Result<Payload<ExportPart>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let filter =
            ledger::EntryFilter { user_id: Some(viewer.require_read()?.id), period: TimeRange { since, until } };
        Ok(ledger::export(app, filter, false).map(|text| Ok(Payload(ExportPart { text: text?.into() }))))
    }

    /// Everybody's ledger entries as CSV with a header, oldest first, in parts. For staff.
    async fn export_ledger_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this user's.")] user_id: Option<ID>,
        #[graphql(desc = "Only those of this moment or later.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "Only those before this moment.")] until: Option<DateTime<Utc>>,
    ) -> Result<impl Stream<Item = Result<Payload<ExportPart>>> + use<>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_staff()?;
        let user_id = user_id.map(|id| Kind::User.row(&id)).transpose()?;
        let filter = ledger::EntryFilter { user_id, period: TimeRange { since, until } };
        Ok(ledger::export(app, filter, true).map(|text| Ok(Payload(ExportPart { text: text?.into() }))))
    }
}
