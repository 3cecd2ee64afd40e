//! Mutations of the viewer's sessions. They only translate, and set the session cookie: the domain decides.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::context::app_and_viewer;
use super::super::error::{UserError, counted_user_errors, outcome};
use super::super::execution::bounded::{Payload, Text};
use super::super::id::RowId;
use super::super::transport::cookie::CookieSession;
use super::super::types::User;
use crate::core::error::{Code, Error};
use crate::core::ids::SessionId;
use crate::core::viewer::ClientInfo;
use crate::domain::session::{self, TokenPair};

#[derive(Default)]
pub(super) struct SessionMutation;

/// Login credentials.
#[derive(InputObject)]
struct LoginInput {
    /// The username, ignoring case.
    username: String,
    /// The password.
    password: String,
}

/// A refresh token to rotate.
#[derive(InputObject)]
struct RefreshTokenInput {
    /// The refresh token. Defaults to that of the cookie if the request has the header `X-Jeton-Session: cookie`. Using
    /// one twice ends the session.
    refresh_token: Option<String>,
}

/// No input is needed: the access token identifies the session.
#[derive(InputObject)]
struct LogoutInput {
    /// Returned unchanged, for clients that match responses to requests by it.
    client_mutation_id: Option<String>,
}

/// No input is needed: the access token identifies the session.
#[derive(InputObject)]
struct LogoutEverywhereInput {
    /// Returned unchanged, for clients that match responses to requests by it.
    client_mutation_id: Option<String>,
}

/// A new session.
#[derive(SimpleObject)]
struct LoginPayload {
    /// The access token, for the header `Authorization: Bearer ..` of each request; null on failure.
    access_token: Option<Text<'static>>,
    /// The refresh token, for `refreshToken` when the access token expires; null on failure, or if it is kept in a
    /// cookie.
    refresh_token: Option<Text<'static>>,
    /// The logged-in user; null on failure.
    user: Option<User>,
    /// Errors, such as invalid credentials; empty on success.
    errors: Vec<UserError>,
}

/// A refreshed session.
#[derive(SimpleObject)]
struct RefreshTokenPayload {
    /// The access token, for the header `Authorization: Bearer ..` of each request; null on failure.
    access_token: Option<Text<'static>>,
    /// The new refresh token, which replaces the used one; null on failure, or if it is kept in a cookie.
    refresh_token: Option<Text<'static>>,
    /// The user of the session; null on failure.
    user: Option<User>,
    /// Errors, such as an invalid token; empty on success.
    errors: Vec<UserError>,
}

/// The result of a logout. The session has ended.
#[derive(SimpleObject)]
struct LogoutPayload {
    /// The value of the input, unchanged.
    client_mutation_id: Option<Text<'static>>,
    /// Always empty: a logout has no expected errors.
    errors: Vec<UserError>,
}

/// The result of a logout on all devices. All your sessions have ended.
#[derive(SimpleObject)]
struct LogoutEverywherePayload {
    /// The value of the input, unchanged.
    client_mutation_id: Option<Text<'static>>,
    /// Always empty: a logout has no expected errors.
    errors: Vec<UserError>,
}

/// The session to end.
#[derive(InputObject)]
struct EndSessionInput {
    /// The global id of the session.
    session_id: ID,
}

/// An ended session.
#[derive(SimpleObject)]
struct EndSessionPayload {
    /// The global id of the ended session; null if none was ended.
    ended_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl SessionMutation {
    /// Logs in with a username and password, and creates a session. A wrong name or password is UNAUTHENTICATED; the right
    /// password of a deactivated account is FORBIDDEN.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The username and password.")] input: LoginInput,
    ) -> Result<Payload<LoginPayload>> {
        let (app, _) = app_and_viewer(ctx)?;
        let client = ClientInfo::clone(ctx.data::<Arc<ClientInfo>>()?);
        let (logged_in, errors) =
            credential_outcome(session::log_in(app, &input.username, input.password.into(), client).await)?;
        let (access_token, refresh_token, user) = token_fields(ctx, logged_in)?;
        Ok(Payload(LoginPayload { access_token, refresh_token, user, errors }))
    }

    /// Rotates a refresh token: exchanges it for a new pair of tokens. Reuse of a token ends its session, since one of
    /// its two holders must have stolen it. A client whose response was lost may retry once within ten seconds, and
    /// receives the same pair.
    async fn refresh_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token.")] input: RefreshTokenInput,
    ) -> Result<Payload<RefreshTokenPayload>> {
        let (app, _) = app_and_viewer(ctx)?;
        let cookie = ctx.data::<CookieSession>()?;
        let rotated = match input.refresh_token.or_else(|| cookie.refresh_token()) {
            Some(token) => session::rotate(app, &token, ctx.data::<Arc<ClientInfo>>()?).await,
            None => Err(Error::unauthenticated()),
        };
        // A rate-limited token is still valid, so its cookie stays.
        if matches!(&rotated, Err(error) if error.code == Code::Unauthenticated) {
            cookie.clear(ctx, app);
        }
        let (logged_in, errors) = credential_outcome(rotated)?;
        let (access_token, refresh_token, user) = token_fields(ctx, logged_in)?;
        Ok(Payload(RefreshTokenPayload { access_token, refresh_token, user, errors }))
    }

    /// Logs out: ends the current session and invalidates its tokens.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An object, which may be empty.")] input: LogoutInput,
    ) -> Result<Payload<LogoutPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        session::log_out(app, viewer.require_session()?).await?;
        ctx.data::<CookieSession>()?.clear(ctx, app);
        Ok(Payload(LogoutPayload { client_mutation_id: input.client_mutation_id.map(Text::from), errors: Vec::new() }))
    }

    /// Logs out on all devices: ends all your sessions.
    async fn logout_everywhere(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An object, which may be empty.")] input: LogoutEverywhereInput,
    ) -> Result<Payload<LogoutEverywherePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        session::log_out_everywhere(app, viewer.require_session()?).await?;
        ctx.data::<CookieSession>()?.clear(ctx, app);
        Ok(Payload(LogoutEverywherePayload {
            client_mutation_id: input.client_mutation_id.map(Text::from),
            errors: Vec::new(),
        }))
    }

    /// Ends one of your sessions, such as that of a lost device, and invalidates its tokens.
    async fn end_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session.")] input: EndSessionInput,
    ) -> Result<Payload<EndSessionPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let owner = viewer.require_session()?;
        let ended = async { session::revoke_one(app, owner, SessionId::parse(&input.session_id)?).await };
        let (ended, errors) = outcome(ended.await)?;
        Ok(Payload(EndSessionPayload { ended_id: ended.map(|()| input.session_id), errors }))
    }
}

/// The results of a login: access token, refresh token and user.
type TokenFields = (Option<Text<'static>>, Option<Text<'static>>, Option<User>);

/// Returns the three results of a login, each `None` without one. If the request opted in to a cookie session, sets the
/// cookie and omits the refresh token.
pub(super) fn token_fields(ctx: &Context<'_>, logged_in: Option<TokenPair>) -> Result<TokenFields> {
    Ok(match logged_in {
        Some(TokenPair { access_token, refresh_token, user }) => {
            let refresh_token = ctx.data::<CookieSession>()?.keep(ctx, ctx.data()?, refresh_token);
            (Some(access_token.into()), refresh_token.map(Text::from), Some(user.into()))
        }
        None => (None, None, None),
    })
}

/// As [`outcome`], with a rejected credential as an expected error.
pub(super) fn credential_outcome<T>(result: Result<T, Error>) -> Result<(Option<T>, Vec<UserError>), Error> {
    match result {
        Err(error) if matches!(error.code, Code::Unauthenticated | Code::Forbidden) => {
            Ok((None, counted_user_errors(&error)))
        }
        result => outcome(result),
    }
}
