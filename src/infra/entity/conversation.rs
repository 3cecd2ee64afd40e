//! Conversations: chats that a model sees together.

use sea_orm::Select;
use sea_orm::entity::prelude::*;

/// An ordered set of chats that the model sees as context.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    /// Never used again.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose it is.
    pub user_id: i64,
    /// What it is called. Empty until the first message, where the user gave none.
    pub title: String,
    /// Instructions that hold for the whole conversation.
    pub system_prompt: Option<String>,
    /// The model that answers where a message names none.
    pub model: Option<String>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When a message last came, in microseconds since 1970: what the list is sorted by.
    pub active_at: i64,
    /// The user.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The conversations of one user.
    pub fn owned_by(user_id: i64) -> Select<Self> {
        Self::find().filter(Column::UserId.eq(user_id))
    }
}
