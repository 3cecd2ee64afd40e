//! The secrets of webhooks: encrypted for their row, and decrypted for a signature.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait, QuerySelect};
use secrecy::SecretString;

use crate::app::App;
use crate::core::encryption::{DecryptError, Encrypted, Encryption};
use crate::core::error::Error;
use crate::core::ids::WebhookId;
use crate::infra::db::Txn;
use crate::infra::entity::provider::Sealed;
use crate::infra::entity::webhook;

/// Encrypts a secret for a row. It can't be decrypted in another row. Returns it with the id of the key.
///
/// # Errors
/// INTERNAL if the system has no randomness.
pub(super) fn encrypt(
    encryption: &Encryption,
    id: WebhookId,
    secret: &SecretString,
) -> Result<(Sealed, String), Error> {
    let Encrypted { secret_id, text } = encryption.encrypt(&place(id), secret)?;
    Ok((Sealed(text), secret_id))
}

/// The current and the previous secret have the same place, so that a rotation moves what is encrypted.
fn place(id: WebhookId) -> String {
    format!("webhook {id} secret")
}

/// Returns the secrets that sign a message now, the current one first.
///
/// # Errors
/// [`DecryptError`] if the current one can't be decrypted. A previous one that can't be is omitted.
pub(super) fn signing(
    encryption: &Encryption,
    row: &webhook::Model,
    now: DateTime<Utc>,
) -> Result<Vec<SecretString>, DecryptError> {
    let place = place(row.id);
    let mut secrets = vec![encryption.decrypt(&place, &row.seal_id, &row.sealed_secret.0)?];
    if let (Some(sealed), Some(id), Some(until)) =
        (&row.previous_sealed_secret, &row.previous_seal_id, row.previous_until)
        && until > now
    {
        secrets.extend(encryption.decrypt(&place, id, &sealed.0));
    }
    Ok(secrets)
}

/// Returns the ids of the server's secrets that secrets of webhooks are encrypted under, so that a rotation keeps them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn secrets_in_use(app: &App) -> Result<Vec<String>, Error> {
    let rows = webhook::Entity::find().all(app.db.read()).await?;
    Ok(rows.into_iter().flat_map(|row| [Some(row.seal_id), row.previous_seal_id]).flatten().collect())
}

/// Encrypts the secrets under the server's current one that are encrypted under a previous one. Each webhook is a
/// transaction: if the server is killed, those that are left are replaced at the next start. Returns their number.
///
/// # Errors
/// INTERNAL if the database fails. A secret that can't be decrypted is no error, and stays as it is.
pub async fn reencrypt(app: &App) -> Result<usize, Error> {
    let (mut done, current) = (0, app.encryption.current_id());
    let is_old =
        |row: &webhook::Model| row.seal_id != current || row.previous_seal_id.as_ref().is_some_and(|id| *id != current);
    for row in webhook::Entity::find().all(app.db.read()).await?.iter().filter(|row| is_old(row)) {
        let replaced =
            app.db.write((row.id, app.encryption.clone()), |txn, (id, keys)| Box::pin(replace(txn, *id, keys))).await?;
        done += usize::from(replaced);
    }
    if done > 0 {
        tracing::info!(webhooks = done, secret = current, "secrets of webhooks encrypted under the current secret");
        super::refresh(app).await?;
    }
    Ok(done)
}

async fn replace(txn: &Txn, id: WebhookId, encryption: &Encryption) -> Result<bool, Error> {
    let Some(row) = webhook::Entity::find_by_id(id).lock_exclusive().one(txn).await? else { return Ok(false) };
    let mut change = webhook::ActiveModel { id: Set(id), ..Default::default() };
    let again = |sealed: &Sealed, seal_id: &str| {
        let secret = encryption.decrypt(&place(id), seal_id, &sealed.0).ok()?;
        (seal_id != encryption.current_id()).then(|| encrypt(encryption, id, &secret))
    };
    let mut is_changed = false;
    if let Some(replaced) = again(&row.sealed_secret, &row.seal_id) {
        let (sealed, seal_id) = replaced?;
        (change.sealed_secret, change.seal_id) = (Set(sealed), Set(seal_id));
        is_changed = true;
    }
    if let (Some(sealed), Some(seal_id)) = (&row.previous_sealed_secret, &row.previous_seal_id)
        && let Some(replaced) = again(sealed, seal_id)
    {
        let (sealed, seal_id) = replaced?;
        (change.previous_sealed_secret, change.previous_seal_id) = (Set(Some(sealed)), Set(Some(seal_id)));
        is_changed = true;
    }
    if is_changed {
        change.update(txn).await?;
    }
    Ok(is_changed)
}
