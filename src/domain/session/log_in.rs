//! Log-in with a name and a password.

use secrecy::SecretString;

use super::create::{TokenPair, create};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::password::QueueKind;
use crate::core::viewer::ClientInfo;
use crate::domain::account;

const DEACTIVATED: &str = "This account is deactivated. Ask an operator.";

/// Verifies a name and password, and creates a session.
///
/// # Errors
/// UNAUTHENTICATED, one and the same for an unknown name and a wrong password; FORBIDDEN for a deactivated user, only
/// with the right password; RATE_LIMITED after too many failed attempts for the name, or from the address; UNAVAILABLE
/// if the queue for password hashing is full.
pub async fn log_in(app: &App, username: &str, password: SecretString, origin: ClientInfo) -> Result<TokenPair, Error> {
    let ticket = account::enter(app, QueueKind::Verification, origin.address)?;
    // A name that is too long to be any user's is handled and counted like an unknown one.
    let key = account::username::key(username).unwrap_or_else(|| account::username::TOO_LONG.to_owned());
    account::register_attempt(app, &key, origin.address).await?;
    let user = account::find_by_name(app, username).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let matches = ticket.verify(password.clone(), hash).await?;
    match user.filter(|_| matches) {
        // The attempt stays counted, so that this is no faster way to guess.
        Some(user) if !user.is_active => Err(Error::forbidden(DEACTIVATED)),
        Some(user) => {
            account::clear_attempts(app, &key, origin.address).await;
            account::import::renew_hash(app, &user, password, origin.address).await?;
            create(app, user, &origin).await
        }
        None => Err(Error::new(Code::Unauthenticated, "No active account found with the given credentials.")),
    }
}
