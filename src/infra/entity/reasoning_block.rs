//! The reasoning blocks of a chat: what its provider wants back when the conversation continues. No API shows them.

use sea_orm::entity::prelude::*;

use crate::core::ids::ChatId;

/// The reasoning blocks of a chat.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reasoning_block")]
pub struct Model {
    /// The chat.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: ChatId,
    /// The blocks in their order, as JSON.
    pub blocks: String,
}

impl ActiveModelBehavior for ActiveModel {}
