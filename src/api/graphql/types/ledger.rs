//! Balances and ledger entries. Read only: the ledger alone writes them.

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::{Chats, Users, Wallets};
use super::super::id::RowId;
use super::group::owner;
use super::{Chat, ConnectionOf, Group, User, connection, shows_text};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::core::tokens::Tokens;
use crate::core::viewer::Viewer;
use crate::domain::{chat, ledger};
use crate::infra::entity::ledger_entry;
use crate::infra::entity::ledger_entry::Reason;

/// The balance of a user, in prepaid tokens.
#[derive(SimpleObject)]
pub(crate) struct Balance {
    /// Spendable tokens.
    tokens: Tokens,
    /// Tokens reserved for open chats: neither spent nor spendable.
    held: Tokens,
}

impl From<ledger::Balance> for Balance {
    fn from(balance: ledger::Balance) -> Self {
        Self { tokens: balance.tokens, held: balance.held }
    }
}

/// What a user has spent, in prepaid tokens: the charges of messages, also of deleted ones. Days and months are in UTC.
#[derive(SimpleObject)]
pub(crate) struct Spending {
    /// Spent today.
    today: Tokens,
    /// Spent this month.
    this_month: Tokens,
}

impl From<ledger::Spending> for Spending {
    fn from(spent: ledger::Spending) -> Self {
        Self { today: Tokens(spent.today), this_month: Tokens(spent.this_month) }
    }
}

pub(crate) struct LedgerEntry(pub(crate) ledger_entry::Model);

/// A ledger entry: one change of a balance, and its reason. Never changed or deleted, except that retention erases the
/// notes of deleted users after `retention.deleted_users`. By default nothing is erased.
#[Object]
impl LedgerEntry {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The amount: positive for a credit, negative for a debit, 0 for a chat that cost nothing.
    async fn amount(&self) -> Tokens {
        self.0.amount
    }

    /// The balance after this entry, including held tokens.
    async fn balance_after(&self) -> Tokens {
        self.0.balance_after
    }

    /// The reason of the change.
    async fn reason(&self) -> Reason {
        self.0.reason
    }

    /// The operator's note, for adjustments.
    async fn note(&self) -> Option<Text<'_>> {
        self.0.note.as_deref().map(Text::from)
    }

    /// The number of the entry in the hash chain of the balance's entries, from 1; null for an entry of a server that is
    /// older than the chain.
    async fn seq(&self) -> Option<i64> {
        self.0.seq
    }

    /// The hash of the entry and of the hash before it: SHA-256 in hexadecimal; null where `seq` is.
    async fn hash(&self) -> Option<Text<'_>> {
        self.0.hash.as_deref().map(Text::from)
    }

    /// Time of the change.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The chat that was charged; null if there is none, or it is deleted.
    async fn chat(&self, ctx: &Context<'_>) -> Result<Option<Chat>> {
        let Some(id) = self.0.chat_id else { return Ok(None) };
        let chat = ctx.data::<DataLoader<Chats>>()?.load_one(id).await.map_err(context::shared)?;
        let (app, viewer) = context::app_and_viewer(ctx)?;
        if let (Some(chat), Ok(staff)) = (&chat, viewer.require_staff())
            && shows_text(ctx.look_ahead())
        {
            chat::reads::record(app, staff, [&**chat]).await?;
        }
        Ok(chat.map(Chat::from))
    }

    /// The global id of the API key that was charged; null if none was used.
    async fn api_key_id(&self) -> Option<ID> {
        self.0.api_key_id.map(RowId::global)
    }

    /// The owner of the balance, or the member who spent from the balance of a group; null if the account is deleted, and
    /// for other changes of the balance of a group.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let user_id = match self.0.member_id {
            Some(id) => Some(id),
            None => {
                let wallets = ctx.data::<DataLoader<Wallets>>()?;
                wallets.load_one(self.0.wallet_id).await.map_err(context::shared)?.and_then(|wallet| wallet.user_id)
            }
        };
        let Some(user_id) = user_id else { return Ok(None) };
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(user_id).await.map_err(context::shared)?.map(User::from))
    }

    /// The group whose balance changed; null for the balance of a user, and if the group is deleted.
    async fn group(&self, ctx: &Context<'_>) -> Result<Option<Group>> {
        owner(ctx, Some(self.0.wallet_id)).await
    }

    /// The operator who made the change; null for the user and the command line, and for viewers who are not staff.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let visible = ctx.data::<Viewer>()?.require_staff().is_ok();
        let Some(id) = self.0.actor_id.filter(|_| visible) else { return Ok(None) };
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(id).await.map_err(context::shared)?.map(User::from))
    }
}

pub(crate) async fn entries(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<ledger_entry::Entity>, Error>>,
) -> Result<ConnectionOf<LedgerEntry>> {
    connection(ctx, slice, |entry| entry.id.into(), LedgerEntry).await
}
