//! Conversations: made, renamed, deleted.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::bounded::Payload;
use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::id::Kind;
use super::super::types::Conversation;
use crate::domain::chat;
use crate::domain::chat::conversation::{self, Create};

#[derive(Default)]
pub(super) struct ConversationMutation;

/// A new conversation. All of it may be left out.
#[derive(InputObject)]
struct CreateConversationInput {
    /// What it is called, at most 200 characters; made of the first message where it is left out.
    title: Option<String>,
    /// Instructions to the model that hold for the whole conversation, at most 4000 characters.
    system_prompt: Option<String>,
    /// The model that answers where a message names none; the default one where it is left out.
    model: Option<String>,
}

/// A new conversation.
#[derive(SimpleObject)]
struct CreateConversationPayload {
    /// The conversation; null where it was refused.
    conversation: Option<Conversation>,
    /// What is wrong with it.
    errors: Vec<UserError>,
}

/// Another title.
#[derive(InputObject)]
struct RenameConversationInput {
    /// Which.
    conversation_id: ID,
    /// What it is to be called, 1 to 200 characters.
    title: String,
}

/// A renamed conversation.
#[derive(SimpleObject)]
struct RenameConversationPayload {
    /// The conversation; null where it was not renamed.
    conversation: Option<Conversation>,
    /// Why it was not renamed.
    errors: Vec<UserError>,
}

/// A conversation to be deleted.
#[derive(InputObject)]
struct DeleteConversationInput {
    /// Which.
    conversation_id: ID,
}

/// A deleted conversation.
#[derive(SimpleObject)]
struct DeleteConversationPayload {
    /// The global id of what is gone; null where nothing was deleted.
    deleted_id: Option<ID>,
    /// Why it was not deleted.
    errors: Vec<UserError>,
}

#[Object]
impl ConversationMutation {
    /// Begins a conversation: messages that are sent to it see the ones before.
    async fn create_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation.")] input: CreateConversationInput,
    ) -> Result<Payload<CreateConversationPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let CreateConversationInput { title, system_prompt, model } = input;
        let created = conversation::create(app, viewer, Create { title, system_prompt, model }).await;
        let (conversation, errors) = outcome(created)?;
        Ok(Payload(CreateConversationPayload { conversation: conversation.map(Conversation::from), errors }))
    }

    /// Gives a conversation another title.
    async fn rename_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation and its title.")] input: RenameConversationInput,
    ) -> Result<Payload<RenameConversationPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_write()?;
        let renamed = async {
            let id = Kind::Conversation.row(&input.conversation_id)?;
            conversation::rename(app, viewer, id, &input.title).await
        };
        let (conversation, errors) = outcome(renamed.await)?;
        Ok(Payload(RenameConversationPayload { conversation: conversation.map(Conversation::from), errors }))
    }

    /// Deletes a conversation with its chats; what is still being answered is stopped and paid for first. What they cost
    /// stays in the ledger.
    async fn delete_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation.")] input: DeleteConversationInput,
    ) -> Result<Payload<DeleteConversationPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_write()?;
        let deleted =
            async { chat::delete_conversation(app, viewer, Kind::Conversation.row(&input.conversation_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteConversationPayload { deleted_id: deleted.map(|()| input.conversation_id), errors }))
    }
}
