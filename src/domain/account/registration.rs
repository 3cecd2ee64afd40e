//! Registration by unauthenticated clients.

use secrecy::SecretString;

use super::attempts::enter;
use super::insert::{Roles, ValidatedUser, insert};
use super::rules::{CheckedUser, obey_rules};
use super::username;
use crate::app::App;
use crate::core::error::Error;
use crate::core::password::QueueKind;
use crate::core::viewer::ClientInfo;
use crate::infra::config;
use crate::infra::entity::user;

/// The input of a registration by an unauthenticated client.
pub struct Registration {
    /// The name as typed.
    pub username: String,
    /// The password as typed.
    pub password: SecretString,
}

/// Registers a user with the configured grant: [`username::check`] and what [`check`] does, then [`register_checked`].
///
/// # Errors
/// Those of both.
pub async fn register(app: &App, input: Registration, origin: &ClientInfo) -> Result<user::Model, Error> {
    let name = username::check(&input.username);
    register_checked(app, check_named(app, name, input.password, origin).await?, origin).await
}

/// Checks a registration by all rules of the Django application, whose names may have any visible characters, and
/// whether the name is taken. Counts as an attempt, not as an account: a form with an error does not use up the accounts
/// of the address.
///
/// # Errors
/// FORBIDDEN if registration is closed; RATE_LIMITED after too many attempts from the address; INVALID_INPUT with every
/// error of name and password; UNAVAILABLE if the queue for password hashing is full.
pub async fn check(app: &App, input: Registration, origin: &ClientInfo) -> Result<CheckedUser, Error> {
    check_named(app, username::check_visible(&input.username), input.password, origin).await
}

async fn check_named(
    app: &App,
    name: Result<String, String>,
    password: SecretString,
    origin: &ClientInfo,
) -> Result<CheckedUser, Error> {
    match app.config().auth.registration {
        config::Registration::Open => {}
        config::Registration::Closed => {
            return Err(Error::forbidden("Registration is closed. Ask an operator for an account."));
        }
    }
    if let Some(address) = &origin.address {
        app.metrics.count_rate_limited("registration_attempts", app.rate_limits.registration_attempt(address).await)?;
    }
    obey_rules(app, name, password, origin.address).await
}

/// Registers the user of a checked registration.
///
/// # Errors
/// RATE_LIMITED after too many accounts from the address; INVALID_INPUT if the name was taken meanwhile; UNAVAILABLE if
/// the queue for password hashing is full.
pub async fn register_checked(app: &App, checked: CheckedUser, origin: &ClientInfo) -> Result<user::Model, Error> {
    let ticket = enter(app, QueueKind::NewPassword, origin.address)?;
    if let Some(address) = &origin.address {
        app.metrics.count_rate_limited("registrations", app.rate_limits.registration(address).await)?;
    }
    let new = ValidatedUser::hashed(app, checked, Roles::default(), ticket).await?;
    app.db.write(new, |txn, new| Box::pin(insert(txn, new))).await
}
