//! The finish reason of a reply: why the model ended it.

use sea_orm::entity::prelude::*;

/// Why the model ended a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FinishReason {
    /// The reply is complete, or reached a stop sequence.
    Stop,
    /// The reply reached its output limit, or the end of the context window.
    Length,
    /// A filter of the provider withheld the rest.
    ContentFilter,
    /// The model waits for the result of tools.
    ToolCalls,
}
