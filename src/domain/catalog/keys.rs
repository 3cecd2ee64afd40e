//! The API keys of providers: encrypted for their row, decrypted for a snapshot, and encrypted again after a rotation.

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use secrecy::SecretString;

use super::change;
use crate::app::App;
use crate::core::encryption::{DecryptError, Encrypted, Encryption};
use crate::core::error::Error;
use crate::core::ids::ProviderId;
use crate::infra::catalog::ConnectedProvider;
use crate::infra::db::Txn;
use crate::infra::entity::provider::{self, Column, Sealed};

/// Encrypts a key for a row. It can't be decrypted in another row or column.
///
/// # Errors
/// INTERNAL if the system has no randomness.
pub(super) fn encrypt(encryption: &Encryption, id: ProviderId, key: &SecretString) -> Result<Encrypted, Error> {
    encryption.encrypt(&place(id), key)
}

fn place(id: ProviderId) -> String {
    format!("provider {id} sealed_key")
}

fn decrypt(app: &App, row: &provider::Model) -> Result<Option<SecretString>, DecryptError> {
    let Some(Sealed(text)) = &row.sealed_key else { return Ok(None) };
    app.encryption.decrypt(&place(row.id), row.seal_id.as_deref().unwrap_or_default(), text).map(Some)
}

/// Decrypts the keys of providers. A key that this server has decrypted before stays usable if it was encrypted meanwhile
/// under a secret that only another server has, so that servers can be given a new secret one after the other.
pub(super) async fn connect(app: &App, rows: Vec<provider::Model>) -> Vec<ConnectedProvider> {
    let is_unknown = |row: &provider::Model| decrypt(app, row).is_err_and(|error| error == DecryptError::UnknownSecret);
    if rows.iter().any(is_unknown) {
        // Rotated a moment ago.
        app.reload_keys().await;
    }
    let before = app.models();
    let connect = |row: provider::Model| {
        let key = decrypt(app, &row).or_else(|error| {
            let before = before.provider(row.id).filter(|before| before.row.key_set_at == row.key_set_at);
            match before.and_then(|before| before.key.clone().ok()) {
                Some(known) => Ok(known),
                None => {
                    tracing::error!(provider = row.name, %error, "the API key of a provider can't be decrypted");
                    Err(error.to_string())
                }
            }
        });
        ConnectedProvider { row, key }
    };
    rows.into_iter().map(connect).collect()
}

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
    let mut done = 0;
    for row in old.all(app.db.read()).await? {
        let Ok(Some(key)) = decrypt(app, &row) else { continue };
        let encrypted = encrypt(&app.encryption, row.id, &key)?;
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
