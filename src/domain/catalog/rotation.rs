//! The API keys of providers after a rotation of the server's secrets: they are encrypted again, under the new one.

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{change, keys};
use crate::app::App;
use crate::core::encryption::Encrypted;
use crate::core::error::Error;
use crate::core::ids::ProviderId;
use crate::infra::db::Txn;
use crate::infra::entity::provider::{self, Column, Sealed};

/// Returns the ids of the secrets that keys are encrypted under, so that a rotation keeps these secrets.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn secrets_in_use(app: &App) -> Result<Vec<String>, Error> {
    let ids = provider::Entity::find().select_only().column(Column::SealId).distinct();
    let ids: Vec<Option<String>> = ids.filter(Column::SealId.is_not_null()).into_tuple().all(app.db.read()).await?;
    Ok(ids.into_iter().flatten().collect())
}

/// Encrypts the keys under the current secret that are encrypted under a previous one. Each key is replaced by itself: if
/// the server is killed, those that are left are still readable, and replaced at the next start. Returns their number.
///
/// # Errors
/// INTERNAL if the database fails. A key that can't be decrypted is no error, and stays as it is.
pub async fn reencrypt(app: &App) -> Result<usize, Error> {
    let current = app.encryption.current_id();
    let old = provider::Entity::find().filter(Column::SealId.is_not_null()).filter(Column::SealId.ne(&current));
    let (mut done, models) = (0, app.models());
    for row in old.all(app.db.read()).await? {
        // One whose secret is gone may have been decrypted by this server before.
        let known = models.provider(row.id).filter(|known| keys::is_same_key(&known.row, &row));
        let known = known.and_then(|known| known.key.clone().ok().flatten());
        let Some(key) = keys::decrypt(app, &row).ok().flatten().or(known) else { continue };
        let encrypted = keys::encrypt(&app.encryption, row.id, &key)?;
        let (before, Encrypted { secret_id, text }) = (row.sealed_key, encrypted);
        done += app
            .db
            .write((row.id, before, Sealed(text), secret_id), |txn, (id, before, sealed, secret_id)| {
                Box::pin(replace(txn, *id, before.clone(), sealed.clone(), secret_id.clone()))
            })
            .await?;
    }
    if done > 0 {
        tracing::info!(keys = done, secret = current, "API keys of providers encrypted under the current secret");
        change::announce(app).await?;
    }
    Ok(done)
}

/// Replaces an encrypted key, unless it was changed meanwhile.
async fn replace(
    txn: &Txn,
    id: ProviderId,
    before: Option<Sealed>,
    sealed: Sealed,
    secret_id: String,
) -> Result<usize, Error> {
    change::increment(txn).await?;
    let row = provider::Entity::find_by_id(id).one(txn).await?;
    if row.is_none_or(|row| row.sealed_key != before) {
        return Ok(0);
    }
    let replaced = provider::ActiveModel {
        id: Set(id),
        sealed_key: Set(Some(sealed)),
        seal_id: Set(Some(secret_id)),
        ..Default::default()
    };
    replaced.update(txn).await?;
    Ok(1)
}
