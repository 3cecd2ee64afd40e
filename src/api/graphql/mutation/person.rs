//! One's own account and sessions.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::bounded::{Payload, Text};
use super::super::context::app_and_viewer;
use super::super::cookie::CookieSession;
use super::super::error::{UserError, outcome, told};
use super::super::id::Kind;
use super::super::types::User;
use crate::core::error::{Code, Error};
use crate::core::viewer::ClientInfo;
use crate::domain::account::{self, PasswordChange, Registration};
use crate::domain::session::{self, TokenPair};

#[derive(Default)]
pub(super) struct AccountMutation;

/// A new account.
#[derive(InputObject)]
struct RegisterInput {
    /// 1 to 50 characters. May not look like another name.
    username: String,
    /// At least 8 characters, and not easy to guess.
    password: String,
}

/// A name and password.
#[derive(InputObject)]
struct LoginInput {
    /// The name, in any case.
    username: String,
    /// The password.
    password: String,
}

/// A refresh token to be used up.
#[derive(InputObject)]
struct RefreshTokenInput {
    /// The refresh token; that of the cookie where it is left out and the request has the header `X-Jeton-Session: cookie`.
    /// Using one twice ends the session.
    refresh_token: Option<String>,
}

/// Nothing is needed beyond the access token.
#[derive(InputObject)]
struct LogoutInput {
    /// Returned as it is, for clients that match answers to requests by it.
    client_mutation_id: Option<String>,
}

/// Nothing is needed beyond the access token.
#[derive(InputObject)]
struct LogoutEverywhereInput {
    /// Returned as it is, for clients that match answers to requests by it.
    client_mutation_id: Option<String>,
}

/// A new password.
#[derive(InputObject)]
struct ChangePasswordInput {
    /// The password until now.
    old_password: String,
    /// At least 8 characters, and not easy to guess.
    new_password: String,
}

/// A new session.
#[derive(SimpleObject)]
struct RegisterPayload {
    /// Goes into the header `Authorization: Bearer ..` of each request.
    access_token: Option<Text<'static>>,
    /// Buys new tokens when the access token has ended; null where it is kept in a cookie.
    refresh_token: Option<Text<'static>>,
    /// Who registered.
    user: Option<User>,
    /// What is wrong with the input.
    errors: Vec<UserError>,
}

/// A new session.
#[derive(SimpleObject)]
struct LoginPayload {
    /// Goes into the header `Authorization: Bearer ..` of each request.
    access_token: Option<Text<'static>>,
    /// Buys new tokens when the access token has ended; null where it is kept in a cookie.
    refresh_token: Option<Text<'static>>,
    /// Who logged in.
    user: Option<User>,
    /// Why nobody did.
    errors: Vec<UserError>,
}

/// A session that goes on.
#[derive(SimpleObject)]
struct RefreshTokenPayload {
    /// Goes into the header `Authorization: Bearer ..` of each request.
    access_token: Option<Text<'static>>,
    /// Takes the place of the one that was used up; null where it is kept in a cookie.
    refresh_token: Option<Text<'static>>,
    /// Whose session it is.
    user: Option<User>,
    /// Why it does not go on.
    errors: Vec<UserError>,
}

/// A session that has ended.
#[derive(SimpleObject)]
struct LogoutPayload {
    /// As it came.
    client_mutation_id: Option<Text<'static>>,
    /// Empty: logging out can't go wrong.
    errors: Vec<UserError>,
}

/// Sessions that have ended.
#[derive(SimpleObject)]
struct LogoutEverywherePayload {
    /// As it came.
    client_mutation_id: Option<Text<'static>>,
    /// Empty: logging out can't go wrong.
    errors: Vec<UserError>,
}

/// A changed password. All sessions have ended; this one is new.
#[derive(SimpleObject)]
struct ChangePasswordPayload {
    /// Goes into the header `Authorization: Bearer ..` of each request.
    access_token: Option<Text<'static>>,
    /// Buys new tokens when the access token has ended; null where it is kept in a cookie.
    refresh_token: Option<Text<'static>>,
    /// Whose password it is.
    user: Option<User>,
    /// Why it was not changed.
    errors: Vec<UserError>,
}

/// A session to be ended.
#[derive(InputObject)]
struct EndSessionInput {
    /// Which.
    session_id: ID,
}

/// A session that has ended.
#[derive(SimpleObject)]
struct EndSessionPayload {
    /// The global id of what has ended; null where nothing has.
    ended_id: Option<ID>,
    /// Why it was not ended.
    errors: Vec<UserError>,
}

/// The account to be deleted is your own.
#[derive(InputObject)]
struct DeleteAccountInput {
    /// Your password, so that nobody else does it for you.
    password: String,
}

/// A deleted account.
#[derive(SimpleObject)]
struct DeleteAccountPayload {
    /// Who is gone; null where nobody is.
    deleted_id: Option<ID>,
    /// Why it was not deleted.
    errors: Vec<UserError>,
}

/// The results of a log-in: access token, refresh token and user.
type Tokens = (Option<Text<'static>>, Option<Text<'static>>, Option<User>);

/// The three results of a log-in, each null where there was none. The refresh token is not told where the request wants
/// it in a cookie.
fn parts(ctx: &Context<'_>, logged_in: Option<TokenPair>) -> Result<Tokens> {
    Ok(match logged_in {
        Some(TokenPair { access_token, refresh_token, user }) => {
            let refresh_token = ctx.data::<CookieSession>()?.keep(ctx, ctx.data()?, refresh_token);
            (Some(access_token.into()), refresh_token.map(Text::from), Some(user.into()))
        }
        None => (None, None, None),
    })
}

/// As [`outcome`], where a refused credential is an expected mistake.
fn credential_outcome<T>(result: Result<T, Error>) -> Result<(Option<T>, Vec<UserError>), Error> {
    match result {
        Err(error) if matches!(error.code, Code::Unauthenticated | Code::Forbidden) => Ok((None, told(&error))),
        result => outcome(result),
    }
}

#[Object]
impl AccountMutation {
    /// Makes an account and logs in.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: RegisterInput,
    ) -> Result<Payload<RegisterPayload>> {
        let (app, _) = app_and_viewer(ctx)?;
        let RegisterInput { username, password } = input;
        let origin = ctx.data::<ClientInfo>()?;
        let registered = account::register(app, Registration { username, password: password.into() }, origin).await;
        let (user, errors) = credential_outcome(registered)?;
        let logged_in = match user {
            Some(user) => Some(session::create(app, user, ctx.data::<ClientInfo>()?.user_agent.clone()).await?),
            None => None,
        };
        let (access_token, refresh_token, user) = parts(ctx, logged_in)?;
        Ok(Payload(RegisterPayload { access_token, refresh_token, user, errors }))
    }

    /// Begins a session.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Name and password.")] input: LoginInput,
    ) -> Result<Payload<LoginPayload>> {
        let (app, _) = app_and_viewer(ctx)?;
        let origin = ctx.data::<ClientInfo>()?.clone();
        let (logged_in, errors) =
            credential_outcome(session::log_in(app, &input.username, input.password.into(), origin).await)?;
        let (access_token, refresh_token, user) = parts(ctx, logged_in)?;
        Ok(Payload(LoginPayload { access_token, refresh_token, user, errors }))
    }

    /// Uses up a refresh token for a new pair of tokens. A token that was used before ends its session: one of the two
    /// who have it is a thief. A client whose answer was lost gets the same pair again, once, within ten seconds.
    async fn refresh_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refresh token.")] input: RefreshTokenInput,
    ) -> Result<Payload<RefreshTokenPayload>> {
        let (app, _) = app_and_viewer(ctx)?;
        let cookie = ctx.data::<CookieSession>()?;
        let rotated = match input.refresh_token.or_else(|| cookie.refresh_token()) {
            Some(token) => session::rotate(app, &token, ctx.data::<ClientInfo>()?).await,
            None => Err(Error::unauthenticated()),
        };
        // A token that is good, but came too often, stays.
        if matches!(&rotated, Err(error) if error.code == Code::Unauthenticated) {
            cookie.clear(ctx, app);
        }
        let (logged_in, errors) = credential_outcome(rotated)?;
        let (access_token, refresh_token, user) = parts(ctx, logged_in)?;
        Ok(Payload(RefreshTokenPayload { access_token, refresh_token, user, errors }))
    }

    /// Ends this session: its tokens are worth nothing from now on.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "May be empty.")] input: LogoutInput,
    ) -> Result<Payload<LogoutPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        session::log_out(app, viewer).await?;
        ctx.data::<CookieSession>()?.clear(ctx, app);
        Ok(Payload(LogoutPayload { client_mutation_id: input.client_mutation_id.map(Text::from), errors: Vec::new() }))
    }

    /// Ends all your sessions, on all devices.
    async fn logout_everywhere(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "May be empty.")] input: LogoutEverywhereInput,
    ) -> Result<Payload<LogoutEverywherePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        session::log_out_everywhere(app, viewer).await?;
        ctx.data::<CookieSession>()?.clear(ctx, app);
        Ok(Payload(LogoutEverywherePayload {
            client_mutation_id: input.client_mutation_id.map(Text::from),
            errors: Vec::new(),
        }))
    }

    /// Ends one of your sessions, such as that of a device that was lost: its tokens are worth nothing from now on.
    async fn end_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session.")] input: EndSessionInput,
    ) -> Result<Payload<EndSessionPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        viewer.require_session()?;
        let ended = async { session::revoke_one(app, viewer, Kind::Session.row(&input.session_id)?).await };
        let (ended, errors) = outcome(ended.await)?;
        Ok(Payload(EndSessionPayload { ended_id: ended.map(|()| input.session_id), errors }))
    }

    /// Changes your password. Ends all your sessions, and begins a new one here.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Both passwords.")] input: ChangePasswordInput,
    ) -> Result<Payload<ChangePasswordPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let change = PasswordChange { old: input.old_password.into(), new: input.new_password.into() };
        let (user, errors) = outcome(account::change_password(app, viewer, change, ctx.data::<ClientInfo>()?).await)?;
        let logged_in = match user {
            Some(user) => Some(session::create(app, user, ctx.data::<ClientInfo>()?.user_agent.clone()).await?),
            None => None,
        };
        let (access_token, refresh_token, user) = parts(ctx, logged_in)?;
        Ok(Payload(ChangePasswordPayload { access_token, refresh_token, user, errors }))
    }

    /// Deletes your account with its sessions, conversations and chats. Tokens that are left are lost.
    async fn delete_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password.")] input: DeleteAccountInput,
    ) -> Result<Payload<DeleteAccountPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let own = viewer.require_session()?.0.id;
        let (deleted, errors) =
            outcome(account::delete(app, viewer, input.password.into(), ctx.data::<ClientInfo>()?).await)?;
        if deleted.is_some() {
            ctx.data::<CookieSession>()?.clear(ctx, app);
        }
        Ok(Payload(DeleteAccountPayload { deleted_id: deleted.map(|()| Kind::User.id(own)), errors }))
    }
}
