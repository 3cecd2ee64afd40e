//! Authentication of a request by a key.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::secret::prefix;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ApiKeyId;
use crate::domain::session::auth_error::AuthError;
use crate::infra::db::Txn;
use crate::infra::entity::api_key::{self, Column, Model};
use crate::infra::entity::user;

/// The accuracy of the last use of a key.
const LAST_USE: TimeDelta = TimeDelta::minutes(1);

/// Returns the key and its user, if both are valid, and updates the last use of the key.
pub(in crate::domain::session) async fn find(app: &App, secret: &str) -> Result<(Model, user::Model), AuthError> {
    let Some(prefix) = prefix(secret) else { return Err(AuthError::Invalid) };
    let found = api_key::Entity::find().filter(Column::Prefix.eq(prefix)).find_also_related(user::Entity);
    let found = found.one(app.db.read()).await?;
    let Some((key, Some(user))) = found else { return Err(AuthError::Invalid) };
    let now = app.clock.now();
    if !app.api_key_hasher.is_of(&key.secret_hash, secret.as_bytes()) || !key.is_valid(now) {
        return Err(AuthError::Invalid);
    }
    if !user.is_active {
        return Err(AuthError::UserInactive);
    }
    if key.last_used_at.is_none_or(|last| now - last >= LAST_USE) {
        // In the background: the request need not wait until this is on the disk.
        app.tasks.spawn(note_use(app.clone(), key.id, now));
    }
    Ok((key, user))
}

async fn note_use(app: App, key_id: ApiKeyId, now: DateTime<Utc>) {
    let noted = app.db.write((key_id, now), |txn, &(id, now)| Box::pin(touch(txn, id, now)));
    if let Err(error) = noted.await {
        tracing::warn!(key = key_id.0, ?error, "failed to update last_used_at");
    }
}

async fn touch(txn: &Txn, key_id: ApiKeyId, now: DateTime<Utc>) -> Result<(), Error> {
    let update = api_key::Entity::update_many().col_expr(Column::LastUsedAt, Expr::value(now));
    update.filter(Column::Id.eq(key_id)).exec(txn).await?;
    Ok(())
}
