//! Request bodies of all routes: an extractor receives the whole body, within the limits, or the reason for its
//! rejection.

use axum::body::{Body, HttpBody};
use futures::stream::once;
use hyper::Request;

use crate::app::App;
use crate::core::viewer::ClientIp;
use crate::infra::request_body::{BodyOwner, Limits};

/// Returns the request with a body that is received when it is first polled, at most `bytes` bytes, as one chunk. It
/// counts for the client's address; routes that authenticate the client first receive the body themselves.
pub(super) fn bounded(app: &App, bytes: usize, request: Request<Body>) -> Request<Body> {
    if request.body().is_end_stream() {
        return request;
    }
    let address = request.extensions().get::<ClientIp>().copied();
    let limits = Limits { bytes, owner: BodyOwner::Address(address), address };
    let app = app.clone();
    request.map(|body| Body::from_stream(once(async move { app.bodies.read(&app.metrics, body, limits).await })))
}
