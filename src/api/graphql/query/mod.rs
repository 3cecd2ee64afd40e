//! The query root. Its resolvers call the domain and decide nothing.

mod account;
mod api_key;
mod audit;
mod catalog;
mod chat;
mod conversation;
mod group;
mod ledger;
mod model;
mod node;
mod server;
mod session;
mod usage;
mod webhook;

use async_graphql::MergedObject;

pub(super) use self::usage::{DEFAULT_DAYS, DEFAULT_SPENDERS};

/// The query root.
#[derive(MergedObject, Default)]
pub(crate) struct Query(
    account::AccountQuery,
    session::SessionQuery,
    chat::ChatQuery,
    conversation::ConversationQuery,
    model::ModelQuery,
    server::ServerQuery,
    api_key::ApiKeyQuery,
    ledger::LedgerQuery,
    group::GroupQuery,
    audit::AuditQuery,
    catalog::CatalogQuery,
    usage::UsageQuery,
    node::NodeQuery,
    webhook::WebhookQuery,
);
