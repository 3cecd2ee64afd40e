//! Chats: one metered exchange each.

use sea_orm::Select;
use sea_orm::entity::prelude::*;

use crate::core::tokens::Tokens;

/// How far a chat is. Only [`Status::Pending`] is open, and it ends in exactly one of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ChatStatus")]
pub enum Status {
    /// The reply is being made; the hold is taken.
    Pending,
    /// The reply is whole.
    Done,
    /// The model failed: before any output, or midway, with what was produced until then.
    Failed,
    /// The user stopped it.
    Stopped,
    /// The server died in the middle of it.
    Interrupted,
}

/// A message, its reply and its cost.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat")]
pub struct Model {
    /// Grows with time: newer chats have larger ids.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose it is, and who pays.
    pub user_id: i64,
    /// The conversation that it belongs to; none where it stands alone.
    pub conversation_id: Option<i64>,
    /// The chat that took its place in the context, together with what was said after it.
    pub replaced_by_id: Option<i64>,
    /// Earlier chats of the conversation that the model's window had no room for.
    pub context_left_out: i64,
    /// The name of the model.
    pub model: String,
    /// How far it is.
    pub status: Status,
    /// What the user said, trimmed.
    pub message: String,
    /// What the model said: the whole reply, or as much as there was.
    pub response: String,
    /// The [`Code`](crate::core::error::Code) of what went wrong.
    pub error_code: Option<String>,
    /// What went wrong, for the user.
    pub error_message: Option<String>,
    /// What was set aside when the chat began.
    pub hold: Tokens,
    /// What it cost in the end: at most the hold.
    pub cost: Tokens,
    /// What the model read, in its own units.
    pub input_units: Option<i64>,
    /// What the model wrote, in its own units.
    pub output_units: Option<i64>,
    /// The provider did not say; the two numbers are an estimate.
    pub usage_estimated: bool,
    /// Makes retries harmless; unique for the user.
    pub idempotency_key: Option<String>,
    /// The API key that it is paid under; none where the user was logged in.
    pub api_key_id: Option<i64>,
    /// The keyed hash of the whole call, for those with an idempotency key whose text is not stored.
    pub fingerprint: Option<String>,
    /// When the message came.
    pub created_at: DateTimeUtc,
    /// When it ended, whichever way.
    pub finished_at: Option<DateTimeUtc>,
    /// While it is open: when its server counts as dead unless it gives a sign of life.
    pub lease_until: Option<DateTimeUtc>,
    /// The user.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The chats of one user.
    pub fn owned_by(user_id: i64) -> Select<Self> {
        Self::find().filter(Column::UserId.eq(user_id))
    }
}
