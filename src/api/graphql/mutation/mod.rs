//! The root of all mutations. Each takes one input and gives one payload; expected mistakes are in its `errors`.

mod admin;
mod api_key;
mod conversation;
mod person;
mod talk;

use async_graphql::MergedObject;

/// What can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(
    person::AccountMutation,
    talk::ChatMutation,
    conversation::ConversationMutation,
    api_key::ApiKeyMutation,
    admin::AdminMutation,
);
