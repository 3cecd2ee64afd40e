//! Sending messages.

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome, user_errors};
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
}
