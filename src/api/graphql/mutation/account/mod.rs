//! Mutations of accounts: of the viewer's own here, of all users in [`admin`]. They only translate, and set the session
//! cookie: the domain decides.

mod admin;

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

pub(super) use self::admin::AdminMutation;
use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::execution::bounded::{Payload, Text};
use super::super::id::RowId;
use super::super::transport::cookie::CookieSession;
use super::super::types::User;
use super::session::{credential_outcome, token_fields};
use crate::core::viewer::ClientInfo;
use crate::domain::account::{self, PasswordChange, Registration};
use crate::domain::session;

#[derive(Default)]
pub(super) struct AccountMutation;

/// A user account to register.
#[derive(InputObject)]
struct RegisterInput {
    /// The username: 1 to 50 letters, digits and signs `_.@+-`. It may not be confusable with another one.
    username: String,
    /// The password: 8 to 256 characters, and not easy to guess.
    password: String,
}

/// A change of your password.
#[derive(InputObject)]
struct ChangePasswordInput {
    /// The current password.
    old_password: String,
    /// The new password: 8 to 256 characters, and not easy to guess.
    new_password: String,
}

/// A registered user and a new session.
#[derive(SimpleObject)]
struct RegisterPayload {
    /// The access token, for the header `Authorization: Bearer ..` of each request; null on failure.
    access_token: Option<Text<'static>>,
    /// The refresh token, for `refreshToken` when the access token expires; null on failure, or if it is kept in a
    /// cookie.
    refresh_token: Option<Text<'static>>,
    /// The registered user; null on failure.
    user: Option<User>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A changed password. All earlier sessions have ended; the returned one is new.
#[derive(SimpleObject)]
struct ChangePasswordPayload {
    /// The access token, for the header `Authorization: Bearer ..` of each request; null on failure.
    access_token: Option<Text<'static>>,
    /// The refresh token, for `refreshToken` when the access token expires; null on failure, or if it is kept in a
    /// cookie.
    refresh_token: Option<Text<'static>>,
    /// The user; null on failure.
    user: Option<User>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// The confirmation to delete your own account.
#[derive(InputObject)]
struct DeleteAccountInput {
    /// Your password, as confirmation.
    password: String,
}

/// A deleted user account.
#[derive(SimpleObject)]
struct DeleteAccountPayload {
    /// The global id of the deleted user; null if the account was not deleted.
    deleted_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl AccountMutation {
    /// Registers a user account and logs in.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user account.")] input: RegisterInput,
    ) -> Result<Payload<RegisterPayload>> {
        let (app, _) = app_and_viewer(ctx)?;
        let RegisterInput { username, password } = input;
        let client = ctx.data::<Arc<ClientInfo>>()?;
        let registered = account::register(app, Registration { username, password: password.into() }, client).await;
        let (user, errors) = credential_outcome(registered)?;
        let logged_in = match user {
            Some(user) => Some(session::create(app, user, client).await?),
            None => None,
        };
        let (access_token, refresh_token, user) = token_fields(ctx, logged_in)?;
        Ok(Payload(RegisterPayload { access_token, refresh_token, user, errors }))
    }

    /// Changes your password. Ends all your sessions and creates a new one for this client.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The current and the new password.")] input: ChangePasswordInput,
    ) -> Result<Payload<ChangePasswordPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let change = PasswordChange { old: input.old_password.into(), new: input.new_password.into() };
        let client = ctx.data::<Arc<ClientInfo>>()?;
        let changed = account::change_password(app, viewer.require_session()?, change, client).await;
        let (user, errors) = outcome(changed)?;
        let logged_in = match user {
            Some(user) => Some(session::create(app, user, client).await?),
            None => None,
        };
        let (access_token, refresh_token, user) = token_fields(ctx, logged_in)?;
        Ok(Payload(ChangePasswordPayload { access_token, refresh_token, user, errors }))
    }

    /// Deletes your account with its sessions, conversations and chats. The remaining prepaid tokens are forfeited.
    async fn delete_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password.")] input: DeleteAccountInput,
    ) -> Result<Payload<DeleteAccountPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let owner = viewer.require_session()?;
        let (deleted, errors) =
            outcome(account::delete(app, owner, input.password.into(), ctx.data::<Arc<ClientInfo>>()?).await)?;
        if deleted.is_some() {
            ctx.data::<CookieSession>()?.clear(ctx, app);
        }
        Ok(Payload(DeleteAccountPayload { deleted_id: deleted.map(|()| owner.id.global()), errors }))
    }
}
