//! Rows by id, many at once: one statement for all parents of a page instead of one for each.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};

use crate::account::admin;
use crate::app::App;
use crate::chat;
use crate::entity;
use crate::error::Error;

/// Loads users by id.
pub(super) struct Users(pub(super) App);

/// Loads chats by id.
pub(super) struct Chats(pub(super) App);

/// Loads conversations by id.
pub(super) struct Conversations(pub(super) App);

/// The loaders of one request.
pub(super) fn loaders(app: &App, mut request: async_graphql::Request) -> async_graphql::Request {
    let tasks = app.tasks.clone();
    let spawn = move |work| drop(tasks.spawn(work));
    request = request.data(DataLoader::new(Users(app.clone()), spawn.clone()));
    request = request.data(DataLoader::new(Conversations(app.clone()), spawn.clone()));
    request.data(DataLoader::new(Chats(app.clone()), spawn))
}

impl Loader<i64> for Users {
    type Value = entity::user::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[i64]) -> Result<HashMap<i64, Self::Value>, Self::Error> {
        let users = admin::by_ids(&self.0, ids).await?;
        Ok(users.into_iter().map(|user| (user.id, user)).collect())
    }
}

impl Loader<i64> for Chats {
    type Value = entity::chat::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[i64]) -> Result<HashMap<i64, Self::Value>, Self::Error> {
        let chats = chat::by_ids(&self.0, ids).await?;
        Ok(chats.into_iter().map(|chat| (chat.id, chat)).collect())
    }
}

impl Loader<i64> for Conversations {
    type Value = entity::conversation::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[i64]) -> Result<HashMap<i64, Self::Value>, Self::Error> {
        let conversations = chat::conversation::by_ids(&self.0, ids).await?;
        Ok(conversations.into_iter().map(|conversation| (conversation.id, conversation)).collect())
    }
}
