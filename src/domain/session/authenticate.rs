//! Authentication of a request's credential: an access token or an API key.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::api_key;
use super::auth_denied::AuthDenied;
use crate::app::App;
use crate::core::error::Error;
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
/// [`AuthDenied`] in the inner result; INTERNAL if the database fails.
pub async fn authenticate(app: &App, token: &str) -> Result<Result<Identity, AuthDenied>, Error> {
    // Before it is hashed, decoded or looked up.
    if token.len() > jwt::MAX_BYTES {
        return Ok(Err(AuthDenied::Invalid));
    }
    let digest = app.api_key_hasher.digest(token.as_bytes());
    if let Some((identity, _)) = app.credential_cache.get(&digest).filter(|(_, end)| *end > app.clock.now()) {
        return Ok(Ok(identity));
    }
    let checked = check(app, token).await?;
    if let Ok(good) = checked {
        app.credential_cache.insert(digest, good);
    }
    Ok(checked.map(|(identity, _)| identity))
}

/// Waits until an access token or an API key is no longer valid, and returns the reason: it has expired or was revoked,
/// or its session has ended.
///
/// For connections that serve a session for longer than one request. An end that no server published, such as one by
/// the command line, is detected within [`POLL_INTERVAL`].
pub async fn wait_until_invalid(app: &App, token: &str, user_id: i64) -> AuthDenied {
    let mut news = app.bus.subscribe(&account::sessions_topic(user_id));
    loop {
        let mut rest = POLL_INTERVAL;
        match check(app, token).await {
            Ok(Ok((_, end))) => {
                let left = (end - app.clock.now()).to_std().unwrap_or_default();
                rest = rest.min(left.max(Duration::from_secs(1)));
            }
            Ok(Err(denied)) => {
                app.credential_cache.invalidate(&app.api_key_hasher.digest(token.as_bytes()));
                return denied;
            }
            // No client is disconnected because the database is unavailable.
            Err(error) => tracing::warn!(?error, "session check failed"),
        }
        tokio::time::timeout(rest, news.next()).await.ok();
    }
}

/// Returns the identity of a credential and its expiry time, without the cache.
async fn check(app: &App, token: &str) -> Result<Result<(Identity, DateTime<Utc>), AuthDenied>, Error> {
    let (user, credential, end) = if api_key::is_one(token) {
        match api_key::find(app, token).await? {
            Ok((key, user)) => {
                let credential = Credential::ApiKey { id: key.id, scopes: key.scopes };
                (user, credential, key.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC))
            }
            Err(denied) => return Ok(Err(denied)),
        }
    } else {
        let claims = match app.keys.verify(token, TokenKind::Access, app.clock.now()) {
            Ok(claims) => claims,
            Err(refused) => return Ok(Err(refused.into())),
        };
        match load_valid(app, &claims).await? {
            Ok((session, user)) => {
                let end = DateTime::from_timestamp(claims.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
                (user, Credential::Session(session.id), end)
            }
            Err(denied) => return Ok(Err(denied)),
        }
    };
    let user::Model { id, is_staff, is_superuser, .. } = user;
    Ok(Ok((Identity { id, credential, is_staff, is_superuser }, end)))
}

/// Returns the session and user of the claims, if both are still valid.
pub(super) async fn load_valid(
    app: &App,
    claims: &Claims,
) -> Result<Result<(session::Model, user::Model), AuthDenied>, Error> {
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
            return Ok(Err(user.map_or(AuthDenied::UserNotFound, |_| AuthDenied::Invalid)));
        }
    };
    if !user.is_active {
        Ok(Err(AuthDenied::UserInactive))
    } else if session.revoked_at.is_some() || session.epoch != user.session_epoch {
        Ok(Err(AuthDenied::Invalid))
    } else {
        Ok(Ok((session, user)))
    }
}
