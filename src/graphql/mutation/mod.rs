//! The root of all mutations. Each takes one input and gives one payload; expected mistakes are in its `errors`.

mod admin;
mod conversation;
mod person;
mod talk;

use async_graphql::MergedObject;

/// What can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(
    person::PersonMutation,
    talk::TalkMutation,
    conversation::ConversationMutation,
    admin::AdminMutation,
);
