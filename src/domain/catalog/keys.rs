//! The API keys of providers: encrypted for their row, and decrypted for a snapshot.

use secrecy::SecretString;

use crate::app::App;
use crate::core::encryption::{DecryptError, Encrypted, Encryption};
use crate::core::error::Error;
use crate::core::ids::ProviderId;
use crate::infra::catalog::ConnectedProvider;
use crate::infra::entity::provider::{self, Sealed};

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

/// Decrypts the key of a row; `None` if it has none.
///
/// # Errors
/// [`DecryptError`].
pub(super) fn decrypt(app: &App, row: &provider::Model) -> Result<Option<SecretString>, DecryptError> {
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
            let before = before.provider(row.id).filter(|before| is_same_key(&before.row, &row));
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

/// Returns whether two rows of a provider have the same key, which may be encrypted under different secrets.
pub(super) fn is_same_key(one: &provider::Model, other: &provider::Model) -> bool {
    (one.key_set_at, &one.key_last_four) == (other.key_set_at, &other.key_last_four)
}
