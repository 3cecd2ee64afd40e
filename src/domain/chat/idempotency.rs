//! Idempotency keys of messages and API calls: the same key of the same user is the same message or call, which is
//! charged once.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::prepare::{MODEL_NAMED, PreparedChat};
use crate::core::error::{Code, Error};
use crate::core::ids::{ChatId, UserId};
use crate::core::tokens::Tokens;
use crate::domain::ledger::SpendableBalances;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Column, Status};

/// The handling of a duplicate idempotency key.
pub(super) enum DuplicateAction {
    /// Returns the first chat, whatever its state.
    ReturnFirst,
    /// Opens a new chat: a retry.
    OpenNew,
}

/// Decides how to handle a duplicate idempotency key. The permissions of the API key are checked first: the existing
/// answer may be one that the key could not request.
///
/// # Errors
/// As [`SpendableBalances::check_replay`]; CONFLICT if the key was used for a different message or call.
pub(super) fn resolve_duplicate(
    opening: &PreparedChat,
    first: &chat::Model,
    available: &SpendableBalances,
) -> Result<DuplicateAction, Error> {
    available.check_replay(opening.api_key_id, first)?;
    let is_same = match (first.fingerprint.as_deref(), opening.fingerprint.as_deref()) {
        // Stored by a version without fingerprints.
        (None, Some(MODEL_NAMED)) => true,
        (first, now) => first == now,
    };
    if !is_same
        || first.message != opening.message
        || first.conversation_id != opening.conversation_id
        || (opening.is_model_named && first.model != opening.model)
    {
        return Err(Error::new(Code::Conflict, "This idempotency key was used for another message."));
    }
    let failed_for_free = matches!(first.status, Status::Failed | Status::Interrupted) && first.cost == Tokens::ZERO;
    // API clients retry failed calls automatically, and expect a new attempt.
    Ok(if opening.is_call && failed_for_free { DuplicateAction::OpenNew } else { DuplicateAction::ReturnFirst })
}

/// Releases the idempotency key of this chat for another one.
pub(super) async fn release_idempotency_key(txn: &Txn, chat_id: ChatId) -> Result<(), Error> {
    let released = chat::Entity::update_many().col_expr(Column::IdempotencyKey, Expr::value(None::<String>));
    released.filter(Column::Id.eq(chat_id)).exec(txn).await?;
    Ok(())
}

/// Returns the existing chats with the idempotency keys of these, by user and key.
pub(super) async fn find_duplicates(
    txn: &Txn,
    openings: &[PreparedChat],
) -> Result<HashMap<(UserId, String), chat::Model>, Error> {
    let mut any = Condition::any();
    for (user_id, key) in openings.iter().filter_map(PreparedChat::key) {
        any = any.add(Condition::all().add(Column::UserId.eq(user_id)).add(Column::IdempotencyKey.eq(key)));
    }
    if any.is_empty() {
        return Ok(HashMap::new());
    }
    let chats = chat::Entity::find().filter(any).all(txn).await?;
    Ok(chats.into_iter().filter_map(|chat| Some(((chat.user_id, chat.idempotency_key.clone()?), chat))).collect())
}
