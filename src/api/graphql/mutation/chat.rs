//! Mutations of chats: sending, regenerating, editing, stopping and deleting. They only translate: the domain decides.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome, user_errors};
use super::super::execution::bounded::Payload;
use super::super::id::RowId;
use super::super::types::{Balance, Chat};
use crate::core::error::Error;
use crate::core::ids::{ChatId, ConversationId};
use crate::domain::chat::{self, ReplaceMessage};

#[derive(Default)]
pub(super) struct ChatMutation;

/// A message to send, and to wait for its reply.
#[derive(InputObject)]
struct SendMessageInput {
    /// The message: 1 to `turns.max_message_chars` characters (32000 by default), not counting surrounding white space.
    message: String,
    /// The name of the model. Defaults to the model of the conversation, then to the default model.
    model: Option<String>,
    /// The conversation, whose earlier chats are the context of the message. If omitted, the message has no context.
    conversation_id: Option<ID>,
    /// Idempotency key: a request with the same key returns the first chat, whatever its status; with other input it
    /// fails with CONFLICT. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// A message with its reply.
#[derive(SimpleObject)]
struct SendMessagePayload {
    /// The finished chat, whatever its status; null if the message was rejected.
    chat: Option<Chat>,
    /// Your balance; null if the message was rejected.
    balance: Option<Balance>,
    /// Errors of the message or of the model; empty on success.
    errors: Vec<UserError>,
}

/// A message to send without waiting for its reply.
#[derive(InputObject)]
struct StartMessageInput {
    /// The message: 1 to `turns.max_message_chars` characters (32000 by default), not counting surrounding white space.
    message: String,
    /// The name of the model. Defaults to the model of the conversation, then to the default model.
    model: Option<String>,
    /// The conversation, whose earlier chats are the context of the message. If omitted, the message has no context.
    conversation_id: Option<ID>,
    /// Idempotency key: a request with the same key returns the first chat, whatever its status; with other input it
    /// fails with CONFLICT. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// A message whose reply is in progress.
#[derive(SimpleObject)]
struct StartMessagePayload {
    /// The chat, PENDING unless the idempotency key is a duplicate; null if the message was rejected.
    chat: Option<Chat>,
    /// Errors, such as INSUFFICIENT_TOKENS; empty on success.
    errors: Vec<UserError>,
}

/// The chat to stop.
#[derive(InputObject)]
struct StopMessageInput {
    /// The global id of the chat.
    chat_id: ID,
}

/// A stopped chat.
#[derive(SimpleObject)]
struct StopMessagePayload {
    /// The finished chat, whatever its status: it may have finished before it was stopped.
    chat: Option<Chat>,
    /// Your balance.
    balance: Option<Balance>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// The chat to regenerate.
#[derive(InputObject)]
struct RegenerateInput {
    /// The global id of the chat.
    chat_id: ID,
    /// The name of the model. Defaults to the model of the replaced chat.
    model: Option<String>,
    /// Idempotency key: a request with the same key returns the first chat, whatever its status; with other input it
    /// fails with CONFLICT. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// A regenerated chat.
#[derive(SimpleObject)]
struct RegeneratePayload {
    /// The new chat, PENDING unless the idempotency key is a duplicate; null if the request was rejected.
    chat: Option<Chat>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// An edit of a message.
#[derive(InputObject)]
struct EditMessageInput {
    /// The global id of the chat whose message is edited.
    chat_id: ID,
    /// The new message: 1 to `turns.max_message_chars` characters (32000 by default), not counting surrounding white
    /// space.
    message: String,
    /// The name of the model. Defaults to the model of the replaced chat.
    model: Option<String>,
    /// Idempotency key: a request with the same key returns the first chat, whatever its status; with other input it
    /// fails with CONFLICT. 1 to 255 visible ASCII characters.
    idempotency_key: Option<String>,
}

/// An edited message.
#[derive(SimpleObject)]
struct EditMessagePayload {
    /// The new chat, PENDING unless the idempotency key is a duplicate; null if the request was rejected.
    chat: Option<Chat>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// The version of a message to choose.
#[derive(InputObject)]
struct ChooseVersionInput {
    /// The global id of the chat: a version of a message that is in the conversation now.
    chat_id: ID,
}

/// A chosen version of a message.
#[derive(SimpleObject)]
struct ChooseVersionPayload {
    /// The chat, which is part of the context again; null if nothing was changed.
    chat: Option<Chat>,
    /// Errors, such as CONFLICT while a chat of the conversation is open; empty on success.
    errors: Vec<UserError>,
}

/// The chat to delete.
#[derive(InputObject)]
struct DeleteChatInput {
    /// The global id of the chat.
    chat_id: ID,
}

/// A deleted chat.
#[derive(SimpleObject)]
struct DeleteChatPayload {
    /// The global id of the deleted chat; null if nothing was deleted.
    deleted_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

fn row(conversation_id: Option<ID>) -> Result<Option<ConversationId>, Error> {
    conversation_id.map(|id| ConversationId::parse(&id)).transpose()
}

#[Object]
impl ChatMutation {
    /// Sends a message and waits for the complete reply. If the client disconnects, the reply is completed and stored
    /// in the history.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: SendMessageInput,
    ) -> Result<Payload<SendMessagePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let SendMessageInput { message, model, conversation_id, idempotency_key } = input;
        let sent = async {
            let conversation_id = row(conversation_id)?;
            chat::send(
                app,
                viewer.require_write()?,
                chat::SendMessage { message, model, idempotency_key, conversation_id },
            )
            .await
        };
        let (ended, mut errors) = outcome(sent.await)?;
        let Some(ended) = ended else { return Ok(Payload(SendMessagePayload { chat: None, balance: None, errors })) };
        errors.extend(ended.failure().iter().flat_map(user_errors));
        Ok(Payload(SendMessagePayload { chat: Some(ended.chat.into()), balance: Some(ended.balance.into()), errors }))
    }

    /// Sends a message and returns as soon as its hold is reserved. The reply is generated in the background; follow it
    /// with `replyStream`.
    async fn start_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: StartMessageInput,
    ) -> Result<Payload<StartMessagePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let StartMessageInput { message, model, conversation_id, idempotency_key } = input;
        let started = async {
            let conversation_id = row(conversation_id)?;
            chat::start(
                app,
                viewer.require_write()?,
                chat::SendMessage { message, model, idempotency_key, conversation_id },
            )
            .await
        };
        let (chat, errors) = outcome(started.await)?;
        Ok(Payload(StartMessagePayload { chat: chat.map(Chat::from), errors }))
    }

    /// Regenerates the reply to a message. The new chat replaces the old one and all later ones in the context of the
    /// conversation; these stay in the history. Returns without waiting for the reply, like `startMessage`.
    async fn regenerate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] input: RegenerateInput,
    ) -> Result<Payload<RegeneratePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let RegenerateInput { chat_id, model, idempotency_key } = input;
        let started = async {
            let chat_id = ChatId::parse(&chat_id)?;
            chat::replace(
                app,
                viewer.require_write()?,
                ReplaceMessage { chat_id, message: None, model, idempotency_key },
            )
            .await
        };
        let (chat, errors) = outcome(started.await)?;
        Ok(Payload(RegeneratePayload { chat: chat.map(Chat::from), errors }))
    }

    /// Edits a message and sends it. The new chat replaces the old one and all later ones in the context of the
    /// conversation; these stay in the history. Returns without waiting for the reply, like `startMessage`.
    async fn edit_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat and its new message.")] input: EditMessageInput,
    ) -> Result<Payload<EditMessagePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let EditMessageInput { chat_id, message, model, idempotency_key } = input;
        let started = async {
            let chat_id = ChatId::parse(&chat_id)?;
            chat::replace(
                app,
                viewer.require_write()?,
                ReplaceMessage { chat_id, message: Some(message), model, idempotency_key },
            )
            .await
        };
        let (chat, errors) = outcome(started.await)?;
        Ok(Payload(EditMessagePayload { chat: chat.map(Chat::from), errors }))
    }

    /// Chooses a version of a message: it returns to the context with what was said after it, and takes the place of the
    /// version that is there, with all that follows. The next message continues from it. Nothing is charged.
    async fn choose_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The version.")] input: ChooseVersionInput,
    ) -> Result<Payload<ChooseVersionPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let writer = viewer.require_write()?;
        let chosen = async { chat::choose(app, writer, ChatId::parse(&input.chat_id)?).await };
        let (chat, errors) = outcome(chosen.await)?;
        Ok(Payload(ChooseVersionPayload { chat: chat.map(Chat::from), errors }))
    }

    /// Deletes one of your chats or, for staff, a chat of any user, which is recorded in the audit trail. An open chat
    /// is stopped and charged first. The ledger entry stays. Only superusers may delete chats of operators.
    async fn delete_chat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] input: DeleteChatInput,
    ) -> Result<Payload<DeleteChatPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_authenticated()?;
        let deleted = async { chat::delete(app, viewer, ChatId::parse(&input.chat_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteChatPayload { deleted_id: deleted.map(|()| input.chat_id), errors }))
    }

    /// Stops a reply. The text produced so far is kept and charged: a flat price in full if there is any text.
    async fn stop_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] input: StopMessageInput,
    ) -> Result<Payload<StopMessagePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let stopped = async {
            let chat_id = ChatId::parse(&input.chat_id)?;
            chat::stop(app, viewer.require_write()?, chat_id).await
        };
        let (ended, errors) = outcome(stopped.await)?;
        let (chat, balance) = ended.map(|ended| (Chat::from(ended.chat), Balance::from(ended.balance))).unzip();
        Ok(Payload(StopMessagePayload { chat, balance, errors }))
    }
}
