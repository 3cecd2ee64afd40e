//! The object types of the schema. Each wraps its row, and must not write.

mod account;
mod api_key;
mod audit;
mod catalog;
mod chat;
mod connection;
mod conversation;
mod group;
mod ledger;
mod model;
mod overview;
mod price_list;
mod receipt;
mod route_state;
mod server;
mod session;
mod usage;
mod webhook;

pub(super) use self::account::{User, users};
pub(super) use self::api_key::{ApiKey, api_keys};
pub(super) use self::audit::{AuditEvent, audited, events};
pub(super) use self::catalog::{
    CatalogModel, PriceChange, Provider, ProviderModel, ProviderTestStep, catalog_models, price_changes, providers,
};
pub(super) use self::chat::{Chat, chats, shows_text};
pub(super) use self::connection::{ConnectionOf, PageArguments, connection, page};
pub(super) use self::conversation::{Conversation, conversations};
pub(super) use self::group::{Group, GroupMember, groups};
pub(super) use self::ledger::{Balance, LedgerEntry, Spending, entries};
pub(super) use self::model::{Model, PriceInput, models};
pub(super) use self::overview::{DEFAULT_ROWS, Overview};
pub(super) use self::price_list::{PricePreview, PriceProposal};
pub(super) use self::receipt::PriceVersion;
pub(super) use self::server::Server;
pub(super) use self::session::{Session, sessions};
pub(super) use self::usage::{Spender, UsageDay};
pub(super) use self::webhook::{Webhook, WebhookDelivery, webhooks};

use async_graphql::{ID, InputValueError, InputValueResult, Interface, Scalar, ScalarType, Value};

use crate::core::tokens::Tokens;

/// An amount of prepaid tokens, the unit of balances: an integer between -(2^53 - 1) and 2^53 - 1, so that clients with
/// floating-point numbers read it exactly.
#[Scalar]
impl ScalarType for Tokens {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::Number(number) = &value else { return Err(InputValueError::expected_type(value)) };
        let amount = number.as_i64().filter(|amount| amount.abs() <= Tokens::MAX_BALANCE.0);
        amount.map(Tokens).ok_or_else(|| InputValueError::custom("tokens are integers of at most 2^53 - 1"))
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

/// An object with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id."))]
pub(super) enum Node {
    /// A user.
    User(User),
    /// A chat.
    Chat(Chat),
    /// A conversation.
    Conversation(Conversation),
    /// A ledger entry.
    LedgerEntry(LedgerEntry),
    /// A session.
    Session(Session),
    /// An event of the audit trail.
    AuditEvent(AuditEvent),
    /// An API key.
    ApiKey(ApiKey),
    /// A provider.
    Provider(Provider),
    /// A group.
    Group(Group),
    /// A webhook.
    Webhook(Webhook),
    /// A delivery of an event to a webhook.
    WebhookDelivery(WebhookDelivery),
}
