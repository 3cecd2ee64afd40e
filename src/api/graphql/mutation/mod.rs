//! The mutation root. Each mutation takes one input and returns one payload; expected errors are in its `errors`, all
//! others are GraphQL errors.

mod account;
mod api_key;
mod bulk;
mod catalog;
mod chat;
mod conversation;
mod group;
mod ledger;
mod session;
mod webhook;

use async_graphql::MergedObject;

/// The mutation root.
#[derive(MergedObject, Default)]
pub(crate) struct Mutation(
    account::AccountMutation,
    account::AdminMutation,
    bulk::BulkMutation,
    catalog::ProviderMutation,
    catalog::BreakerMutation,
    catalog::ModelMutation,
    catalog::PriceListMutation,
    session::SessionMutation,
    chat::ChatMutation,
    conversation::ConversationMutation,
    api_key::ApiKeyMutation,
    ledger::LedgerMutation,
    group::GroupMutation,
    webhook::WebhookMutation,
);
