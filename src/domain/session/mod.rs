//! Sessions: log-in, log-out, refresh, and authentication of a credential as a [`Viewer`]. The only module that writes
//! sessions.
//!
//! A token is valid while its session is. Sessions end one by one (`revoked_at`) or all at once, when the user's
//! `session_epoch` is incremented; both take effect with the next request.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};
use secrecy::SecretString;

use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::jwt::{self, Claims, Subject, TokenError, TokenKind};
use crate::core::pagination::{Page, PageRequest};
use crate::core::password::Lane;
use crate::core::viewer::{ClientInfo, Credential, Identity, Scopes, Viewer};
use crate::domain::account;
use crate::infra::db::Txn;
use crate::infra::entity::session::{self, Column};
use crate::infra::entity::user;

pub mod api_key;
pub mod retention;

/// Maximum stored length of the client's user agent, in characters.
const MAX_USER_AGENT_CHARS: usize = 300;

/// Interval at which [`wait_until_invalid`] polls for the end of a session that was not published.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// The result of a log-in or a refresh.
pub struct TokenPair {
    /// The access token, which authenticates each request.
    pub access_token: String,
    /// The refresh token, which obtains new access tokens.
    pub refresh_token: String,
    /// The logged-in user.
    pub user: user::Model,
}

/// The reason why a credential is rejected. The REST routes distinguish them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthDenied {
    /// Unreadable, forged, expired, or its session has ended.
    Invalid,
    /// A refresh token where an access token is required, or vice versa.
    WrongType,
    /// The user is deleted.
    UserNotFound,
    /// The user is deactivated.
    UserInactive,
}

impl From<AuthDenied> for Error {
    fn from(denied: AuthDenied) -> Self {
        let message = match denied {
            AuthDenied::Invalid => "The token is invalid or expired.",
            AuthDenied::WrongType => "The token has the wrong type.",
            AuthDenied::UserNotFound => "User not found.",
            AuthDenied::UserInactive => "User is inactive.",
        };
        Error::new(Code::Unauthenticated, message)
    }
}

impl From<TokenError> for AuthDenied {
    fn from(refused: TokenError) -> Self {
        match refused {
            TokenError::Invalid => AuthDenied::Invalid,
            TokenError::WrongType => AuthDenied::WrongType,
        }
    }
}

/// Verifies a name and password, and creates a session.
///
/// # Errors
/// UNAUTHENTICATED, one and the same for an unknown name, a wrong password and an inactive user; RATE_LIMITED after too
/// many failed attempts for the name, or from the address; UNAVAILABLE if the queue for password hashing is full.
pub async fn log_in(app: &App, username: &str, password: SecretString, origin: ClientInfo) -> Result<TokenPair, Error> {
    let ticket = account::enter(app, Lane::Verification, origin.address)?;
    // A name that is too long to be any user's is handled and counted like an unknown one.
    let key = account::username::key(username).unwrap_or_else(|| account::username::TOO_LONG.to_owned());
    account::register_attempt(app, &key, origin.address).await?;
    let user = account::find_by_name(app, username).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let matches = ticket.verify(password.clone(), hash).await?;
    match user.filter(|user| matches && user.is_active) {
        Some(user) => {
            account::clear_attempts(app, &key, origin.address).await;
            account::import::renew_hash(app, &user, password, origin.address).await?;
            create(app, user, origin.user_agent).await
        }
        None => Err(Error::new(Code::Unauthenticated, "No active account found with the given credentials.")),
    }
}

/// Creates a session for a user who was just authenticated.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn create(app: &App, user: user::Model, user_agent: Option<String>) -> Result<TokenPair, Error> {
    let now = app.clock.now();
    let row = session::ActiveModel {
        id: NotSet,
        user_id: Set(user.id),
        epoch: Set(user.session_epoch),
        refresh_jti: Set(app.random.hex128()),
        user_agent: Set(
            user_agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT_CHARS).collect())
        ),
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

/// Returns the identity of a credential and its expiry time, without the cache.
async fn check(app: &App, token: &str) -> Result<Result<(Identity, DateTime<Utc>), AuthDenied>, Error> {
    let (user, credential, end) = if api_key::is_one(token) {
        match api_key::find(app, token).await? {
            Ok((key, user)) => {
                let credential = Credential::ApiKey { id: key.id, scopes: Scopes::from_names(&key.scopes) };
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

/// Returns a new access token for a refresh token, which stays valid: the behaviour of the REST route.
///
/// # Errors
/// [`AuthDenied`] in the inner result; INTERNAL if the database fails.
pub async fn refresh_access(
    app: &App,
    refresh_token: &str,
    origin: &ClientInfo,
) -> Result<Result<String, AuthDenied>, Error> {
    limit_refreshes(app, origin).await?;
    let (session, now) = (load_refreshable(app, refresh_token).await?, app.clock.now());
    match session {
        Ok((session, _)) => {
            app.db.write((session.id, now), |txn, &(id, now)| Box::pin(touch(txn, id, now))).await?;
            Ok(Ok(access_token(app, session.user_id, session.id, now)?))
        }
        Err(denied) => Ok(Err(denied)),
    }
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
    let claims = app.keys.verify(used, TokenKind::Refresh, now).map_err(AuthDenied::from)?;
    let (_, user) = load_valid(app, &claims).await??;
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
        tracing::warn!(user = user.id, "refresh token reuse detected; session revoked");
        account::announce_sessions(app, user.id);
        return Err(AuthDenied::Invalid.into());
    };
    // Signed for the time of its first use, and with ids derived from the session, the pair is the same both times.
    let at = session.rotated_at.unwrap_or(now);
    let jti: String = app.api_key_hasher.of(session.refresh_jti.as_bytes()).chars().take(32).collect();
    let access = Subject { kind: TokenKind::Access, user_id: user.id, session_id: session.id, jti: &jti };
    Ok(TokenPair {
        access_token: app.keys.sign(access, at, app.config.auth.access_ttl).map_err(Error::internal)?,
        refresh_token: refresh_token(app, &session, at)?,
        user,
    })
}

/// The reuse interval: how long after its first use a refresh token returns the same pair.
const REUSE_INTERVAL: TimeDelta = TimeDelta::seconds(10);

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

async fn limit_refreshes(app: &App, origin: &ClientInfo) -> Result<(), Error> {
    let Some(address) = &origin.address else { return Ok(()) };
    app.metrics.count_rate_limited("refreshes", app.rate_limits.refresh(address).await)
}

/// Revokes the session that the viewer's token belongs to.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers.
pub async fn log_out(app: &App, viewer: Viewer) -> Result<(), Error> {
    let (identity, session_id) = viewer.require_session()?;
    end(app, identity.id, session_id).await
}

/// Revokes all sessions of the viewer.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers.
pub async fn log_out_everywhere(app: &App, viewer: Viewer) -> Result<(), Error> {
    let id = viewer.require_session()?.0.id;
    app.db.write(id, |txn, &id| Box::pin(account::end_sessions(txn, id))).await?;
    account::announce_sessions(app, id);
    Ok(())
}

/// Returns the viewer's valid sessions, newest first.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers.
pub async fn list(app: &App, viewer: Viewer, page: PageRequest) -> Result<Page<session::Entity>, Error> {
    viewer.require_session()?;
    let user = account::me(app, viewer).await?.ok_or_else(Error::unauthenticated)?;
    let good = session::Entity::find()
        .filter(Column::UserId.eq(user.id))
        .filter(Column::Epoch.eq(user.session_epoch))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(app.clock.now()));
    page.load(app.db.read(), good, Column::Id).await
}

/// Revokes one of the viewer's own sessions: that of a lost device, or the current one.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for a session of another user.
pub async fn revoke_one(app: &App, viewer: Viewer, session_id: i64) -> Result<(), Error> {
    let own = find(app, viewer, session_id).await?;
    end(app, own.user_id, own.id).await
}

/// Returns one of the viewer's own sessions.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; NOT_FOUND also for a session of another user.
pub async fn find(app: &App, viewer: Viewer, session_id: i64) -> Result<session::Model, Error> {
    let own = session::Entity::find_by_id(session_id).filter(Column::UserId.eq(viewer.require_session()?.0.id));
    own.one(app.db.read()).await?.ok_or_else(|| Error::not_found("session"))
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

async fn end(app: &App, user_id: i64, session_id: i64) -> Result<(), Error> {
    app.db.write((session_id, app.clock.now()), |txn, &(id, now)| Box::pin(revoke(txn, id, now))).await?;
    account::announce_sessions(app, user_id);
    Ok(())
}

/// Returns the session and user of a valid refresh token. The reuse of a rotated one revokes its session here.
async fn load_refreshable(app: &App, token: &str) -> Result<Result<(session::Model, user::Model), AuthDenied>, Error> {
    let claims = match app.keys.verify(token, TokenKind::Refresh, app.clock.now()) {
        Ok(claims) => claims,
        Err(refused) => return Ok(Err(refused.into())),
    };
    match load_valid(app, &claims).await? {
        Ok((session, _)) if session.refresh_jti != claims.jti => {
            tracing::warn!(
                user = session.user_id,
                session = session.id,
                "refresh token reuse detected; session revoked"
            );
            end(app, session.user_id, session.id).await?;
            Ok(Err(AuthDenied::Invalid))
        }
        good_or_denied => Ok(good_or_denied),
    }
}

/// Returns the session and user of the claims, if both are still valid.
async fn load_valid(app: &App, claims: &Claims) -> Result<Result<(session::Model, user::Model), AuthDenied>, Error> {
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

async fn revoke(txn: &Txn, session_id: i64, now: DateTime<Utc>) -> Result<(), Error> {
    session::Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::Id.eq(session_id))
        .filter(Column::RevokedAt.is_null())
        .exec(txn)
        .await?;
    Ok(())
}

async fn touch(txn: &Txn, session_id: i64, now: DateTime<Utc>) -> Result<(), Error> {
    let update = session::Entity::update_many().col_expr(Column::LastUsedAt, Expr::value(now));
    update.filter(Column::Id.eq(session_id)).exec(txn).await?;
    Ok(())
}

fn expiry(app: &App, now: DateTime<Utc>) -> DateTime<Utc> {
    let ttl = TimeDelta::from_std(app.config.auth.refresh_ttl).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(ttl).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn access_token(app: &App, user_id: i64, session_id: i64, now: DateTime<Utc>) -> Result<String, Error> {
    let jti = app.random.hex128();
    let subject = Subject { kind: TokenKind::Access, user_id, session_id, jti: &jti };
    app.keys.sign(subject, now, app.config.auth.access_ttl).map_err(Error::internal)
}

fn refresh_token(app: &App, session: &session::Model, now: DateTime<Utc>) -> Result<String, Error> {
    let subject = Subject {
        kind: TokenKind::Refresh,
        user_id: session.user_id,
        session_id: session.id,
        jti: &session.refresh_jti,
    };
    app.keys.sign(subject, now, app.config.auth.refresh_ttl).map_err(Error::internal)
}
