//! The ledger: why each balance is what it is. Rows are added, never changed, never deleted.

use sea_orm::Select;
use sea_orm::entity::prelude::*;

use crate::core::tokens::Tokens;

/// Why a balance moved, or why it did not when a chat ended without a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "LedgerReason")]
pub enum Reason {
    /// What a new account starts with.
    SignupGrant,
    /// An operator's doing; the note says why.
    Adjustment,
    /// A chat was answered in full.
    ChatDone,
    /// The model failed before any output: free.
    ChatFailed,
    /// The model broke off midway: free for a flat price, the produced usage for a metered one.
    ChatBrokenOff,
    /// The user stopped the reply: pays for what was produced.
    ChatStopped,
    /// The server died in the middle of the reply: free.
    ChatInterrupted,
    /// The account was deleted; what was left is written off.
    AccountClosed,
    /// Came from another system: the first balance, or a chat that was paid for there.
    Imported,
}

/// One movement of one balance.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_entry")]
pub struct Model {
    /// Grows with time.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose balance. The user may be gone.
    pub user_id: i64,
    /// By how much: positive when tokens come in.
    pub amount: Tokens,
    /// `tokens + held` of the user right after.
    pub balance_after: Tokens,
    /// Why.
    pub reason: Reason,
    /// What the operator wrote.
    pub note: Option<String>,
    /// The chat that was paid for. At most one entry for each; the chat may be gone.
    pub chat_id: Option<i64>,
    /// Who did it, if not the user; none also for the command line.
    pub actor_id: Option<i64>,
    /// The API key that it was paid under.
    pub api_key_id: Option<i64>,
    /// Makes retries harmless; unique for the actor.
    pub idempotency_key: Option<String>,
    /// The spendable balance that an adjustment was to reach, where it named no amount.
    pub requested_balance: Option<Tokens>,
    /// When.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The entries of one user.
    pub fn owned_by(user_id: i64) -> Select<Self> {
        Self::find().filter(Column::UserId.eq(user_id))
    }
}
