//! The ledger: the history of each balance. Rows are only added. Retention erases the notes and idempotency keys of
//! deleted users, never amounts.

use sea_orm::Select;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query};

use super::wallet;

use crate::core::ids::{ApiKeyId, ChatId, GroupId, LedgerEntryId, UserId, WalletId};
use crate::core::tokens::Tokens;

/// The reason of a ledger entry, which may also record a chat that ended without a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
#[graphql(name = "LedgerReason")]
pub enum Reason {
    /// The initial balance of a new account.
    SignupGrant,
    /// An adjustment by an operator; the note gives the reason.
    Adjustment,
    /// A chat with a complete reply.
    ChatDone,
    /// A chat whose model failed before any output: free.
    ChatFailed,
    /// A chat whose reply was cut off by the model: free at a flat price, the generated usage at a metered one.
    ChatBrokenOff,
    /// A chat that the user stopped: costs what was generated.
    ChatStopped,
    /// A chat whose server failed during the reply: free.
    ChatInterrupted,
    /// The account was deleted; the remaining balance is written off.
    AccountClosed,
    /// An import from another system: the opening balance, or a chat that was paid for there.
    Imported,
}

/// A change of a balance.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_entry")]
pub struct Model {
    /// Primary key; increases over time.
    #[sea_orm(primary_key)]
    pub id: LedgerEntryId,
    /// The wallet whose balance changes.
    pub wallet_id: WalletId,
    /// The member of a group who spent from its wallet, who may have been deleted; `None` for the wallet of a user.
    pub member_id: Option<UserId>,
    /// The change in prepaid tokens: positive for a credit.
    pub amount: Tokens,
    /// `tokens + held` of the wallet right after the change.
    pub balance_after: Tokens,
    /// The reason.
    pub reason: Reason,
    /// The note of the operator.
    pub note: Option<String>,
    /// The chat that was paid for. At most one entry per chat, which may have been deleted.
    pub chat_id: Option<ChatId>,
    /// The actor, if not the user; `None` also for the command line.
    pub actor_id: Option<UserId>,
    /// The API key that paid.
    pub api_key_id: Option<ApiKeyId>,
    /// The idempotency key; unique per actor.
    pub idempotency_key: Option<String>,
    /// The spendable balance requested by an adjustment that named no amount.
    pub requested_balance: Option<Tokens>,
    /// Time of the change, in whole microseconds.
    pub created_at: DateTimeUtc,
    /// The number of the entry in its wallet's chain, from 1. `None` only on entries of servers that are older than the
    /// chain, and ran while the schema had it already; likewise [`Self::hash`].
    pub seq: Option<i64>,
    /// The hash of the entry and of the hash before it, in hexadecimal.
    pub hash: Option<String>,
    /// The salted digest of note and idempotency key, in hexadecimal. It stays when they are erased.
    pub erasable_digest: Option<String>,
    /// The salt of the digest, erased with them.
    pub erasable_salt: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Returns a query for the entries of one wallet.
    pub fn of_wallet(wallet_id: WalletId) -> Select<Self> {
        Self::find().filter(Column::WalletId.eq(wallet_id))
    }

    /// Returns a query for the entries of a user's own wallet. The user may be deleted.
    pub fn owned_by(user_id: UserId) -> Select<Self> {
        Self::of_owner(wallet::Column::UserId.eq(user_id))
    }

    /// Returns a query for the entries of a group's wallet. The group may be deleted.
    pub fn of_group(group_id: GroupId) -> Select<Self> {
        Self::of_owner(wallet::Column::GroupId.eq(group_id))
    }

    fn of_owner(is_own: Expr) -> Select<Self> {
        let own = Query::select().column(wallet::Column::Id).from(wallet::Entity).and_where(is_own).take();
        Self::find().filter(Column::WalletId.into_expr().eq(Expr::SubQuery(None, Box::new(own.into()))))
    }
}
