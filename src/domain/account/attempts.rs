//! Attempts at passwords: the queue for hashing threads, and the throttle of log-ins.

use crate::app::App;
use crate::core::error::Error;
use crate::core::password::{QueueKind, Ticket};
use crate::core::viewer::ClientIp;

/// Enters the queue for a hashing thread: before an attempt is counted, so that a rejected one does not count.
///
/// # Errors
/// UNAVAILABLE if the queue is full, in total or for the address.
pub fn enter(app: &App, queue: QueueKind, address: Option<ClientIp>) -> Result<Ticket, Error> {
    app.metrics.count_rate_limited(queue.name(), app.hasher.enter(queue, address))
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
