//! The mutation root. Each mutation takes one input and returns one payload; expected errors are in its `errors`, all
//! others are GraphQL errors.

mod admin;
mod api_key;
mod conversation;
mod person;
mod talk;

use async_graphql::MergedObject;

/// The mutation root.
#[derive(MergedObject, Default)]
pub struct Mutation(
    person::AccountMutation,
    talk::ChatMutation,
    conversation::ConversationMutation,
    api_key::ApiKeyMutation,
    admin::AdminMutation,
);
