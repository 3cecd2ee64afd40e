//! What the transports of subscriptions share: permits, and the reasons to end a stream.

use std::time::Duration;

use axum::http::StatusCode;
use tokio_util::task::AbortOnDropHandle;

use super::super::execution::request::RequestRejection;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::UserId;
use crate::core::throttle::Permit;
use crate::domain::session;

/// Grace period of open streams at shutdown, to send the final events of their operations.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// Watches the session of an access token, and returns the reason once it is no longer valid.
///
/// It runs in a task of its own: between two polls it may hold a database connection, which in the task of a transport
/// would wait for the client.
pub(super) fn watch_session(app: &App, token: String, user_id: UserId) -> AbortOnDropHandle<Error> {
    let watched = app.clone();
    let watch = async move { session::wait_until_invalid(&watched, &token, user_id).await.into() };
    AbortOnDropHandle::new(app.streams.spawn(watch))
}

/// Takes a permit for a stream of a user.
///
/// # Errors
/// RATE_LIMITED if the user has too many open streams.
pub(super) fn stream_permit(app: &App, user_id: UserId) -> Result<Permit<UserId>, RequestRejection> {
    let rejection = |_| RequestRejection {
        code: Code::RateLimited,
        ..RequestRejection::new(StatusCode::TOO_MANY_REQUESTS, "Too many open streams. Close some of them.")
    };
    app.user_streams.take(user_id).map_err(rejection)
}

/// Waits for the shutdown of the server, and then for the final events of operations.
pub(super) async fn server_stopped(app: App) {
    app.stopping.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}
