//! Accounts: registering, profiles, passwords, roles, deletion.
//!
//! Who may do what is decided here, once, for every transport and for the command line. Balances are `ledger`'s and
//! sessions `session`'s; this room ends the sessions of a user by counting up the `session_epoch` of the user's row.

pub mod admin;
pub mod import;
pub mod name;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, EntityTrait, QueryFilter, SqlErr};

use crate::app::App;
use crate::config::Registration;
use crate::db::Txn;
use crate::entity::ledger_entry::Reason;
use crate::entity::user;
use crate::error::{Error, FieldError};
use crate::ledger::{self, Entry};
use crate::password;
use crate::tokens::Tokens;
use crate::viewer::{Actor, Address, Origin, Viewer};
use secrecy::{ExposeSecret, SecretString};

/// What a stranger gives to get an account.
pub struct Registering {
    /// The name as it was typed.
    pub username: String,
    /// The password as it was typed.
    pub password: SecretString,
}

/// Makes an account for a stranger, with the configured grant.
///
/// # Errors
/// FORBIDDEN where registration is closed; RATE_LIMITED after too many from the address; INVALID_INPUT with every mistake
/// in name and password, or where the name is taken.
pub async fn register(app: &App, input: Registering, origin: &Origin) -> Result<user::Model, Error> {
    check_open(app)?;
    if let Some(address) = &origin.address {
        app.metrics.limited("registrations", app.rates.registration(address).await)?;
    }
    let new = NewUser::checked(app, &input.username, input.password, Roles::default()).await?;
    app.db.write(new, |txn, new| Box::pin(insert(txn, new))).await
}

/// Everything that is wrong with an account before it is made, a taken name included.
///
/// # Errors
/// As [`register`].
pub async fn check(app: &App, input: &Registering) -> Result<(), Error> {
    check_open(app)?;
    let mut mistakes = rule_mistakes(&name::normalize(&input.username), input.password.expose_secret());
    if mistakes.iter().all(|mistake| mistake.field != "username") && find_by_name(app, &input.username).await?.is_some()
    {
        mistakes.insert(0, name_taken());
    }
    if mistakes.is_empty() { Ok(()) } else { Err(Error::invalid(mistakes)) }
}

fn check_open(app: &App) -> Result<(), Error> {
    match app.config.auth.registration {
        Registration::Open => Ok(()),
        Registration::Closed => Err(Error::forbidden("Registration is closed. Ask an operator for an account.")),
    }
}

fn rule_mistakes(username: &str, password: &str) -> Vec<FieldError> {
    let rules = [("username", name::check(username)), ("password", password::check(password, username))];
    rules.into_iter().filter_map(|(field, rule)| Some(FieldError { field, message: rule.err()? })).collect()
}

fn name_taken() -> FieldError {
    FieldError { field: "username", message: "user with this username already exists.".to_owned() }
}

/// The user who is asking; nobody for anonymous viewers.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn me(app: &App, viewer: Viewer) -> Result<Option<user::Model>, Error> {
    let Viewer::User(_) = viewer else { return Ok(None) };
    let identity = viewer.user()?;
    Ok(user::Entity::find_by_id(identity.id).one(app.db.read()).await?)
}

/// The user of this name: as it is written, or else one that looks alike.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn find_by_name(app: &App, typed: &str) -> Result<Option<user::Model>, Error> {
    let (name, key) = (name::normalize(typed), name::key(typed));
    // Names that came by import are stored as they were, in any Unicode form.
    let names = [typed, name.as_str()];
    let alike = Condition::any().add(user::Column::Username.is_in(names)).add(user::Column::UsernameKey.eq(key));
    let mut found = user::Entity::find().filter(alike).all(app.db.read()).await?;
    let exact = names.iter().find_map(|name| found.iter().position(|user| user.username == *name)).unwrap_or(0);
    Ok(if found.is_empty() { None } else { Some(found.swap_remove(exact)) })
}

/// Changes one's own password, and ends all sessions.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; RATE_LIMITED after too many wrong tries; INVALID_INPUT where the old password
/// is wrong or the new one will not do.
pub async fn change_password(
    app: &App,
    viewer: Viewer,
    old: SecretString,
    new: SecretString,
) -> Result<user::Model, Error> {
    let user = confirm_password(app, viewer, old, "old_password").await?;
    password::check(new.expose_secret(), &user.username).map_err(|message| Error::field("new_password", message))?;
    let hash = app.hasher.hash(new).await?;
    let changed = app.db.write((user.id, hash), |txn, (id, hash)| Box::pin(set_password_hash(txn, *id, hash))).await?;
    announce_sessions(app, changed.id);
    Ok(changed)
}

/// Deletes one's own account with its sessions, conversations and chats. The ledger keeps its entries, and one more that
/// writes off the rest.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; RATE_LIMITED after too many wrong tries; INVALID_INPUT for a wrong password;
/// CONFLICT for the last active superuser.
pub async fn delete(app: &App, viewer: Viewer, password: SecretString) -> Result<(), Error> {
    let user = confirm_password(app, viewer, password, "password").await?;
    let actor = Actor::User(viewer.person()?.0);
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

/// The viewer's row, once the viewer has given the password again. Wrong tries count like wrong log-ins.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; RATE_LIMITED after too many wrong tries; INVALID_INPUT for a wrong password,
/// with the name of the field that held it.
pub async fn confirm_password(
    app: &App,
    viewer: Viewer,
    password: SecretString,
    field: &'static str,
) -> Result<user::Model, Error> {
    let (identity, _) = viewer.person()?;
    let id = identity.id;
    let user = user::Entity::find_by_id(id).one(app.db.read()).await?.ok_or_else(Error::unauthenticated)?;
    take_try(app, &user.username_key, None).await?;
    if !app.hasher.verify(password, Some(user.password_hash.clone())).await? {
        return Err(Error::field(field, "The password is wrong."));
    }
    forget_try(app, &user.username_key, None).await;
    Ok(user)
}

/// Takes one try at the password of the name with this key, known or not, from this address.
///
/// # Errors
/// RATE_LIMITED after too many wrong ones for the name or from the address, with the seconds to wait.
pub async fn take_try(app: &App, username_key: &str, address: Option<Address>) -> Result<(), Error> {
    let taken = app.guesses.take(username_key, address, app.clock.now()).await;
    app.metrics.limited("passwords", taken).map_err(|seconds| {
        Error::rate_limited(format!("Too many wrong passwords. Try again in {seconds} seconds."), seconds)
    })
}

/// The last try was right. Those from the address before it stay counted: whoever has an account could forget them.
pub async fn forget_try(app: &App, username_key: &str, address: Option<Address>) {
    app.guesses.forget(username_key, address).await;
}

/// Tells those who serve a session of this user for longer than one request to look whether it is still good. Called
/// after the transaction that ended some; where that is forgotten or lost, they see it a little later.
pub fn announce_sessions(app: &App, user_id: i64) {
    if let Err(error) = app.viewers.invalidate_entries_if(move |_, (identity, _)| identity.id == user_id) {
        // Never, as the cache is made; then it takes a second.
        tracing::error!(%error, "credentials could not be forgotten");
    }
    app.bus.publish(&sessions_topic(user_id), Vec::new);
}

/// Where it is told that sessions of this user may have ended.
pub fn sessions_topic(user_id: i64) -> String {
    format!("user:{user_id}:sessions")
}

/// Ends all sessions of a user at once. Followed by [`announce_sessions`] after the transaction.
///
/// # Errors
/// INTERNAL where the database fails.
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

/// What a user may do beyond chatting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// May see everybody and adjust balances.
    pub is_staff: bool,
    /// May do everything.
    pub is_superuser: bool,
}

/// A new user whose name and password have been checked.
struct NewUser {
    username: String,
    username_key: String,
    password_hash: String,
    roles: Roles,
    grant: Tokens,
    /// The operator who makes the account, if it is not the user.
    actor_id: Option<i64>,
    at: chrono::DateTime<chrono::Utc>,
}

impl NewUser {
    async fn checked(app: &App, typed: &str, password: SecretString, roles: Roles) -> Result<Self, Error> {
        let username = name::normalize(typed);
        let mistakes = rule_mistakes(&username, password.expose_secret());
        if !mistakes.is_empty() {
            return Err(Error::invalid(mistakes));
        }
        Ok(Self {
            username_key: name::key(&username),
            username,
            password_hash: app.hasher.hash(password).await?,
            roles,
            grant: Tokens(app.config.ledger.signup_grant),
            actor_id: None,
            at: app.clock.now(),
        })
    }
}

/// Inserts the user with an empty balance and lets the ledger grant the first tokens.
async fn insert(txn: &Txn, new: &NewUser) -> Result<user::Model, Error> {
    let row = user::ActiveModel {
        id: NotSet,
        username: Set(new.username.clone()),
        username_key: Set(new.username_key.clone()),
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
        // The database decides, so that of ten who register a name at once one gets it.
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::invalid(vec![name_taken()]),
        _ => error.into(),
    })?;
    if new.grant > Tokens::ZERO {
        let grant = Entry::new(user.id, new.grant, Reason::SignupGrant, new.at);
        user.tokens = ledger::apply(txn, &Entry { actor_id: new.actor_id, ..grant }).await?.balance.tokens;
    }
    Ok(user)
}
