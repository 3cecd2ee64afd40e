//! Serves the browser client, which is built into `web/dist` and embedded here.
//!
//! It calls no API: the client uses the GraphQL API like any other. Names of assets contain a hash of their content, so
//! they are cached as immutable; every other path serves the page itself, which routes by the path.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use tower_http::compression::CompressionLayer;

/// The output of `make web`; empty if it was not built.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// Content Security Policy: only our own script files, and no other host. Inline styles are for the component library;
/// [`policy`] adds the inline script of the page.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; \
    object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// The routes of the client.
const PAGES: [&str; 10] = [
    "/",
    "/c/{conversation}",
    "/login",
    "/register",
    "/account",
    "/groups/{group}",
    "/admin",
    "/admin/",
    "/admin/{*page}",
    "/graphiql",
];

/// Returns the routes of the browser client.
pub fn router() -> Router {
    let mut router = Router::new().route("/assets/{*name}", get(asset));
    for page in PAGES {
        router = router.route(page, get(page_or_advice));
    }
    // Other files of the root directory, by their own names.
    for name in Dist::iter().filter(|name| !name.contains('/') && name != "index.html") {
        let file = name.to_string();
        router = router.route(&format!("/{name}"), get(async move |headers: HeaderMap| serve(&file, &headers, false)));
    }
    router.fallback(nothing_here).layer(CompressionLayer::new().gzip(true))
}

/// Returns 404: with the client, which shows an error page, for browsers; without a body for API clients.
async fn nothing_here(method: Method, headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if method != Method::GET || !accepted.contains("text/html") || Dist::get("index.html").is_none() {
        return StatusCode::NOT_FOUND.into_response();
    }
    // Without the ETag: a conditional request must get 404 too, not 304.
    let mut response = page_or_advice(HeaderMap::new()).await;
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().remove(ETAG);
    response
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("assets/{name}"), &headers, true)
}

async fn page_or_advice(headers: HeaderMap) -> Response {
    let Some(page) = Dist::get("index.html") else {
        let advice = "<!doctype html><title>Jeton</title><p>The server is running, but the browser client was not \
            built into it. Run <code>make web</code>, and build again. The GraphQL API is at <code>/graphql</code>.";
        return (StatusCode::NOT_FOUND, Html(advice)).into_response();
    };
    let policy = policy(&String::from_utf8_lossy(&page.data));
    let mut response = respond(page, &headers, false);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// Returns the policy with the hash of each inline script of the page (CSP Level 3, hash-source): the login form of the
/// first response has one, which works before any file is loaded. No other inline script is executed.
fn policy(page: &str) -> HeaderValue {
    let scripts = page.split("<script>").skip(1).filter_map(|rest| rest.split_once("</script>"));
    let hashes: String =
        scripts.map(|(script, _)| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(script)))).collect();
    let policy = POLICY.replacen("script-src 'self'", &format!("script-src 'self'{hashes}"), 1);
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(POLICY))
}

fn serve(name: &str, headers: &HeaderMap, for_ever: bool) -> Response {
    Dist::get(name).map_or(StatusCode::NOT_FOUND.into_response(), |file| respond(file, headers, for_ever))
}

fn respond(EmbeddedFile { data, metadata }: EmbeddedFile, headers: &HeaderMap, for_ever: bool) -> Response {
    let hash: String = metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // Weak, since the body may be compressed in transit.
    let tag = format!("W/\"{hash}\"");
    let keep = if for_ever { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    if known.flat_map(|value| value.split(',')).any(|known| known.trim() == tag || known.trim() == "*") {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag), (CACHE_CONTROL, keep.to_owned())]).into_response();
    }
    let headers = [(CONTENT_TYPE, metadata.mimetype().to_owned()), (ETAG, tag), (CACHE_CONTROL, keep.to_owned())];
    (headers, Body::from(data.into_owned())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_scripts_of_the_page_are_allowed_by_their_hash_and_no_others() {
        assert_eq!(policy("<p>none</p><script type=\"module\" src=\"/a.js\"></script>"), POLICY);
        // The example of MDN's page on script-src.
        let hash = "script-src 'self' 'sha256-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8=';";
        let one = policy("<script>var inline = 1;</script><script src=\"/a.js\"></script>");
        assert!(one.to_str().unwrap().contains(hash), "{one:?}");
    }
}
