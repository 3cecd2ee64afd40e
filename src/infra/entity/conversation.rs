//! Conversations: chats that share a context.

use crate::core::ids::{ConversationId, GroupId, UserId};
use sea_orm::Select;
use sea_orm::entity::prelude::*;

/// An ordered list of chats that the model reads as context.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversation")]
pub struct Model {
    /// Primary key; never reused.
    #[sea_orm(primary_key)]
    pub id: ConversationId,
    /// The owner.
    pub user_id: UserId,
    /// The title. Empty until the first message if the user gave none.
    pub title: String,
    /// The system prompt of the whole conversation.
    pub system_prompt: Option<String>,
    /// The model that a message without a model name uses.
    pub model: Option<String>,
    /// The group that pays for its messages; `None` for the default of the owner.
    pub payer_group_id: Option<GroupId>,
    /// Since when it is pinned: first in the list.
    pub pinned_at: Option<DateTimeUtc>,
    /// Since when it is archived: hidden from the list.
    pub archived_at: Option<DateTimeUtc>,
    /// Creation time.
    pub created_at: DateTimeUtc,
    /// Time of the last message, in microseconds since 1970: the sort key of the list.
    pub active_at: i64,
    /// The owner.
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Returns a query for the conversations of one user.
    pub fn owned_by(user_id: UserId) -> Select<Self> {
        Self::find().filter(Column::UserId.eq(user_id))
    }
}
