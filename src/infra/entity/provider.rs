//! Providers that operators have connected at run time.

use std::fmt;

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::core::ids::ProviderId;

/// A provider.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: ProviderId,
    /// The unique name.
    #[sea_orm(unique)]
    pub name: String,
    /// The protocol.
    pub kind: Kind,
    /// The base URL, without the path of a request.
    pub base_url: String,
    /// The API key, encrypted; `None` if none is sent.
    #[sea_orm(column_type = "Text", nullable)]
    pub sealed_key: Option<Sealed>,
    /// The id of the secret that the key is encrypted under.
    pub seal_id: Option<String>,
    /// The last four characters of the key.
    pub key_last_four: Option<String>,
    /// When the key was set.
    pub key_set_at: Option<DateTimeUtc>,
    /// Further headers of each request.
    #[sea_orm(column_type = "Text")]
    pub headers: String,
    /// The maximum number of retries of a request that failed before its first byte.
    pub max_retries: i64,
    /// The cool-down of an upstream that failed several times in a row, in milliseconds.
    pub circuit_cooldown_ms: i64,
    /// The timeout of connecting, in milliseconds; `None` for the default.
    pub connect_timeout_ms: Option<i64>,
    /// The timeout from a request to the first byte of its response, in milliseconds; `None` for that of the turn.
    pub first_byte_timeout_ms: Option<i64>,
    /// The timeout between two parts of a response, in milliseconds; `None` for that of the turn.
    pub idle_timeout_ms: Option<i64>,
    /// When it was connected.
    pub created_at: DateTimeUtc,
    /// When it was last changed.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// The protocol of a provider.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumIter, DeriveActiveEnum, async_graphql::Enum,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[graphql(name = "ProviderKind")]
pub enum Kind {
    /// Any OpenAI-compatible service (chat completions).
    Openai,
    /// OpenAI's Responses API.
    Responses,
    /// Anthropic's Messages API.
    Anthropic,
    /// Google's Gemini API.
    Gemini,
    /// Ollama's own API.
    Ollama,
}

/// An encrypted text. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct Sealed(pub String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(encrypted)")
    }
}

/// A header of each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The name, in lower case.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Model {
    /// Returns the further headers of each request.
    pub fn headers(&self) -> Vec<Header> {
        // Only this server writes the column.
        serde_json::from_str(&self.headers).unwrap_or_default()
    }
}
