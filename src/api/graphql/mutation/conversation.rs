//! Mutations of conversations: creating, changing and deleting. They only translate: the domain decides.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::execution::bounded::Payload;
use super::super::id::RowId;
use super::super::types::Conversation;
use crate::core::ids::{ConversationId, GroupId};
use crate::domain::chat;
use crate::domain::chat::conversation::{self, ConversationUpdate, Create};

#[derive(Default)]
pub(super) struct ConversationMutation;

/// A conversation to create. All fields are optional.
#[derive(InputObject)]
struct CreateConversationInput {
    /// The title, at most 200 characters. If omitted, it is derived from the first message.
    title: Option<String>,
    /// The system prompt: instructions to the model for the whole conversation, at most 4000 characters.
    system_prompt: Option<String>,
    /// The model for messages that name none. Defaults to the default model.
    model: Option<String>,
}

/// A new conversation.
#[derive(SimpleObject)]
struct CreateConversationPayload {
    /// The conversation; null if it was rejected.
    conversation: Option<Conversation>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A new title for a conversation.
#[derive(InputObject)]
struct RenameConversationInput {
    /// The global id of the conversation.
    conversation_id: ID,
    /// The new title, 1 to 200 characters.
    title: String,
}

/// A renamed conversation.
#[derive(SimpleObject)]
struct RenameConversationPayload {
    /// The conversation; null if it was not renamed.
    conversation: Option<Conversation>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// A change of a conversation. What is omitted stays as it is.
#[derive(InputObject)]
struct UpdateConversationInput {
    /// The global id of the conversation.
    conversation_id: ID,
    /// The new title, 1 to 200 characters.
    title: Option<String>,
    /// The new system prompt, at most 4000 characters; null or a blank text removes it.
    system_prompt: MaybeUndefined<String>,
    /// The new model for messages that name none; null for the default model.
    model: MaybeUndefined<String>,
    /// The global id of one of your groups, which pays from now on; null for your own choice of `setPayer`.
    payer_group_id: MaybeUndefined<ID>,
    /// Whether it is pinned: listed before the others.
    pinned: Option<bool>,
    /// Whether it is archived: hidden from the list until its next message.
    archived: Option<bool>,
}

/// A changed conversation.
#[derive(SimpleObject)]
struct UpdateConversationPayload {
    /// The conversation; null if it was not changed.
    conversation: Option<Conversation>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// The conversation to delete.
#[derive(InputObject)]
struct DeleteConversationInput {
    /// The global id of the conversation.
    conversation_id: ID,
}

/// A deleted conversation.
#[derive(SimpleObject)]
struct DeleteConversationPayload {
    /// The global id of the deleted conversation; null if nothing was deleted.
    deleted_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// Returns a field of a change: `None` if it is omitted, `Some(None)` for null.
fn given<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

#[Object]
impl ConversationMutation {
    /// Creates a conversation: each message in it has the earlier ones as its context.
    async fn create_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation.")] input: CreateConversationInput,
    ) -> Result<Payload<CreateConversationPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let CreateConversationInput { title, system_prompt, model } = input;
        let created = conversation::create(app, viewer.require_write()?, Create { title, system_prompt, model }).await;
        let (conversation, errors) = outcome(created)?;
        Ok(Payload(CreateConversationPayload { conversation: conversation.map(Conversation::from), errors }))
    }

    /// Renames a conversation.
    async fn rename_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation and its new title.")] input: RenameConversationInput,
    ) -> Result<Payload<RenameConversationPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let writer = viewer.require_write()?;
        let renamed = async {
            let id = ConversationId::parse(&input.conversation_id)?;
            conversation::rename(app, writer, id, &input.title).await
        };
        let (conversation, errors) = outcome(renamed.await)?;
        Ok(Payload(RenameConversationPayload { conversation: conversation.map(Conversation::from), errors }))
    }

    /// Changes the title, the system prompt, the model or the payer of a conversation, pins or archives it. The next message uses
    /// them; a reply in progress keeps what it began with.
    async fn update_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation and its new values.")] input: UpdateConversationInput,
    ) -> Result<Payload<UpdateConversationPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let writer = viewer.require_write()?;
        let updated = async {
            let id = ConversationId::parse(&input.conversation_id)?;
            let UpdateConversationInput { title, system_prompt, model, payer_group_id, pinned, archived, .. } = input;
            let (system_prompt, model) = (given(system_prompt), given(model));
            let payer = match given(payer_group_id) {
                Some(Some(id)) => Some(Some(GroupId::parse(&id)?)),
                payer => payer.map(|_| None),
            };
            let change = ConversationUpdate { title, system_prompt, model, payer, pinned, archived };
            conversation::update(app, writer, id, change).await
        };
        let (conversation, errors) = outcome(updated.await)?;
        Ok(Payload(UpdateConversationPayload { conversation: conversation.map(Conversation::from), errors }))
    }

    /// Deletes a conversation with its chats. Open chats are stopped and charged first. The ledger entries stay.
    async fn delete_conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation.")] input: DeleteConversationInput,
    ) -> Result<Payload<DeleteConversationPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let writer = viewer.require_write()?;
        let deleted =
            async { chat::delete_conversation(app, writer, ConversationId::parse(&input.conversation_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteConversationPayload { deleted_id: deleted.map(|()| input.conversation_id), errors }))
    }
}
