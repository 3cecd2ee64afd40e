//! The message rate limit, which counts each message and API call once.

use crate::app::App;
use crate::core::error::Error;
use crate::core::viewer::{Identity, Viewer};

/// The proof that the message rate limit has counted a call.
#[derive(Clone, Copy, Debug)]
pub struct Admission(());

/// Counts a call before its body is read, for bodies that cost more than a usual message.
///
/// # Errors
/// UNAUTHENTICATED for anonymous viewers; FORBIDDEN for API keys without the scope; RATE_LIMITED.
pub async fn admit(app: &App, viewer: Viewer) -> Result<Admission, Error> {
    count(app, viewer.require_completions()?).await
}

/// Counts a message or call against the rate limit.
pub(super) async fn count(app: &App, identity: Identity) -> Result<Admission, Error> {
    app.metrics.count_rate_limited("messages", app.rate_limits.message(identity.id, identity.api_key()).await)?;
    Ok(Admission(()))
}
