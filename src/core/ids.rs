//! Ids of rows: one type for each kind of object, so that none stands for another. Stored, and shown by REST, as numbers.

use std::fmt;

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<i64> for $name {
            fn from(row: i64) -> Self {
                Self(row)
            }
        }
    )+};
}

ids! {
    /// The id of a user.
    UserId;
    /// The id of a wallet.
    WalletId;
    /// The id of a group.
    GroupId;
    /// The id of a chat; newer chats have larger ids.
    ChatId;
    /// The id of a conversation.
    ConversationId;
    /// The id of a session.
    SessionId;
    /// The id of an API key.
    ApiKeyId;
    /// The id of a ledger entry; newer entries have larger ids.
    LedgerEntryId;
    /// The id of a version of a price.
    PriceId;
    /// The id of a provider of models.
    ProviderId;
    /// The id of a model in the database.
    ModelId;
    /// The id of an event of the audit trail; newer events have larger ids.
    AuditEventId;
    /// The id of a webhook.
    WebhookId;
    /// The id of a delivery of an event to a webhook; newer deliveries have larger ids.
    WebhookDeliveryId;
}
