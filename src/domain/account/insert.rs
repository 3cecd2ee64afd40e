//! Inserting a new user, with the grant.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, SqlErr};
use serde_json::json;

use super::rules::{CheckedUser, NAME_TAKEN};
use super::username;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
use crate::core::password::Ticket;
use crate::core::tokens::Tokens;
use crate::domain::ledger::{self, Entry};
use crate::domain::webhook::{self, NewEvent};
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::entity::user;
use crate::infra::entity::webhook::Event;
use crate::infra::webhook::Outbox;

/// The roles of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Sees all users and their chats, manages plain users and adjusts their balances.
    pub is_staff: bool,
    /// May do everything.
    pub is_superuser: bool,
}

/// A new user with checked name and hashed password.
pub(super) struct ValidatedUser {
    username: String,
    username_key: String,
    password_hash: String,
    pub(super) roles: Roles,
    pub(super) grant: Tokens,
    /// The operator who creates the account, if it is not the user.
    pub(super) actor_id: Option<UserId>,
    /// Whether an operator creates the account, who may be the command line.
    pub(super) by_operator: bool,
    pub(super) at: DateTime<Utc>,
    outbox: Outbox,
}

impl ValidatedUser {
    pub(super) async fn hashed(app: &App, checked: CheckedUser, roles: Roles, ticket: Ticket) -> Result<Self, Error> {
        let CheckedUser { username, password } = checked;
        Ok(Self {
            username_key: username::key(&username).ok_or_else(|| Error::internal("a checked name has a key"))?,
            username,
            password_hash: ticket.hash(password).await?,
            roles,
            grant: Tokens(app.config().ledger.signup_grant),
            actor_id: None,
            by_operator: false,
            at: app.clock.now(),
            outbox: app.webhooks.outbox(),
        })
    }
}

/// Inserts the user with an empty wallet, and posts the grant to the ledger.
pub(super) async fn insert(txn: &Txn, new: &ValidatedUser) -> Result<user::Model, Error> {
    let row = user::ActiveModel {
        id: NotSet,
        username: Set(new.username.clone()),
        username_key: Set(new.username_key.clone()),
        username_skeleton: Set(username::skeleton(&new.username)),
        password_hash: Set(new.password_hash.clone()),
        is_active: Set(true),
        is_staff: Set(new.roles.is_staff),
        is_superuser: Set(new.roles.is_superuser),
        payer_group_id: Set(None),
        session_epoch: Set(0),
        created_at: Set(new.at),
        last_login_at: Set(None),
    };
    let user = row.insert(txn).await.map_err(|error| match error.sql_err() {
        // The database decides, so that of concurrent registrations of one name only one succeeds.
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::field("username", NAME_TAKEN),
        _ => error.into(),
    })?;
    ledger::create_wallet(txn, user.id.into()).await?;
    if new.grant > Tokens::ZERO {
        let grant = Entry::new(user.id, new.grant, Reason::SignupGrant, new.at);
        ledger::post_entry(txn, Entry { actor_id: new.actor_id, ..grant }).await?;
    }
    let data = json!({
        "user_id": user.id, "username": user.username, "staff": user.is_staff, "superuser": user.is_superuser,
        "tokens": new.grant, "by_operator": new.by_operator,
    });
    webhook::emit(txn, &new.outbox, NewEvent { event: Event::UserCreated, data, at: new.at }).await?;
    Ok(user)
}
