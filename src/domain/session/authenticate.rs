//! Authentication of a request's credential: an access token or an API key.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::api_key;
use super::auth_error::AuthError;
use crate::app::App;
use crate::core::ids::UserId;
use crate::core::jwt::{self, Claims, TokenKind};
use crate::core::viewer::{Credential, Identity};
use crate::domain::account;
use crate::infra::entity::session::{self, Column};
use crate::infra::entity::user;

/// Interval at which [`wait_until_invalid`] polls for the end of a session that was not published.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// Returns the identity of an access token or an API key. A credential that was valid a moment ago is served from the
/// cache.
///
/// # Errors
/// The reason why the credential does not authenticate.
pub async fn authenticate(app: &App, token: &str) -> Result<Identity, AuthError> {
    // Before it is hashed, decoded or looked up.
    if token.len() > jwt::MAX_BYTES {
        return Err(AuthError::Invalid);
    }
    let digest = app.api_key_hasher.digest(token.as_bytes());
    if let Some((identity, _)) = app.credential_cache.get(&digest).filter(|(_, end)| *end > app.clock.now()) {
        return Ok(identity);
    }
    let (identity, end) = check(app, token).await?;
    app.credential_cache.insert(digest, (identity, end));
    Ok(identity)
}

/// Waits until an access token or an API key is no longer valid, and returns the reason: it has expired or was revoked,
/// or its session has ended. Never [`AuthError::Failed`].
///
/// For connections that serve a session for longer than one request. An end of all sessions of the user that no server
/// published, such as a deactivation by the command line, is detected by [`crate::infra::user_watch`] within its
/// interval; that of a single one within [`POLL_INTERVAL`].
pub async fn wait_until_invalid(app: &App, token: &str, user_id: UserId) -> AuthError {
    let mut subscription = app.bus.subscribe(&account::sessions_topic(user_id));
    let mut unpublished = app.user_watch.watch(user_id);
    loop {
        let mut rest = POLL_INTERVAL;
        match check(app, token).await {
            Ok((_, end)) => {
                let left = (end - app.clock.now()).to_std().unwrap_or_default();
                rest = rest.min(left.max(Duration::from_secs(1)));
            }
            // No client is disconnected because the database is unavailable.
            Err(AuthError::Failed(error)) => tracing::warn!(?error, "session check failed"),
            Err(invalid) => {
                app.credential_cache.invalidate(&app.api_key_hasher.digest(token.as_bytes()));
                return invalid;
            }
        }
        tokio::select! {
            _ = subscription.next() => {}
            () = unpublished.changed() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Returns the identity of a credential and its expiry time, without the cache.
async fn check(app: &App, token: &str) -> Result<(Identity, DateTime<Utc>), AuthError> {
    let (user, credential, end) = if api_key::is_one(token) {
        let (key, user) = api_key::find(app, token).await?;
        let credential = Credential::ApiKey { id: key.id, scopes: key.scopes };
        (user, credential, key.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC))
    } else {
        let claims = app.keys.verify(token, TokenKind::Access, app.clock.now())?;
        let (session, user) = load_valid(app, &claims).await?;
        let end = DateTime::from_timestamp(claims.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        (user, Credential::Session(session.id), end)
    };
    let user::Model { id, is_staff, is_superuser, .. } = user;
    Ok((Identity { id, credential, is_staff, is_superuser }, end))
}

/// Returns the session and user of the claims, if both are still valid.
pub(super) async fn load_valid(app: &App, claims: &Claims) -> Result<(session::Model, user::Model), AuthError> {
    let found = session::Entity::find_by_id(claims.session_id)
        .filter(Column::UserId.eq(claims.user_id))
        .find_also_related(user::Entity)
        .one(app.db.read())
        .await?;
    let (session, user) = match found {
        Some((session, Some(user))) => (session, user),
        // Sessions are deleted with their user, so the user's row shows the reason.
        _ => {
            let user = user::Entity::find_by_id(claims.user_id).one(app.db.read()).await?;
            return Err(user.map_or(AuthError::UserNotFound, |_| AuthError::Invalid));
        }
    };
    if !user.is_active {
        Err(AuthError::UserInactive)
    } else if session.revoked_at.is_some() || session.epoch != user.session_epoch {
        Err(AuthError::Invalid)
    } else {
        Ok((session, user))
    }
}
