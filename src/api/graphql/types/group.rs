//! Groups and their members. Access is decided in the domain, not here.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::{GroupBalances, Groups, MemberCounts, Users, Wallets};
use super::super::id::RowId;
use super::{Balance, ConnectionOf, LedgerEntry, User, connection, entries, page};
use crate::core::error::Error;
use crate::core::ids::{GroupId, WalletId};
use crate::core::pagination::Page;
use crate::domain::group;
use crate::infra::entity::group_member::{self, Role, Source};
use crate::infra::entity::{self, ledger_entry};

pub(crate) struct Group(pub(crate) Arc<entity::group::Model>);

impl From<entity::group::Model> for Group {
    fn from(row: entity::group::Model) -> Self {
        Self(Arc::new(row))
    }
}

/// A group of users, with a balance from which its members may pay. Visible to its members and to staff.
#[Object]
impl Group {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The unique name.
    async fn name(&self) -> Text<'_> {
        self.0.name.as_str().into()
    }

    /// What the group is for; may be empty.
    async fn description(&self) -> Text<'_> {
        self.0.description.as_str().into()
    }

    /// Whether this is the default group, which every user belongs to.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// The balance. For members and staff; null for others.
    async fn balance(&self, ctx: &Context<'_>) -> Result<Option<Balance>> {
        let (app, viewer) = context::app_and_viewer(ctx)?;
        if !group::sees_balance(app, viewer, &self.0).await? {
            return Ok(None);
        }
        let balance = ctx.data::<DataLoader<GroupBalances>>()?.load_one(self.0.id).await.map_err(context::shared)?;
        Ok(balance.map(Balance::from))
    }

    /// The number of members; null for the default group.
    async fn member_count(&self, ctx: &Context<'_>) -> Result<Option<i64>> {
        if self.0.is_default {
            return Ok(None);
        }
        let count = ctx.data::<DataLoader<MemberCounts>>()?.load_one(self.0.id).await.map_err(context::shared)?;
        Ok(Some(count.unwrap_or(0)))
    }

    /// The members, newest first. For managers of the group and staff; null for others, and for the default group.
    async fn members(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<GroupMember>>> {
        let (app, viewer) = context::app_and_viewer(ctx)?;
        let page = page(first, last, after, before)?;
        if self.0.is_default || !group::is_managed_by(app, viewer, self.0.id).await? {
            return Ok(None);
        }
        let members = group::members(app, self.0.id, page);
        Ok(Some(connection(ctx, members, |member| member.id.into(), GroupMember).await?))
    }

    /// The ledger entries of the balance, newest first. For managers of the group and staff; null for others.
    async fn ledger_history(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<LedgerEntry>>> {
        let (app, viewer) = context::app_and_viewer(ctx)?;
        let page = page(first, last, after, before)?;
        if !group::is_managed_by(app, viewer, self.0.id).await? {
            return Ok(None);
        }
        Ok(Some(history(ctx, group::history(app, self.0.id, page)).await?))
    }

    /// Creation time.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Time of the last change.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

async fn history(
    ctx: &Context<'_>,
    page: impl Future<Output = Result<Page<ledger_entry::Entity>, Error>>,
) -> Result<ConnectionOf<LedgerEntry>> {
    entries(ctx, page).await
}

pub(crate) struct GroupMember(pub(crate) group_member::Model);

/// A user's membership in a group. Visible to managers of the group and to staff.
#[Object]
impl GroupMember {
    /// The user; null if the account was just deleted.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(self.0.user_id).await.map_err(context::shared)?.map(User::from))
    }

    /// What the user may do in the group.
    async fn role(&self) -> Role {
        self.0.role
    }

    /// Where the membership comes from.
    async fn source(&self) -> Source {
        self.0.source
    }

    /// Since when the user is a member.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

pub(crate) async fn groups(
    ctx: &Context<'_>,
    page: impl Future<Output = Result<Page<entity::group::Entity>, Error>>,
) -> Result<ConnectionOf<Group>> {
    connection(ctx, page, |group| group.id.into(), Group::from).await
}

/// Returns a group by its id; `None` for `None`, and if it is deleted.
pub(super) async fn payer(ctx: &Context<'_>, id: Option<GroupId>) -> Result<Option<Group>> {
    let Some(id) = id else { return Ok(None) };
    Ok(ctx.data::<DataLoader<Groups>>()?.load_one(id).await.map_err(context::shared)?.map(Group))
}

/// Returns the group that owns a wallet; `None` for the wallet of a user, and if the group is deleted.
pub(super) async fn owner(ctx: &Context<'_>, id: Option<WalletId>) -> Result<Option<Group>> {
    let Some(id) = id else { return Ok(None) };
    let wallet = ctx.data::<DataLoader<Wallets>>()?.load_one(id).await.map_err(context::shared)?;
    payer(ctx, wallet.and_then(|wallet| wallet.group_id)).await
}
