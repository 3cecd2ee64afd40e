//! Sending messages.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome, user_errors};
use super::super::id::Kind;
use super::super::types::{Balance, Chat};
use crate::chat;

#[derive(Default)]
pub(super) struct TalkMutation;

/// A message to be answered.
#[derive(InputObject)]
struct SendMessageInput {
    /// What you say, 1 to 1000 characters without white space around it.
    message: String,
    /// The model by name; the default one where it is left out.
    model: Option<String>,
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
    /// The model by name; the default one where it is left out.
    model: Option<String>,
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

#[Object]
impl TalkMutation {
    /// Sends a message, and waits for the whole answer. If you go away, the answer waits in the history.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: SendMessageInput,
    ) -> Result<SendMessagePayload> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let SendMessageInput { message, model, idempotency_key } = input;
        let (ended, mut errors) =
            outcome(chat::send(app, viewer, chat::Send { message, model, idempotency_key }).await)?;
        let Some(ended) = ended else { return Ok(SendMessagePayload { chat: None, balance: None, errors }) };
        errors.extend(ended.failure().iter().flat_map(user_errors));
        Ok(SendMessagePayload { chat: Some(Chat(ended.chat)), balance: Some(ended.balance.into()), errors })
    }

    /// Sends a message, and returns as soon as it is paid for by a hold. The answer comes into the chat by itself.
    async fn start_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message.")] input: StartMessageInput,
    ) -> Result<StartMessagePayload> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let StartMessageInput { message, model, idempotency_key } = input;
        let (chat, errors) = outcome(chat::start(app, viewer, chat::Send { message, model, idempotency_key }).await)?;
        Ok(StartMessagePayload { chat: chat.map(Chat), errors })
    }

    /// Stops an answer. What was produced is kept and paid for: a flat price in full where there is any text.
    async fn stop_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The chat.")] input: StopMessageInput,
    ) -> Result<StopMessagePayload> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let stopped = async { chat::stop(app, viewer, Kind::Chat.row(&input.chat_id)?).await };
        let (ended, errors) = outcome(stopped.await)?;
        let (chat, balance) = ended.map(|ended| (Chat(ended.chat), Balance::from(ended.balance))).unzip();
        Ok(StopMessagePayload { chat, balance, errors })
    }
}
