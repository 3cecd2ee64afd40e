//! Other people's accounts, for staff.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::bounded::Payload;
use super::super::context::app_and_viewer;
use super::super::error::{UserError, outcome};
use super::super::id::Kind;
use super::super::types::{Balance, User};
use crate::core::tokens::Tokens;
use crate::core::viewer::Actor;
use crate::domain::account::Roles;
use crate::domain::account::admin::{self, Adjustment, BalanceChange, UserUpdate};

#[derive(Default)]
pub(super) struct AdminMutation;

/// An account for somebody.
#[derive(InputObject)]
struct CreateUserInput {
    /// 1 to 50 characters. May not look like another name.
    username: String,
    /// At least 8 characters, and not easy to guess.
    password: String,
    /// Whether the user may see everybody and adjust balances. For superusers to give.
    #[graphql(default)]
    staff: bool,
    /// Whether the user may do everything. For superusers to give.
    #[graphql(default)]
    superuser: bool,
}

/// What to change of an account; what is left out stays.
#[derive(InputObject)]
struct UpdateUserInput {
    /// Whose account.
    user_id: ID,
    /// Whether the user may log in. Taking it away ends all sessions.
    active: Option<bool>,
    /// Whether the user may see everybody and adjust balances. For superusers to change.
    staff: Option<bool>,
    /// Whether the user may do everything. For superusers to change.
    superuser: Option<bool>,
}

/// A new password for somebody.
#[derive(InputObject)]
struct SetPasswordInput {
    /// Whose.
    user_id: ID,
    /// At least 8 characters, and not easy to guess.
    password: String,
}

/// An account to be deleted.
#[derive(InputObject)]
struct DeleteUserInput {
    /// Whose.
    user_id: ID,
}

/// Tokens for somebody, or from somebody.
#[derive(InputObject)]
struct AdjustBalanceInput {
    /// Whose balance.
    user_id: ID,
    /// By how much: negative to take away. The balance stays between 0 and 2^53 - 1.
    amount: Tokens,
    /// Why, 1 to 500 characters. The user can read it.
    reason: String,
    /// Makes retries harmless: the same key adjusts once, and with anything else it is a CONFLICT. 1 to 255 visible ASCII
    /// characters.
    idempotency_key: Option<String>,
}

/// A new account.
#[derive(SimpleObject)]
struct CreateUserPayload {
    /// The user.
    user: Option<User>,
    /// What is wrong with the input.
    errors: Vec<UserError>,
}

/// A changed account.
#[derive(SimpleObject)]
struct UpdateUserPayload {
    /// The user.
    user: Option<User>,
    /// Why nothing was changed.
    errors: Vec<UserError>,
}

/// A set password. All sessions of the user have ended.
#[derive(SimpleObject)]
struct SetPasswordPayload {
    /// The user.
    user: Option<User>,
    /// Why it was not set.
    errors: Vec<UserError>,
}

/// A deleted account. Its chats are gone; its ledger entries stay.
#[derive(SimpleObject)]
struct DeleteUserPayload {
    /// The id of the user who is gone.
    deleted_user_id: Option<ID>,
    /// Why nobody was deleted.
    errors: Vec<UserError>,
}

/// An adjusted balance.
#[derive(SimpleObject)]
struct AdjustBalancePayload {
    /// What the user has now.
    balance: Option<Balance>,
    /// Why nothing was adjusted.
    errors: Vec<UserError>,
}

#[Object]
impl AdminMutation {
    /// Makes an account for somebody, with the usual grant, which counts as given out by the staff member. For staff.
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: CreateUserInput,
    ) -> Result<Payload<CreateUserPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        let roles = Roles { is_staff: input.staff, is_superuser: input.superuser };
        let (user, errors) =
            outcome(admin::create(app, actor, &input.username, input.password.into(), roles, None).await)?;
        Ok(Payload(CreateUserPayload { user: user.map(User::from), errors }))
    }

    /// Activates, deactivates, promotes or demotes somebody. For staff; roles for superusers.
    async fn update_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdateUserInput,
    ) -> Result<Payload<UpdateUserPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        let UpdateUserInput { user_id, active, staff, superuser } = input;
        let changed = async {
            admin::update(app, actor, Kind::User.row(&user_id)?, UserUpdate { active, staff, superuser }).await
        };
        let (user, errors) = outcome(changed.await)?;
        Ok(Payload(UpdateUserPayload { user: user.map(User::from), errors }))
    }

    /// Sets somebody's password, and ends all their sessions. For staff; the passwords of staff for superusers.
    async fn set_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password.")] input: SetPasswordInput,
    ) -> Result<Payload<SetPasswordPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        let set = async {
            admin::set_password(app, actor, Kind::User.row(&input.user_id)?, input.password.clone().into()).await
        };
        let (user, errors) = outcome(set.await)?;
        Ok(Payload(SetPasswordPayload { user: user.map(User::from), errors }))
    }

    /// Deletes an account with its sessions and chats. The ledger stays. For staff; staff accounts for superusers.
    async fn delete_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: DeleteUserInput,
    ) -> Result<Payload<DeleteUserPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        let deleted = async { admin::delete(app, actor, Kind::User.row(&input.user_id)?).await };
        let (deleted, errors) = outcome(deleted.await)?;
        Ok(Payload(DeleteUserPayload { deleted_user_id: deleted.map(|()| input.user_id), errors }))
    }

    /// Adds tokens to a balance, or takes them away. For staff; balances of staff, the own one included, for superusers.
    /// What one staff member gives out in a day is limited.
    async fn adjust_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The adjustment.")] input: AdjustBalanceInput,
    ) -> Result<Payload<AdjustBalancePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = Actor::from_viewer(viewer)?;
        let AdjustBalanceInput { user_id, amount, reason, idempotency_key } = input;
        let adjusted = async {
            let adjustment = Adjustment {
                user_id: Kind::User.row(&user_id)?,
                amount: BalanceChange::By(amount),
                reason,
                idempotency_key,
            };
            admin::adjust_balance(app, actor, adjustment).await
        };
        let (balance, errors) = outcome(adjusted.await)?;
        Ok(Payload(AdjustBalancePayload { balance: balance.map(Balance::from), errors }))
    }
}
