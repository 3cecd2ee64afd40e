//! Refresh tokens: new access tokens for one, and its rotation.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::auth_error::AuthError;
use super::authenticate::load_valid;
use super::create::{TokenPair, access_token, expiry, refresh_token};
use super::end::{end, revoke};
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::SessionId;
use crate::core::jwt::{Claims, Subject, TokenKind};
use crate::core::viewer::ClientInfo;
use crate::domain::account;
use crate::infra::db::Txn;
use crate::infra::entity::session::{self, Column};

/// The reuse interval: how long after its first use a refresh token returns the same pair.
const REUSE_INTERVAL: TimeDelta = TimeDelta::seconds(10);

/// Returns a new access token for a refresh token, which stays valid: the behaviour of the REST route.
///
/// # Errors
/// The reason why the token is rejected.
pub async fn refresh_access(app: &App, refresh_token: &str, origin: &ClientInfo) -> Result<String, AuthError> {
    limit_refreshes(app, origin).await?;
    let (session, now) = (load_refreshable(app, refresh_token).await?, app.clock.now());
    app.db.write((session.id, now), |txn, &(id, now)| Box::pin(touch(txn, id, now))).await?;
    Ok(access_token(app, session.user_id, session.id, now)?)
}

/// Rotates a refresh token: returns new access and refresh tokens, and invalidates the one used. Reusing it revokes the
/// session, since one of its two holders is a thief. Within [`REUSE_INTERVAL`] the client that used it gets the same
/// pair a second time, once: the response may have been lost.
///
/// # Errors
/// UNAUTHENTICATED if the token is rejected.
pub async fn rotate(app: &App, used: &str, origin: &ClientInfo) -> Result<TokenPair, Error> {
    limit_refreshes(app, origin).await?;
    let now = app.clock.now();
    let claims = app.keys.verify(used, TokenKind::Refresh, now).map_err(AuthError::from)?;
    let (_, user) = load_valid(app, &claims).await?;
    let client = app.api_key_hasher.of(format!("client {:?} {:?}", origin.address, origin.user_agent).as_bytes());
    let next = NextToken { jti: app.random.hex128(), client, now, expiry: expiry(app, now) };
    let rotated = app.db.write((claims, next), |txn, (used, next)| {
        Box::pin(async move {
            // Guarded by the token's id: of two concurrent uses, only one succeeds.
            if let Some(session) = use_up(txn, used, next).await? {
                return Ok(Some(session));
            }
            match reuse(txn, used, next).await? {
                None => revoke(txn, used.session_id, next.now).await.map(|()| None),
                session => Ok(session),
            }
        })
    });
    let Some(session) = rotated.await? else {
        tracing::warn!(user = user.id.0, "refresh token reuse detected; session revoked");
        account::announce_sessions(app, user.id);
        return Err(AuthError::Invalid.into());
    };
    // Signed for the time of its first use, and with ids derived from the session, the pair is the same both times.
    let at = session.rotated_at.unwrap_or(now);
    let jti: String = app.api_key_hasher.of(session.refresh_jti.as_bytes()).chars().take(32).collect();
    let access = Subject { kind: TokenKind::Access, user_id: user.id, session_id: session.id, jti: &jti };
    Ok(TokenPair {
        access_token: app
            .keys
            .sign(access, at, app.config().auth.access_ttl)
            .map_err(|error| Error::internal(error))?,
        refresh_token: refresh_token(app, &session, at)?,
        user,
    })
}

/// The successor of a refresh token.
struct NextToken {
    /// The id of the new refresh token.
    jti: String,
    /// A keyed hash of the client.
    client: String,
    now: DateTime<Utc>,
    expiry: DateTime<Utc>,
}

/// Rotates the refresh token of a session; `None` if the token was used before.
async fn use_up(txn: &Txn, used: &Claims, next: &NextToken) -> Result<Option<session::Model>, Error> {
    let rows = session::Entity::update_many()
        .col_expr(Column::RefreshJti, Expr::value(next.jti.as_str()))
        .col_expr(Column::LastUsedAt, Expr::value(next.now))
        .col_expr(Column::ExpiresAt, Expr::value(next.expiry))
        .col_expr(Column::PreviousJti, Expr::value(used.jti.as_str()))
        .col_expr(Column::RotatedAt, Expr::value(next.now))
        .col_expr(Column::RotatedBy, Expr::value(next.client.as_str()))
        .filter(Column::Id.eq(used.session_id))
        .filter(Column::RefreshJti.eq(used.jti.as_str()))
        .filter(Column::RevokedAt.is_null())
        .exec_with_returning(txn)
        .await?;
    Ok(rows.into_iter().next())
}

/// Returns the session if the client that used this token reuses it within the reuse interval; `None` for another
/// client, and for the third use.
async fn reuse(txn: &Txn, used: &Claims, next: &NextToken) -> Result<Option<session::Model>, Error> {
    let rows = session::Entity::update_many()
        .col_expr(Column::PreviousJti, Expr::value(None::<String>))
        .filter(Column::Id.eq(used.session_id))
        .filter(Column::PreviousJti.eq(used.jti.as_str()))
        .filter(Column::RotatedBy.eq(next.client.as_str()))
        .filter(Column::RotatedAt.gt(next.now - REUSE_INTERVAL))
        .filter(Column::RevokedAt.is_null())
        .exec_with_returning(txn)
        .await?;
    Ok(rows.into_iter().next())
}

/// Returns the session of a valid refresh token. The reuse of a rotated one revokes its session here.
async fn load_refreshable(app: &App, token: &str) -> Result<session::Model, AuthError> {
    let claims = app.keys.verify(token, TokenKind::Refresh, app.clock.now())?;
    let (session, _) = load_valid(app, &claims).await?;
    if session.refresh_jti != claims.jti {
        tracing::warn!(
            user = session.user_id.0,
            session = session.id.0,
            "refresh token reuse detected; session revoked"
        );
        end(app, session.user_id, session.id).await?;
        return Err(AuthError::Invalid);
    }
    Ok(session)
}

async fn limit_refreshes(app: &App, origin: &ClientInfo) -> Result<(), Error> {
    let Some(address) = &origin.address else { return Ok(()) };
    app.metrics.count_rate_limited("refreshes", app.rate_limits.refresh(address).await)
}

async fn touch(txn: &Txn, session_id: SessionId, now: DateTime<Utc>) -> Result<(), Error> {
    let update = session::Entity::update_many().col_expr(Column::LastUsedAt, Expr::value(now));
    update.filter(Column::Id.eq(session_id)).exec(txn).await?;
    Ok(())
}
