//! Mutations of other users' accounts, for staff. They only translate: the domain decides.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::super::context::app_and_viewer;
use super::super::super::error::{UserError, outcome};
use super::super::super::execution::bounded::Payload;
use super::super::super::id::RowId;
use super::super::super::types::User;
use crate::core::ids::UserId;
use crate::core::viewer::{Actor, ClientInfo};
use crate::domain::account::Roles;
use crate::domain::account::admin::{self, UserUpdate};

#[derive(Default)]
pub(in super::super) struct AdminMutation;

/// A user account to create.
#[derive(InputObject)]
struct CreateUserInput {
    /// The username: 1 to 50 letters, digits and signs `_.@+-`. It may not be confusable with another one.
    username: String,
    /// The password: 8 to 256 characters, and not easy to guess.
    password: String,
    /// Whether the user is staff: sees all users and their chats, and creates, deactivates and deletes plain users, sets
    /// their passwords and adjusts their balances. Only superusers may grant it.
    #[graphql(default)]
    staff: bool,
    /// Whether the user is a superuser: has all permissions. Only superusers may grant it.
    #[graphql(default)]
    superuser: bool,
    /// Your own password, as confirmation. Required to grant roles. A wrong one counts as a failed login.
    own_password: Option<String>,
}

/// Changes to a user account. Omitted fields stay unchanged.
#[derive(InputObject)]
struct UpdateUserInput {
    /// The global id of the user.
    user_id: ID,
    /// Whether the user may log in. Deactivating a user ends all sessions of the user.
    active: Option<bool>,
    /// Whether the user is staff: sees all users and their chats, and creates, deactivates and deletes plain users, sets
    /// their passwords and adjusts their balances. Only superusers may change it.
    staff: Option<bool>,
    /// Whether the user is a superuser: has all permissions. Only superusers may change it.
    superuser: Option<bool>,
    /// Your own password, as confirmation. Required to change roles. A wrong one counts as a failed login.
    own_password: Option<String>,
}

/// A new password for a user.
#[derive(InputObject)]
struct SetPasswordInput {
    /// The global id of the user.
    user_id: ID,
    /// The new password: 8 to 256 characters, and not easy to guess.
    password: String,
    /// Your own password, as confirmation. Required for the password of an operator. A wrong one counts as a failed
    /// login.
    own_password: Option<String>,
}

/// The user to log out.
#[derive(InputObject)]
struct LogOutUserInput {
    /// The global id of the user.
    user_id: ID,
}

/// The user account to delete.
#[derive(InputObject)]
struct DeleteUserInput {
    /// The global id of the user.
    user_id: ID,
}

/// A created user account.
#[derive(SimpleObject)]
struct CreateUserPayload {
    /// The user; null if the request was rejected.
    user: Option<User>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// An updated user account.
#[derive(SimpleObject)]
struct UpdateUserPayload {
    /// The user; null if the request was rejected.
    user: Option<User>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// The result of setting a password. All sessions of the user have ended.
#[derive(SimpleObject)]
struct SetPasswordPayload {
    /// The user; null if the request was rejected.
    user: Option<User>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A user whose sessions have all ended.
#[derive(SimpleObject)]
struct LogOutUserPayload {
    /// The user; null if the request was rejected.
    user: Option<User>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// A deleted user account. Its chats are deleted; its ledger entries stay.
#[derive(SimpleObject)]
struct DeleteUserPayload {
    /// The global id of the deleted user; null if no user was deleted.
    deleted_user_id: Option<ID>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl AdminMutation {
    /// Creates a user account with the signup grant, which counts toward the daily limit of the staff member. For
    /// staff.
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user account.")] input: CreateUserInput,
    ) -> Result<Payload<CreateUserPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (staff, client) = (viewer.require_staff()?, ctx.data::<Arc<ClientInfo>>()?);
        let roles = Roles { is_staff: input.staff, is_superuser: input.superuser };
        let created = async {
            let actor = admin::confirm(app, staff, input.own_password.map(Into::into), client).await?;
            admin::create(app, actor, &input.username, input.password.into(), roles, None).await
        };
        let (user, errors) = outcome(created.await)?;
        Ok(Payload(CreateUserPayload { user: user.map(User::from), errors }))
    }

    /// Activates, deactivates, promotes or demotes a user. For staff; only superusers may change roles, with their
    /// password.
    async fn update_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: UpdateUserInput,
    ) -> Result<Payload<UpdateUserPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (acting, client) = (viewer.require_staff()?, ctx.data::<Arc<ClientInfo>>()?);
        let UpdateUserInput { user_id, active, staff, superuser, own_password } = input;
        let changed = async {
            let user_id = UserId::parse(&user_id)?;
            let actor = admin::confirm(app, acting, own_password.map(Into::into), client).await?;
            admin::update(app, actor, user_id, UserUpdate { active, staff, superuser }).await
        };
        let (user, errors) = outcome(changed.await)?;
        Ok(Payload(UpdateUserPayload { user: user.map(User::from), errors }))
    }

    /// Sets the password of a user and ends all sessions of the user. For staff; only superusers may set passwords of
    /// staff.
    async fn set_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and the new password.")] input: SetPasswordInput,
    ) -> Result<Payload<SetPasswordPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (staff, client) = (viewer.require_staff()?, ctx.data::<Arc<ClientInfo>>()?);
        let SetPasswordInput { user_id, password, own_password } = input;
        let set = async {
            let user_id = UserId::parse(&user_id)?;
            let actor = admin::confirm(app, staff, own_password.map(Into::into), client).await?;
            admin::set_password(app, actor, user_id, password.into()).await
        };
        let (user, errors) = outcome(set.await)?;
        Ok(Payload(SetPasswordPayload { user: user.map(User::from), errors }))
    }

    /// Ends all sessions of a user, who may log in again. API keys stay valid. For staff; only superusers may log out
    /// staff.
    async fn log_out_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user.")] input: LogOutUserInput,
    ) -> Result<Payload<LogOutUserPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from(viewer.require_staff()?);
        let ended = async { admin::log_out(app, actor, UserId::parse(&input.user_id)?).await };
        let (user, errors) = outcome(ended.await)?;
        Ok(Payload(LogOutUserPayload { user: user.map(User::from), errors }))
    }

    /// Deletes a user account with its sessions and chats. The ledger entries stay. For staff; only superusers may
    /// delete staff accounts.
    async fn delete_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user account.")] input: DeleteUserInput,
    ) -> Result<Payload<DeleteUserPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from(viewer.require_staff()?);
        let deleted = async { admin::delete(app, actor, UserId::parse(&input.user_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteUserPayload { deleted_user_id: deleted.map(|()| input.user_id), errors }))
    }
}
