//! Request bodies of all routes: whoever asks for one gets it whole, within the limits, or the reason why not.

use axum::body::{Body, HttpBody};
use futures::stream::once;
use hyper::Request;

use crate::app::App;
use crate::core::request_body::{Limits, Owner};
use crate::core::viewer::ClientIp;

/// The request with a body that is received once it is asked for, at most so many bytes, in one part. It counts for the
/// client's address; routes that know more of the client receive it themselves.
pub(super) fn bounded(app: &App, bytes: usize, request: Request<Body>) -> Request<Body> {
    if request.body().is_end_stream() {
        return request;
    }
    let address = request.extensions().get::<ClientIp>().copied();
    let limits = Limits { bytes, owner: Owner::Address(address), address };
    let app = app.clone();
    request.map(|body| Body::from_stream(once(async move { app.bodies.read(&app.metrics, body, limits).await })))
}
