//! Chats: one metered exchange of a message and its reply each.

use sea_orm::Select;
use sea_orm::entity::prelude::*;

use crate::core::error::Code;
use crate::core::finish_reason::FinishReason;
use crate::core::ids::{ApiKeyId, ChatId, ConversationId, PriceId, UserId, WalletId};
use crate::core::tokens::Tokens;
use crate::core::usage::Usage;

/// The state of a chat. Only PENDING is open; it changes to exactly one of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "ChatStatus")]
pub enum Status {
    /// The reply is being generated; the hold is taken.
    Pending,
    /// The reply is complete.
    Done,
    /// The model failed, before any output or with a partial reply.
    Failed,
    /// The user stopped the reply.
    Stopped,
    /// The server failed during the reply.
    Interrupted,
}

/// A message, its reply and its cost.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat")]
pub struct Model {
    /// Primary key; newer chats have larger ids.
    #[sea_orm(primary_key)]
    pub id: ChatId,
    /// The owner.
    pub user_id: UserId,
    /// The wallet that pays; `None` for imported chats, and for those that ended in earlier versions.
    pub wallet_id: Option<WalletId>,
    /// The conversation of the chat; `None` if it has none.
    pub conversation_id: Option<ConversationId>,
    /// The chat that replaces this one, or an earlier one of the conversation, in the context; `None` if this one is in
    /// the context, its own id if the chat that replaced it is deleted.
    pub replaced_by_id: Option<ChatId>,
    /// The first version of the message, which may be deleted; `None` if this is the first.
    pub first_version_id: Option<ChatId>,
    /// Earlier chats of the conversation that were omitted, since they did not fit the model's context window.
    pub context_left_out: i64,
    /// The name of the model.
    pub model: String,
    /// The state.
    pub status: Status,
    /// The message of the user, trimmed.
    pub message: String,
    /// The reply of the model: complete, or as much as was generated.
    pub response: String,
    /// The reasoning of the model before its reply; `None` without any that may be shown.
    pub reasoning: Option<String>,
    /// How long the model has reasoned before it began to answer, in milliseconds.
    pub reasoning_ms: Option<i64>,
    /// Why the model ended the reply; `None` unless DONE, if the provider did not report it, and for chats of earlier
    /// versions.
    pub finish_reason: Option<FinishReason>,
    /// The code of the error.
    pub error_code: Option<Code>,
    /// The error message for the user.
    pub error_message: Option<String>,
    /// The prepaid tokens reserved when the chat was opened.
    pub hold: Tokens,
    /// The final cost in prepaid tokens: at most the hold.
    pub cost: Tokens,
    /// The price at which it was sent; `None` for chats of earlier versions.
    pub price_id: Option<PriceId>,
    /// How many answers have been charged with the price per message, each choice of a call on its own. 0 if only the
    /// usage was charged; `None` if nothing was, and for chats of earlier versions.
    pub messages_charged: Option<i64>,
    /// The input in model tokens.
    pub input_units: Option<i64>,
    /// Of the input, what was read from the provider's prompt cache; `None` for nothing.
    pub cache_read_units: Option<i64>,
    /// Of the input, what was written to the provider's prompt cache; `None` for nothing.
    pub cache_write_units: Option<i64>,
    /// The output in model tokens.
    pub output_units: Option<i64>,
    /// Of the output, the reasoning; `None` for none.
    pub reasoning_units: Option<i64>,
    /// Images in the input; `None` for none.
    pub images: Option<i64>,
    /// Whether the usage is an estimate, since the provider reported none.
    pub usage_estimated: bool,
    /// The idempotency key; unique per user.
    pub idempotency_key: Option<String>,
    /// The API key that pays; `None` for a session.
    pub api_key_id: Option<ApiKeyId>,
    /// The keyed hash of the whole call, for calls with an idempotency key whose text is not stored.
    pub fingerprint: Option<String>,
    /// Creation time.
    pub created_at: DateTimeUtc,
    /// Time of the first chunk of output, reasoning included; `None` without one, and for chats of earlier versions.
    pub first_chunk_at: Option<DateTimeUtc>,
    /// Time of the end, in whatever state.
    pub finished_at: Option<DateTimeUtc>,
    /// The lease of an open chat: when its server counts as failed without a heartbeat.
    pub lease_until: Option<DateTimeUtc>,
    /// The owner.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Returns the usage; `None` while the chat is open, or if nothing was produced.
    pub fn usage(&self) -> Option<Usage> {
        let count = |units: Option<i64>| units.and_then(|units| u64::try_from(units).ok()).unwrap_or_default();
        self.input_units.zip(self.output_units).map(|(input, output)| Usage {
            input: count(Some(input)),
            cache_read: count(self.cache_read_units),
            cache_write: count(self.cache_write_units),
            output: count(Some(output)),
            reasoning: count(self.reasoning_units),
            images: count(self.images),
        })
    }

    /// Returns the id that all versions of the message have in common: that of the first one.
    pub fn version_group(&self) -> ChatId {
        self.first_version_id.unwrap_or(self.id)
    }
}

impl Entity {
    /// Returns a query for the chats of one user.
    pub fn owned_by(user_id: UserId) -> Select<Self> {
        Self::find().filter(Column::UserId.eq(user_id))
    }
}
