//! Reasoning blocks of chats, which their provider wants back when the conversation continues.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ChatId;
use crate::infra::ai::ReasoningBlock;
use crate::infra::db::Batch;
use crate::infra::entity::reasoning_block::{self, Column};

/// Adds to the batch what stores the blocks of chats; nothing without any.
///
/// # Errors
/// INTERNAL if they can't be written as JSON.
pub(super) fn store<'c>(
    batch: &mut Batch,
    chats: impl Iterator<Item = (ChatId, &'c [ReasoningBlock])>,
) -> Result<(), Error> {
    let row = |(chat_id, blocks)| {
        let blocks = serde_json::to_string(blocks).map_err(|error| Error::internal(error))?;
        Ok(reasoning_block::ActiveModel { chat_id: Set(chat_id), blocks: Set(blocks) })
    };
    let rows = chats.filter(|(_, blocks)| !blocks.is_empty()).map(row).collect::<Result<Vec<_>, Error>>()?;
    if !rows.is_empty() {
        batch.insert(rows);
    }
    Ok(())
}

/// Returns the blocks of chats; none that can't be read.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn of_chats(
    app: &App,
    chat_ids: impl Iterator<Item = ChatId>,
) -> Result<HashMap<ChatId, Vec<ReasoningBlock>>, Error> {
    let rows = reasoning_block::Entity::find().filter(Column::ChatId.is_in(chat_ids)).all(app.db.read()).await?;
    let read = |row: reasoning_block::Model| Some((row.chat_id, serde_json::from_str(&row.blocks).ok()?));
    Ok(rows.into_iter().filter_map(read).collect())
}
