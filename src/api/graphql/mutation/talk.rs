//! Sending messages.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::bounded::Payload;
use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome, user_errors};
use super::super::id::Kind;
use super::super::types::{Balance, Chat};
use crate::core::error::Error;
use crate::domain::chat::{self, ReplaceMessage};

#[derive(Default)]
pub(super) struct ChatMutation;

/// A message to be answered.
#[derive(InputObject)]
struct SendMessageInput {
    /// What you say, 1 to 1000 characters without white space around it.
    message: String,
    /// The model by name; the conversation's where it is left out, or else the default one.
    model: Option<String>,
    /// The conversation whose earlier chats the model is to see; without one the message stands alone.
    conversation_id: Option<ID>,
    /// Makes retries harmless: the same key returns the first chat, whatever its state. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// An answered message.
#[derive(SimpleObject)]
struct SendMessagePayload {
    /// The chat, ended one way or another; null where the message was refused.
    chat: Option<Chat>,
    /// What you have now; null where the message was refused.
    balance: Option<Balance>,
    /// What went wrong: with the message, or with the model.
    errors: Vec<UserError>,
}

/// A message whose answer is on its way.
#[derive(InputObject)]
struct StartMessageInput {
    /// What you say, 1 to 1000 characters without white space around it.
    message: String,
    /// The model by name; the conversation's where it is left out, or else the default one.
    model: Option<String>,
    /// The conversation whose earlier chats the model is to see; without one the message stands alone.
    conversation_id: Option<ID>,
    /// Makes retries harmless: the same key returns the first chat, whatever its state. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// A message whose answer is on its way.
#[derive(SimpleObject)]
struct StartMessagePayload {
    /// The chat, PENDING unless its idempotency key was seen before; null where the message was refused.
    chat: Option<Chat>,
    /// What is wrong with the message.
    errors: Vec<UserError>,
}

/// A chat to be stopped.
#[derive(InputObject)]
struct StopMessageInput {
    /// Which.
    chat_id: ID,
}

/// A stopped chat.
#[derive(SimpleObject)]
struct StopMessagePayload {
    /// The chat, ended one way or another: it may have been faster.
    chat: Option<Chat>,
    /// What you have now.
    balance: Option<Balance>,
    /// Why it was not stopped.
    errors: Vec<UserError>,
}

/// A chat to be answered once more.
#[derive(InputObject)]
struct RegenerateInput {
    /// Which.
    chat_id: ID,
    /// The model by name; the one that answered before where it is left out.
    model: Option<String>,
    /// Makes retries harmless: the same key returns the first chat, whatever its state. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// A message that is answered once more.
#[derive(SimpleObject)]
struct RegeneratePayload {
    /// The new chat, PENDING unless its idempotency key was seen before; null where it was refused.
    chat: Option<Chat>,
    /// Why it was refused.
    errors: Vec<UserError>,
}

/// A message in other words.
#[derive(InputObject)]
struct EditMessageInput {
    /// The chat whose message it was.
    chat_id: ID,
    /// What you say instead, 1 to 1000 characters without white space around it.
    message: String,
    /// The model by name; the one that answered before where it is left out.
    model: Option<String>,
    /// Makes retries harmless: the same key returns the first chat, whatever its state. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// An edited message.
#[derive(SimpleObject)]
struct EditMessagePayload {
    /// The new chat, PENDING unless its idempotency key was seen before; null where it was refused.
    chat: Option<Chat>,
    /// Why it was refused.
    errors: Vec<UserError>,
}

/// A chat to be deleted.
#[derive(InputObject)]
struct DeleteChatInput {
    /// Which.
    chat_id: ID,
}

/// A deleted chat.
#[derive(SimpleObject)]
struct DeleteChatPayload {
    /// The global id of what is gone; null where nothing was deleted.
    deleted_id: Option<ID>,
    /// Why it was not deleted.
    errors: Vec<UserError>,
}

fn row(conversation_id: Option<ID>) -> Result<Option<i64>, Error> {
    conversation_id.map(|id| Kind::Conversation.row(&id)).transpose()
}

#[Object]
impl ChatMutation {
    /// Sends a message, and waits for the whole answer. If you go away, the answer waits in the history.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: SendMessageInput,
    ) -> Result<Payload<SendMessagePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let SendMessageInput { message, model, conversation_id, idempotency_key } = input;
        let sent = async {
            let conversation_id = row(conversation_id)?;
            chat::send(app, viewer, chat::SendMessage { message, model, idempotency_key, conversation_id }).await
        };
        let (ended, mut errors) = outcome(sent.await)?;
        let Some(ended) = ended else { return Ok(Payload(SendMessagePayload { chat: None, balance: None, errors })) };
        errors.extend(ended.failure().iter().flat_map(user_errors));
        Ok(Payload(SendMessagePayload { chat: Some(ended.chat.into()), balance: Some(ended.balance.into()), errors }))
    }

    /// Sends a message, and returns as soon as it is paid for by a hold. The answer comes into the chat by itself.
    async fn start_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: StartMessageInput,
    ) -> Result<Payload<StartMessagePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let StartMessageInput { message, model, conversation_id, idempotency_key } = input;
        let started = async {
            let conversation_id = row(conversation_id)?;
            chat::start(app, viewer, chat::SendMessage { message, model, idempotency_key, conversation_id }).await
        };
        let (chat, errors) = outcome(started.await)?;
        Ok(Payload(StartMessagePayload { chat: chat.map(Chat::from), errors }))
    }

    /// Has a message answered once more. The new chat takes the place of the old one, and of what was said after it, in the
    /// context of the conversation; the old ones stay in the history. Returns like `startMessage`.
    async fn regenerate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] input: RegenerateInput,
    ) -> Result<Payload<RegeneratePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let RegenerateInput { chat_id, model, idempotency_key } = input;
        let started = async {
            let chat_id = Kind::Chat.row(&chat_id)?;
            chat::replace(app, viewer, ReplaceMessage { chat_id, message: None, model, idempotency_key }).await
        };
        let (chat, errors) = outcome(started.await)?;
        Ok(Payload(RegeneratePayload { chat: chat.map(Chat::from), errors }))
    }

    /// Sends a message anew in other words. The new chat takes the place of the old one, and of what was said after it, in
    /// the context of the conversation; the old ones stay in the history. Returns like `startMessage`.
    async fn edit_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat and the new words.")] input: EditMessageInput,
    ) -> Result<Payload<EditMessagePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let EditMessageInput { chat_id, message, model, idempotency_key } = input;
        let started = async {
            let chat_id = Kind::Chat.row(&chat_id)?;
            chat::replace(app, viewer, ReplaceMessage { chat_id, message: Some(message), model, idempotency_key }).await
        };
        let (chat, errors) = outcome(started.await)?;
        Ok(Payload(EditMessagePayload { chat: chat.map(Chat::from), errors }))
    }

    /// Deletes one of your chats, or, for staff, anybody's, which the audit trail tells; one that is still being answered
    /// is stopped and paid for first. What it cost stays in the ledger. The chats of operators are for superusers to delete.
    async fn delete_chat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] input: DeleteChatInput,
    ) -> Result<Payload<DeleteChatPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_authenticated()?;
        let deleted = async { chat::delete(app, viewer, Kind::Chat.row(&input.chat_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteChatPayload { deleted_id: deleted.map(|()| input.chat_id), errors }))
    }

    /// Stops an answer. What was produced is kept and paid for: a flat price in full where there is any text.
    async fn stop_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] input: StopMessageInput,
    ) -> Result<Payload<StopMessagePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let stopped = async { chat::stop(app, viewer, Kind::Chat.row(&input.chat_id)?).await };
        let (ended, errors) = outcome(stopped.await)?;
        let (chat, balance) = ended.map(|ended| (Chat::from(ended.chat), Balance::from(ended.balance))).unzip();
        Ok(Payload(StopMessagePayload { chat, balance, errors }))
    }
}
