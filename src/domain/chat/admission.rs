//! The message rate limit, which counts each message and API call once.

use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::{Caller, Identity};

/// The proof that the message rate limit has counted a call.
#[derive(Clone, Copy, Debug)]
pub struct Admission(());

/// Counts a call before its body is read, for bodies that cost more than a usual message.
///
/// # Errors
/// RATE_LIMITED.
pub async fn admit(app: &App, caller: Caller) -> Result<Admission, Error> {
    count(app, *caller).await
}

/// Counts a message or call against the rate limit.
pub(super) async fn count(app: &App, identity: Identity) -> Result<Admission, Error> {
    app.metrics.count_rate_limited("messages", app.rate_limits.message(identity.id, identity.api_key()).await)?;
    Ok(Admission(()))
}
