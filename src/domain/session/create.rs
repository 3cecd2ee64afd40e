//! Creating a session, and signing its tokens.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::{NotSet, Set};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{SessionId, UserId};
use crate::core::jwt::{Subject, TokenKind};
use crate::core::viewer::ClientInfo;
use crate::infra::entity::{session, user};

/// Maximum stored length of the client's user agent, in characters.
const MAX_USER_AGENT_CHARS: usize = 300;

/// The result of a log-in or a refresh.
pub struct TokenPair {
    /// The access token, which authenticates each request.
    pub access_token: String,
    /// The refresh token, which obtains new access tokens.
    pub refresh_token: String,
    /// The logged-in user.
    pub user: user::Model,
}

/// Creates a session for a user who was just authenticated.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn create(app: &App, user: user::Model, client: &ClientInfo) -> Result<TokenPair, Error> {
    let now = app.clock.now();
    let user_agent = client.user_agent.as_deref();
    let row = session::ActiveModel {
        id: NotSet,
        user_id: Set(user.id),
        epoch: Set(user.session_epoch),
        refresh_jti: Set(app.random.hex128()),
        user_agent: Set(
            user_agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT_CHARS).collect())
        ),
        address: Set(client.address.map(|address| address.to_string())),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(expiry(app, now)),
        revoked_at: Set(None),
        previous_jti: Set(None),
        rotated_at: Set(None),
        rotated_by: Set(None),
    };
    let (session, user) = app
        .db
        .write((row, user.id, now), |txn, (row, user_id, now)| {
            Box::pin(async move {
                let seen =
                    user::ActiveModel { id: Set(*user_id), last_login_at: Set(Some(*now)), ..Default::default() };
                let user = seen.update(txn).await?;
                Ok((row.clone().insert(txn).await?, user))
            })
        })
        .await?;
    Ok(TokenPair {
        access_token: access_token(app, user.id, session.id, now)?,
        refresh_token: refresh_token(app, &session, now)?,
        user,
    })
}

pub(super) fn expiry(app: &App, now: DateTime<Utc>) -> DateTime<Utc> {
    let ttl = TimeDelta::from_std(app.config().auth.refresh_ttl).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(ttl).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

pub(super) fn access_token(
    app: &App,
    user_id: UserId,
    session_id: SessionId,
    now: DateTime<Utc>,
) -> Result<String, Error> {
    let jti = app.random.hex128();
    let subject = Subject { kind: TokenKind::Access, user_id, session_id, jti: &jti };
    app.keys.sign(subject, now, app.config().auth.access_ttl).map_err(|error| Error::internal(error))
}

pub(super) fn refresh_token(app: &App, session: &session::Model, now: DateTime<Utc>) -> Result<String, Error> {
    let subject = Subject {
        kind: TokenKind::Refresh,
        user_id: session.user_id,
        session_id: session.id,
        jti: &session.refresh_jti,
    };
    app.keys.sign(subject, now, app.config().auth.refresh_ttl).map_err(|error| Error::internal(error))
}
