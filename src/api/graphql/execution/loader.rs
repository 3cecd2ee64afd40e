//! Data loaders: batched loading of rows by id, one statement for all parents of a page instead of one for each. Access
//! must be checked by the resolvers: loaders load any row.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use chrono::{DateTime, Utc};

use super::budget::Budget;
use super::row_bytes::RowBytes;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{ApiKeyId, ChatId, ConversationId, GroupId, UserId, WalletId};
use crate::domain::account::admin;
use crate::domain::chat::{self, usage};
use crate::domain::session::api_key;
use crate::domain::{group, ledger};
use crate::infra::entity;

/// A data loader of users by id.
pub(crate) struct Users(App, Arc<Budget>);

/// A data loader of chats by id.
pub(crate) struct Chats(App, Arc<Budget>);

/// A data loader of conversations by id.
pub(crate) struct Conversations(App, Arc<Budget>);

/// A data loader of the versions of messages: their ids, by that of the first one and the user.
pub(crate) struct Versions(App, Arc<Budget>);

/// A data loader of API keys by id.
pub(crate) struct ApiKeys(App, Arc<Budget>);

/// A data loader of the balances of users, by user.
pub(crate) struct Balances(App);

/// A data loader of wallets by id, which say whose an entry is.
pub(crate) struct Wallets(App);

/// A data loader of groups by id.
pub(crate) struct Groups(App, Arc<Budget>);

/// A data loader of the balances of groups, by group.
pub(crate) struct GroupBalances(App);

/// A data loader of the numbers of members, by group.
pub(crate) struct MemberCounts(App);

/// A data loader of what users spent, by user.
pub(crate) struct Spent(App);

/// A data loader of the times of users' last messages, by user.
pub(crate) struct LastActive(App);

/// Adds the data loaders to a request. They read within its budget.
pub(crate) fn loaders(app: &App, budget: &Arc<Budget>, mut request: async_graphql::Request) -> async_graphql::Request {
    let tasks = app.tasks.clone();
    let spawn = move |work| drop(tasks.spawn(work));
    request = request.data(DataLoader::new(Users(app.clone(), budget.clone()), spawn.clone()));
    request = request.data(DataLoader::new(Conversations(app.clone(), budget.clone()), spawn.clone()));
    request = request.data(DataLoader::new(Versions(app.clone(), budget.clone()), spawn.clone()));
    request = request.data(DataLoader::new(ApiKeys(app.clone(), budget.clone()), spawn.clone()));
    request = request.data(DataLoader::new(Balances(app.clone()), spawn.clone()));
    request = request.data(DataLoader::new(Wallets(app.clone()), spawn.clone()));
    request = request.data(DataLoader::new(Groups(app.clone(), budget.clone()), spawn.clone()));
    request = request.data(DataLoader::new(GroupBalances(app.clone()), spawn.clone()));
    request = request.data(DataLoader::new(MemberCounts(app.clone()), spawn.clone()));
    request = request.data(DataLoader::new(Spent(app.clone()), spawn.clone()));
    request = request.data(DataLoader::new(LastActive(app.clone()), spawn.clone()));
    request.data(DataLoader::new(Chats(app.clone(), budget.clone()), spawn))
}

/// Returns rows by id, shared by all fields that load them.
fn by_id<R: RowBytes, I: Eq + Hash>(budget: &Budget, rows: Vec<R>, id: impl Fn(&R) -> I) -> HashMap<I, Arc<R>> {
    budget.read(rows.iter().map(RowBytes::row_bytes).sum());
    rows.into_iter().map(|row| (id(&row), Arc::new(row))).collect()
}

impl Loader<UserId> for Users {
    type Value = Arc<entity::user::Model>;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, Self::Value>, Self::Error> {
        let users = admin::by_ids(&self.0, ids).await?;
        Ok(by_id(&self.1, users, |user| user.id))
    }
}

impl Loader<ChatId> for Chats {
    type Value = Arc<entity::chat::Model>;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[ChatId]) -> Result<HashMap<ChatId, Self::Value>, Self::Error> {
        let chats = chat::by_ids(&self.0, ids).await?;
        Ok(by_id(&self.1, chats, |chat| chat.id))
    }
}

impl Loader<ConversationId> for Conversations {
    type Value = Arc<entity::conversation::Model>;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[ConversationId]) -> Result<HashMap<ConversationId, Self::Value>, Self::Error> {
        let conversations = chat::conversation::by_ids(&self.0, ids).await?;
        Ok(by_id(&self.1, conversations, |conversation| conversation.id))
    }
}

impl Loader<(ChatId, UserId)> for Versions {
    type Value = Arc<Vec<ChatId>>;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[(ChatId, UserId)]) -> Result<HashMap<(ChatId, UserId), Self::Value>, Self::Error> {
        let groups: Vec<_> = keys.iter().map(|(group, _)| *group).collect();
        let versions = chat::versions(&self.0, &groups).await?;
        self.1.read(versions.values().map(|ids| size_of_val(ids.as_slice())).sum());
        Ok(versions.into_iter().map(|(key, ids)| (key, Arc::new(ids))).collect())
    }
}

impl Loader<UserId> for Balances {
    type Value = ledger::Balance;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, Self::Value>, Self::Error> {
        Ok(ledger::balances(self.0.db.read(), ids).await?)
    }
}

impl Loader<WalletId> for Wallets {
    type Value = entity::wallet::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[WalletId]) -> Result<HashMap<WalletId, Self::Value>, Self::Error> {
        Ok(ledger::wallets(&self.0.db, ids).await?)
    }
}

impl Loader<GroupId> for Groups {
    type Value = Arc<entity::group::Model>;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[GroupId]) -> Result<HashMap<GroupId, Self::Value>, Self::Error> {
        let groups = group::by_ids(&self.0, ids).await?;
        Ok(by_id(&self.1, groups, |group| group.id))
    }
}

impl Loader<GroupId> for GroupBalances {
    type Value = ledger::Balance;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[GroupId]) -> Result<HashMap<GroupId, Self::Value>, Self::Error> {
        Ok(ledger::balances_of_groups(&self.0.db, ids).await?)
    }
}

impl Loader<GroupId> for MemberCounts {
    type Value = i64;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[GroupId]) -> Result<HashMap<GroupId, Self::Value>, Self::Error> {
        Ok(group::members_counted(&self.0, ids).await?)
    }
}

impl Loader<UserId> for Spent {
    type Value = i64;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, Self::Value>, Self::Error> {
        Ok(usage::spent(&self.0, Some(ids)).await?)
    }
}

impl Loader<UserId> for LastActive {
    type Value = DateTime<Utc>;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, Self::Value>, Self::Error> {
        Ok(usage::last_active(&self.0, Some(ids)).await?)
    }
}

impl Loader<ApiKeyId> for ApiKeys {
    type Value = entity::api_key::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[ApiKeyId]) -> Result<HashMap<ApiKeyId, Self::Value>, Self::Error> {
        let keys = api_key::by_ids(&self.0, ids).await?;
        self.1.read(keys.iter().map(RowBytes::row_bytes).sum());
        Ok(keys.into_iter().map(|key| (key.id, key)).collect())
    }
}
