//! Users, balances and ledger entries.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::bounded::Text;
use super::super::context;
use super::super::id::Kind;
use super::super::loader::{Chats, Users};
use super::{Chat, ConnectionOf, connection};
use crate::core::error::Error;
use crate::core::pagination::Page;
use crate::core::tokens::Tokens;
use crate::core::viewer::Viewer;
use crate::domain::account::admin::UserOrder;
use crate::domain::ledger;
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::entity::{ledger_entry, user};

/// A user account. Visible to the user and to staff.
pub(crate) struct User(Arc<user::Model>);

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self(Arc::new(row))
    }
}

impl From<Arc<user::Model>> for User {
    fn from(row: Arc<user::Model>) -> Self {
        Self(row)
    }
}

/// A user account. Visible to the user and to staff.
#[Object]
impl User {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::User.id(self.0.id)
    }

    /// The username; unique, ignoring case.
    async fn username(&self) -> Text<'_> {
        self.0.username.as_str().into()
    }

    /// The balance: spendable tokens, and tokens reserved for open chats.
    async fn balance(&self) -> Balance {
        ledger::Balance::from(&*self.0).into()
    }

    /// Whether the user may log in.
    async fn is_active(&self) -> bool {
        self.0.is_active
    }

    /// Whether the user is staff: may see all users and adjust balances.
    async fn is_staff(&self) -> bool {
        self.0.is_staff
    }

    /// Whether the user is a superuser: has all permissions, including changing roles.
    async fn is_superuser(&self) -> bool {
        self.0.is_superuser
    }

    /// Creation time of the account.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Time of the last login; null if never.
    async fn last_login_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_login_at
    }
}

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

/// A ledger entry: one change of a balance, and its reason. Never changed or deleted, except that retention erases the
/// notes of deleted users after `retention.deleted_users`. By default nothing is erased.
pub(crate) struct LedgerEntry(pub(crate) ledger_entry::Model);

/// A ledger entry: one change of a balance, and its reason. Never changed or deleted, except that retention erases the
/// notes of deleted users after `retention.deleted_users`. By default nothing is erased.
#[Object]
impl LedgerEntry {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::LedgerEntry.id(self.0.id)
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

    /// Time of the change.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// The chat that was charged; null if there is none, or it is deleted.
    async fn chat(&self, ctx: &Context<'_>) -> Result<Option<Chat>> {
        let Some(id) = self.0.chat_id else { return Ok(None) };
        let chat = ctx.data::<DataLoader<Chats>>()?.load_one(id).await.map_err(context::shared)?;
        Ok(chat.map(Chat::from))
    }

    /// The global id of the API key that was charged; null if none was used.
    async fn api_key_id(&self) -> Option<ID> {
        self.0.api_key_id.map(|id| Kind::ApiKey.id(id))
    }

    /// The owner of the balance; null if the account is deleted.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(self.0.user_id).await.map_err(context::shared)?.map(User::from))
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

pub(crate) async fn users(
    ctx: &Context<'_>,
    slice: impl Future<Output = Result<Page<user::Entity>, Error>>,
    order: UserOrder,
) -> Result<ConnectionOf<User>> {
    connection(ctx, slice, |user| order.place(user), User::from).await
}
