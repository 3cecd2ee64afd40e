//! Confirmation of an operator's identity by their own password.

use secrecy::SecretString;

use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::viewer::{Actor, ClientInfo, Staff};
use crate::domain::account::password::verify_own;

/// Returns the actor for an action of an operator: [`Actor::Confirmed`] for a superuser who has entered their own
/// password. For others the password is not verified, since they can't change roles with the right one either. A failed
/// attempt counts like a failed login.
///
/// # Errors
/// RATE_LIMITED after too many failed attempts; INVALID_INPUT for a wrong password, in the field `own_password`;
/// UNAVAILABLE if the queue for password hashing is full.
pub async fn confirm(
    app: &App,
    staff: Staff,
    own_password: Option<SecretString>,
    origin: &ClientInfo,
) -> Result<Actor, Error> {
    let Some(password) = own_password.filter(|_| staff.is_superuser) else { return Ok(Actor::Staff(staff)) };
    match verify_own(app, *staff, password, origin).await {
        Err(error) if error.code == Code::InvalidInput => Err(Error::field("own_password", error.message)),
        verified => verified.map(|_| Actor::Confirmed(staff)),
    }
}
