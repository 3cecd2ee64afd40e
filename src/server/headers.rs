//! Headers that every response carries, and CORS: which cross-origin pages may read responses.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Method, Response};
use tower::util::MapResponseLayer;
use tower_http::cors::{AllowHeaders, CorsLayer};

use super::REQUEST_ID;
use crate::infra::config::Http;

/// How long a browser may cache a CORS preflight response.
const CORS_MAX_AGE: Duration = Duration::from_secs(600);

/// Returns the layer of default response headers, for responses that do not set them. By default a response is for one
/// user, so no cache may store it; the files of the browser client set their own lifetime.
pub(super) fn defaults<B>(http: &Http) -> MapResponseLayer<impl Fn(Response<B>) -> Response<B> + Clone + use<B>> {
    let mut defaults = vec![
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let of_documents: Arc<[_]> = Arc::new([
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
        ),
    ]);
    if http.is_tls() && !http.hsts.is_zero() {
        let policy = HeaderValue::from_str(&format!("max-age={}", http.hsts.as_secs()));
        defaults.extend(policy.ok().map(|policy| (STRICT_TRANSPORT_SECURITY, policy)));
    }
    let defaults: Arc<[_]> = defaults.into();
    MapResponseLayer::new(move |mut response: Response<B>| {
        let of_documents = if is_part_of_page(&response) { &[] } else { &of_documents[..] };
        for (name, value) in defaults.iter().chain(of_documents) {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        response
    })
}

/// Returns whether a response is a script or a style sheet. What protects documents would be a fiftieth of the first load of
/// the browser client.
fn is_part_of_page<B>(response: &Response<B>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/javascript") || kind.starts_with("text/css")
}

/// Returns the CORS layer that lets the configured origins call the API; `None` without origins. Without credentials: a
/// cross-origin page sends its own token, and the session cookie of a browser is not sent.
pub(super) fn cors(http: &Http) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = http.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let custom = |name| HeaderName::from_static(name);
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            // Libraries send their own headers (`x-stainless-os`, `traceparent`); a page of a configured origin may
            // send any.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([
                RETRY_AFTER,
                REQUEST_ID,
                custom("x-should-retry"),
                custom("x-jeton-chat-id"),
                custom("x-jeton-cost"),
                custom("x-jeton-hold"),
                custom("x-jeton-tokens-remaining"),
            ])
            .max_age(CORS_MAX_AGE)
    })
}
