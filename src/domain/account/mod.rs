//! Accounts: registration, profiles, passwords, roles, deletion.
//!
//! Permissions are decided here, once, for every transport and for the command line. Balances belong to `ledger`,
//! sessions to `session`; this module ends all sessions of a user by incrementing `session_epoch` in the user's row.

pub mod admin;
pub mod import;
pub mod username;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, SqlErr};

use crate::app::App;
use crate::core::error::{Code, Error, FieldError};
use crate::core::password::{self, Lane, Ticket};
use crate::core::tokens::Tokens;
use crate::core::viewer::{Actor, ClientInfo, ClientIp, Viewer};
use crate::domain::ledger::{self, Entry};
use crate::infra::config;
use crate::infra::db::Txn;
use crate::infra::entity::ledger_entry::Reason;
use crate::infra::entity::user;
use secrecy::{ExposeSecret, SecretString};

/// The input of a registration by an unauthenticated client.
pub struct Registration {
    /// The name as typed.
    pub username: String,
    /// The password as typed.
    pub password: SecretString,
}

/// The name and password of a new account, checked by all rules.
pub struct CheckedUser {
    /// The normalized name.
    username: String,
    password: SecretString,
}

impl CheckedUser {
    /// Returns whether the repeated password is the same.
    pub fn is_password(&self, again: &str) -> bool {
        password::normalize(self.password.expose_secret()) == password::normalize(again)
    }
}

/// Registers a user with the configured grant: [`check`], then [`register_checked`].
///
/// # Errors
/// Those of both.
pub async fn register(app: &App, input: Registration, origin: &ClientInfo) -> Result<user::Model, Error> {
    register_checked(app, check(app, input, origin).await?, origin).await
}

/// Checks a registration by all rules, and whether the name is taken. Counts as an attempt, not as an account: a form
/// with an error does not use up the accounts of the address.
///
/// # Errors
/// FORBIDDEN if registration is closed; RATE_LIMITED after too many attempts from the address; INVALID_INPUT with every
/// error of name and password; UNAVAILABLE if the queue for password hashing is full.
pub async fn check(app: &App, input: Registration, origin: &ClientInfo) -> Result<CheckedUser, Error> {
    match app.config.auth.registration {
        config::Registration::Open => {}
        config::Registration::Closed => {
            return Err(Error::forbidden("Registration is closed. Ask an operator for an account."));
        }
    }
    if let Some(address) = &origin.address {
        app.metrics.count_rate_limited("registration_attempts", app.rate_limits.registration_attempt(address).await)?;
    }
    obey_rules(app, &input.username, input.password, origin.address).await
}

/// Registers the user of a checked registration.
///
/// # Errors
/// RATE_LIMITED after too many accounts from the address; INVALID_INPUT if the name was taken meanwhile; UNAVAILABLE if
/// the queue for password hashing is full.
pub async fn register_checked(app: &App, checked: CheckedUser, origin: &ClientInfo) -> Result<user::Model, Error> {
    let ticket = enter(app, Lane::NewPassword, origin.address)?;
    if let Some(address) = &origin.address {
        app.metrics.count_rate_limited("registrations", app.rate_limits.registration(address).await)?;
    }
    let new = ValidatedUser::hashed(app, checked, Roles::default(), ticket).await?;
    app.db.write(new, |txn, new| Box::pin(insert(txn, new))).await
}

/// Checks name and password by all rules; the expensive checks run on a hashing thread.
async fn obey_rules(
    app: &App,
    typed: &str,
    password: SecretString,
    address: Option<ClientIp>,
) -> Result<CheckedUser, Error> {
    let name = username::check(typed);
    let username = name.clone().unwrap_or_default();
    let taken = match &name {
        Ok(_) if find_by_name(app, typed).await?.is_some() => Some(NAME_TAKEN),
        Ok(name) if is_confusable(app, name).await? => Some(NAME_CONFUSABLE),
        _ => None,
    };
    let rated = enter(app, Lane::NewPassword, address)?.check("password", password.clone(), username.clone()).await;
    let of_name = name.err().or_else(|| taken.map(str::to_owned));
    let mut errors: Vec<_> = of_name.map(|message| FieldError { field: "username", message }).into_iter().collect();
    match rated {
        Err(error) if error.code == Code::InvalidInput => errors.extend(error.fields),
        rated => rated?,
    }
    if errors.is_empty() { Ok(CheckedUser { username, password }) } else { Err(Error::invalid(errors)) }
}

const NAME_TAKEN: &str = "user with this username already exists.";
const NAME_CONFUSABLE: &str = "This name looks like that of another user, in another script.";

/// Returns whether a new name is confusable with that of a user in another script (Unicode Technical Standard 39). Two
/// confusable names that are registered concurrently may both pass, since neither is in the database yet.
async fn is_confusable(app: &App, name: &str) -> Result<bool, Error> {
    let Some(skeleton) = username::skeleton(name) else { return Ok(false) };
    let alike = user::Entity::find().filter(user::Column::UsernameSkeleton.eq(skeleton)).limit(MAX_ALIKE);
    let alike = alike.all(app.db.read()).await?;
    Ok(alike.iter().any(|user| username::scripts_differ(&user.username, name)))
}

/// The maximum number of users with the same skeleton that are compared.
const MAX_ALIKE: u64 = 100;

/// Enters the queue for a hashing thread: before an attempt is counted, so that a rejected one does not count.
///
/// # Errors
/// UNAVAILABLE if the queue is full, in total or for the address.
pub fn enter(app: &App, lane: Lane, address: Option<ClientIp>) -> Result<Ticket, Error> {
    app.metrics.count_rate_limited(lane.name(), app.hasher.enter(lane, address))
}

/// Returns the viewer's user; `None` for anonymous viewers.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn me(app: &App, viewer: Viewer) -> Result<Option<user::Model>, Error> {
    let Viewer::User(_) = viewer else { return Ok(None) };
    let identity = viewer.require_read()?;
    Ok(user::Entity::find_by_id(identity.id).one(app.db.read()).await?)
}

/// Returns the user of this name: an exact match, or else the one with the same key; `None` for a name that is too
/// long.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn find_by_name(app: &App, typed: &str) -> Result<Option<user::Model>, Error> {
    let Some((name, key)) = username::normalize(typed).zip(username::key(typed)) else { return Ok(None) };
    // Imported names are stored unchanged, in any Unicode form.
    let names = [typed, name.as_str()];
    let alike = Condition::any().add(user::Column::Username.is_in(names)).add(user::Column::UsernameKey.eq(key));
    let mut found = user::Entity::find().filter(alike).all(app.db.read()).await?;
    let exact = names.iter().find_map(|name| found.iter().position(|user| user.username == *name)).unwrap_or(0);
    Ok(if found.is_empty() { None } else { Some(found.swap_remove(exact)) })
}

/// A change of one's own password.
pub struct PasswordChange {
    /// The current password.
    pub old: SecretString,
    /// The new password.
    pub new: SecretString,
}

/// Changes the viewer's own password, and ends all sessions.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; RATE_LIMITED after too many failed attempts; INVALID_INPUT if the current
/// password is wrong or the new one is not valid; UNAVAILABLE if the queue for password hashing is full.
pub async fn change_password(
    app: &App,
    viewer: Viewer,
    change: PasswordChange,
    origin: &ClientInfo,
) -> Result<user::Model, Error> {
    let PasswordChange { old, new } = change;
    let user = match confirm_password(app, viewer, old, origin).await {
        Err(error) if error.code == Code::InvalidInput => return Err(Error::field("old_password", error.message)),
        confirmed => confirmed?,
    };
    let ticket = enter(app, Lane::NewPassword, origin.address)?;
    ticket.check("new_password", new.clone(), user.username.clone()).await?;
    let hash = enter(app, Lane::NewPassword, origin.address)?.hash(new).await?;
    let changed = app.db.write((user.id, hash), |txn, (id, hash)| Box::pin(set_password_hash(txn, *id, hash))).await?;
    announce_sessions(app, changed.id);
    Ok(changed)
}

/// Deletes the viewer's own account with its sessions, conversations and chats. The ledger keeps its entries, and a new
/// one that writes off the balance.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; RATE_LIMITED after too many failed attempts; INVALID_INPUT for a wrong
/// password; CONFLICT for the last active superuser; UNAVAILABLE if the queue for password hashing is full.
pub async fn delete(app: &App, viewer: Viewer, password: SecretString, origin: &ClientInfo) -> Result<(), Error> {
    let user = confirm_password(app, viewer, password, origin).await?;
    let actor = Actor::User(viewer.require_session()?.0);
    app.db
        .write(user.id, |txn, &id| {
            Box::pin(async move {
                let user = ledger::find_for_update(txn, id).await?;
                admin::check_removable(txn, &user).await
            })
        })
        .await?;
    admin::delete_contents(app, user.id).await?;
    app.db
        .write((actor, user.id, app.clock.now()), |txn, &(actor, user_id, at)| {
            Box::pin(async move {
                let user = ledger::find_for_update(txn, user_id).await?;
                admin::remove(txn, &actor, &user, at).await
            })
        })
        .await?;
    announce_sessions(app, user.id);
    Ok(())
}

/// Verifies the viewer's password and returns the viewer's row. Failed attempts count like failed log-ins, by name and
/// by address.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; RATE_LIMITED after too many failed attempts; INVALID_INPUT for a wrong
/// password, in the field `password`; UNAVAILABLE if the queue for password hashing is full.
pub async fn confirm_password(
    app: &App,
    viewer: Viewer,
    password: SecretString,
    origin: &ClientInfo,
) -> Result<user::Model, Error> {
    let id = viewer.require_session()?.0.id;
    let ticket = enter(app, Lane::Verification, origin.address)?;
    let user = user::Entity::find_by_id(id).one(app.db.read()).await?.ok_or_else(Error::unauthenticated)?;
    register_attempt(app, &user.username_key, origin.address).await?;
    if !ticket.verify(password, Some(user.password_hash.clone())).await? {
        return Err(Error::field("password", "The password is wrong."));
    }
    clear_attempts(app, &user.username_key, origin.address).await;
    Ok(user)
}

/// Registers an attempt at the password of the name with this key, whether or not it exists, from this address.
///
/// # Errors
/// RATE_LIMITED after too many failed attempts for the name or from the address, with the seconds to wait.
pub async fn register_attempt(app: &App, username_key: &str, address: Option<ClientIp>) -> Result<(), Error> {
    let taken = app.login_throttle.take(username_key, address, app.clock.now()).await;
    app.metrics.count_rate_limited("passwords", taken).map_err(|seconds| {
        Error::rate_limited(format!("Too many wrong passwords. Try again in {seconds} seconds."), seconds)
    })
}

/// Clears the failed attempts after a success. Earlier ones from the address stay counted: otherwise anyone with an
/// account could clear them.
pub async fn clear_attempts(app: &App, username_key: &str, address: Option<ClientIp>) {
    app.login_throttle.reset(username_key, address).await;
}

/// Notifies those who serve this user's sessions for longer than one request, such as subscriptions, to check whether
/// they are still valid. Called after the transaction that ended some; they poll for changes whose notification was
/// lost.
pub fn announce_sessions(app: &App, user_id: i64) {
    if let Err(error) = app.credential_cache.invalidate_entries_if(move |_, (identity, _)| identity.id == user_id) {
        // Never with this cache's settings; then the entries expire within a second.
        tracing::error!(%error, "credential cache invalidation failed");
    }
    app.bus.publish(&sessions_topic(user_id), Vec::new);
}

/// Returns the topic of notifications that sessions of this user may have ended.
pub fn sessions_topic(user_id: i64) -> String {
    format!("user:{user_id}:sessions")
}

/// Ends all sessions of a user. Followed by [`announce_sessions`] after the transaction.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn end_sessions(txn: &Txn, user_id: i64) -> Result<(), Error> {
    use sea_orm::sea_query::{Expr, ExprTrait};
    let next = Expr::col(user::Column::SessionEpoch).add(1);
    user::Entity::update_many()
        .col_expr(user::Column::SessionEpoch, next)
        .filter(user::Column::Id.eq(user_id))
        .exec(txn)
        .await?;
    Ok(())
}

async fn set_password_hash(txn: &Txn, user_id: i64, hash: &str) -> Result<user::Model, Error> {
    end_sessions(txn, user_id).await?;
    let changed = user::ActiveModel { id: Set(user_id), password_hash: Set(hash.to_owned()), ..Default::default() };
    Ok(changed.update(txn).await?)
}

/// The roles of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// May see all users and adjust balances.
    pub is_staff: bool,
    /// May do everything.
    pub is_superuser: bool,
}

/// A new user with checked name and hashed password.
struct ValidatedUser {
    username: String,
    username_key: String,
    password_hash: String,
    roles: Roles,
    grant: Tokens,
    /// The operator who creates the account, if it is not the user.
    actor_id: Option<i64>,
    at: chrono::DateTime<chrono::Utc>,
}

impl ValidatedUser {
    async fn hashed(app: &App, checked: CheckedUser, roles: Roles, ticket: Ticket) -> Result<Self, Error> {
        let CheckedUser { username, password } = checked;
        Ok(Self {
            username_key: username::key(&username).ok_or_else(|| Error::internal("a checked name has a key"))?,
            username,
            password_hash: ticket.hash(password).await?,
            roles,
            grant: Tokens(app.config.ledger.signup_grant),
            actor_id: None,
            at: app.clock.now(),
        })
    }
}

/// Inserts the user with an empty balance, and posts the grant to the ledger.
async fn insert(txn: &Txn, new: &ValidatedUser) -> Result<user::Model, Error> {
    let row = user::ActiveModel {
        id: NotSet,
        username: Set(new.username.clone()),
        username_key: Set(new.username_key.clone()),
        username_skeleton: Set(username::skeleton(&new.username)),
        password_hash: Set(new.password_hash.clone()),
        is_active: Set(true),
        is_staff: Set(new.roles.is_staff),
        is_superuser: Set(new.roles.is_superuser),
        tokens: Set(Tokens::ZERO),
        held: Set(Tokens::ZERO),
        session_epoch: Set(0),
        created_at: Set(new.at),
        last_login_at: Set(None),
    };
    let mut user = row.insert(txn).await.map_err(|error| match error.sql_err() {
        // The database decides, so that of concurrent registrations of one name only one succeeds.
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::field("username", NAME_TAKEN),
        _ => error.into(),
    })?;
    if new.grant > Tokens::ZERO {
        let grant = Entry::new(user.id, new.grant, Reason::SignupGrant, new.at);
        user.tokens = ledger::post_entry(txn, &Entry { actor_id: new.actor_id, ..grant }).await?.balance.tokens;
    }
    Ok(user)
}
