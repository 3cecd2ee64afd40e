//! Request parsing and authentication for all transports: the credential, the GraphQL request, and whether the
//! transport may carry it. Executing the operation is in [`super::operation`].

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::ServerError;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use super::Schema;
use super::budget::Budgets;
use super::expensive::Expensive;
use super::facts::SchemaFacts;
use super::operation::Documents;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::json;
use crate::core::throttle::Permit;
use crate::core::viewer::{ClientInfo, ClientIp, Viewer};
use crate::domain::session::{self, AuthError};
use crate::infra::request_body;

/// Grace period of open streams at shutdown, to send the final events of their operations.
const STOP_GRACE: Duration = Duration::from_millis(500);
/// Size above which requests are parsed on the worker thread for expensive work, in bytes.
const LARGE: usize = 64 << 10;
pub(super) const JSON: &str = "application/json";
/// Maximum number of values of a body, including nested ones.
const MAX_VALUES: usize = 10_000;

/// The state that all transports share.
#[derive(Clone)]
pub(super) struct Graphql {
    pub(super) app: App,
    pub(super) schema: Schema,
    pub(super) facts: Arc<SchemaFacts>,
    pub(super) documents: Documents,
    pub(super) budgets: Arc<Budgets>,
    pub(super) expensive: Arc<Expensive>,
}

impl Graphql {
    /// Parses JSON, a large text on the worker thread for expensive work.
    ///
    /// # Errors
    /// INTERNAL if parsing panics.
    pub(super) async fn read<T: DeserializeOwned + Send + 'static>(
        &self,
        text: Bytes,
    ) -> Result<serde_json::Result<T>, Error> {
        let size = text.len();
        let read = move || serde_json::from_slice(&text);
        if size > LARGE { self.expensive.run(async move { read() }).await } else { Ok(read()) }
    }
}

/// A GraphQL request, in the shape of all transports.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GraphqlRequest {
    pub(super) query: Option<String>,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    pub(super) variables: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    /// Must be an object, as the specification requires; not used.
    pub(super) extensions: Option<serde_json::Map<String, serde_json::Value>>,
    /// Size of the request, in bytes.
    #[serde(skip)]
    pub(super) bytes: usize,
}

/// A rejected request, which is not executed: its HTTP status, for transports that have one, and its error.
pub(super) struct RequestRejection {
    pub(super) status: StatusCode,
    /// Whether the request was well-formed, so that its response in `application/json` has the status 200.
    pub(super) well_formed: bool,
    pub(super) code: Code,
    pub(super) message: String,
    /// The validation errors of a document, with their locations; otherwise empty.
    pub(super) errors: Vec<ServerError>,
    /// The time after which to retry, in seconds.
    pub(super) retry_after: Option<u64>,
}

impl RequestRejection {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { Code::PayloadTooLarge } else { Code::InvalidInput };
        Self { status, well_formed: false, code, message: message.into(), errors: Vec::new(), retry_after: None }
    }

    /// A well-formed request that cannot be executed.
    pub(super) fn of_document(message: impl Into<String>) -> Self {
        Self { well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    /// A document with validation errors.
    pub(super) fn of_errors(errors: Vec<ServerError>) -> Self {
        let message = errors.first().map(|error| error.message.clone()).unwrap_or_default();
        Self { errors, ..Self::of_document(message) }
    }

    /// A fault of the server.
    pub(super) fn fault(error: Error) -> Self {
        tracing::error!(?error, "GraphQL request could not be parsed");
        Self { code: error.code, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.message) }
    }

    /// A body that could not be received.
    fn of_body(error: Error) -> Self {
        let status = match error.code {
            Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { code: error.code, retry_after: error.retry_after, ..Self::new(status, error.message) }
    }

    pub(super) fn unauthenticated(message: &str) -> Self {
        Self { code: Code::Unauthenticated, ..Self::new(StatusCode::UNAUTHORIZED, message) }
    }
}

/// Returns the access token of the `Authorization` header.
///
/// # Errors
/// UNAUTHENTICATED for a header with another scheme.
pub(super) fn credential(headers: &HeaderMap) -> Result<Option<String>, RequestRejection> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    bearer(header.to_str().unwrap_or_default()).map(Some)
}

/// Returns whether a WebSocket may be opened: by a page of this server's own origin or a listed one. Browsers send no
/// preflight before they open one, so any page could register and log in from its visitor's address. Clients other than
/// browsers send no origin.
pub(super) fn may_open_socket(headers: &HeaderMap, listed: &[String]) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let Some(origin) = text(ORIGIN) else { return true };
    if listed.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
        return true;
    }
    // A proxy may change the host, but not the `Sec-Fetch-Site` header of the browser.
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let host = text(HOST).unwrap_or_default();
    origin.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host))
}

/// Returns the token of a value in the form of the `Authorization` header.
///
/// # Errors
/// UNAUTHENTICATED for another scheme.
pub(super) fn bearer(value: &str) -> Result<String, RequestRejection> {
    let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.trim().to_owned());
    token.ok_or_else(|| RequestRejection::unauthenticated("Use `Authorization: Bearer <access token>`."))
}

/// Returns the viewer of a token; without one, the anonymous viewer. An invalid token rejects the request, since
/// continuing as anonymous would be confusing.
///
/// # Errors
/// UNAUTHENTICATED for an invalid token; UNAVAILABLE or INTERNAL if it cannot be checked.
pub(super) async fn viewer(app: &App, token: Option<&str>) -> Result<Viewer, RequestRejection> {
    let Some(token) = token else { return Ok(Viewer::Anonymous) };
    match session::authenticate(app, token).await {
        Ok(identity) => Ok(Viewer::User(identity)),
        Err(AuthError::Failed(error)) => {
            tracing::error!(?error, "GraphQL authentication failed");
            let status = match error.code {
                Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            Err(RequestRejection { code: error.code, ..RequestRejection::new(status, error.message) })
        }
        Err(invalid) => Err(RequestRejection::unauthenticated(&Error::from(invalid).message)),
    }
}

/// Watches the session of an access token, and returns the reason once it is no longer valid.
///
/// It runs in a task of its own: between two polls it may hold a database connection, which in the task of a transport
/// would wait for the client.
pub(super) fn watch_session(app: &App, token: String, user_id: i64) -> AbortOnDropHandle<Error> {
    let watched = app.clone();
    let watch = async move { session::wait_until_invalid(&watched, &token, user_id).await.into() };
    AbortOnDropHandle::new(app.streams.spawn(watch))
}

/// Takes a permit for a stream of a user.
///
/// # Errors
/// RATE_LIMITED if the user has too many open streams.
pub(super) fn stream_place(app: &App, user_id: i64) -> Result<Permit<i64>, RequestRejection> {
    let refusal = |_| RequestRejection {
        code: Code::RateLimited,
        ..RequestRejection::new(StatusCode::TOO_MANY_REQUESTS, "Too many open streams. Close some of them.")
    };
    app.user_streams.take(user_id).map_err(refusal)
}

/// Waits for the shutdown of the server, and then for the final events of operations.
pub(super) async fn server_stopped(app: App) {
    app.stopping.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

/// Returns the client of a request: its address and user agent.
pub(super) fn origin(headers: &HeaderMap, address: Option<Extension<ClientIp>>) -> ClientInfo {
    ClientInfo { address: address.map(|Extension(address)| address), user_agent: text(headers, USER_AGENT.as_str()) }
}

/// Parses the query string of a GET.
///
/// # Errors
/// `variables` or `extensions` that are not JSON objects.
pub(super) fn from_query(query: &str) -> Result<GraphqlRequest, RequestRejection> {
    let mut asked = GraphqlRequest { bytes: query.len(), ..GraphqlRequest::default() };
    let object = |name: &str, text: &str| match text {
        "" | "null" => Ok(None),
        text => serde_json::from_str(text)
            .map(Some)
            .map_err(|_| RequestRejection::new(StatusCode::BAD_REQUEST, format!("`{name}` is not a JSON object."))),
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "query" => asked.query = Some(value.into_owned()),
            "operationName" => asked.operation_name = Some(value.into_owned()).filter(|name| !name.is_empty()),
            "variables" => asked.variables = object("variables", &value)?,
            "extensions" => asked.extensions = object("extensions", &value)?,
            _ => {}
        }
    }
    Ok(asked)
}

/// Parses the body of a POST. It must be JSON, since a cross-origin page could send other types without a preflight.
///
/// # Errors
/// Another content type; a body that is too large or too slow; malformed JSON.
pub(super) async fn from_body(app: &App, headers: &HeaderMap, body: Body) -> Result<GraphqlRequest, RequestRejection> {
    let media_type = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let mut parts = media_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(JSON));
    let charset = parts.find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    if !is_json || charset.is_some_and(|charset| charset.trim_matches('"') != "utf-8") {
        return Err(RequestRejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Send {JSON}, in UTF-8.")));
    }
    let body =
        body.collect().await.map_err(|error| RequestRejection::of_body(request_body::reason(&error)))?.to_bytes();
    app.bodies.work(body.len(), move || parse(&body)).await.map_err(RequestRejection::fault)?
}

/// Parses a body. Takes time in proportion to the body, and not much more memory.
fn parse(body: &[u8]) -> Result<GraphqlRequest, RequestRejection> {
    if json::shape(body).values > MAX_VALUES {
        return Err(RequestRejection::new(
            StatusCode::BAD_REQUEST,
            format!("The body has more than {MAX_VALUES} values."),
        ));
    }
    let value: serde_json::Value = serde_json::from_slice(body)
        .map_err(|error| RequestRejection::new(StatusCode::BAD_REQUEST, format!("The body is not JSON: {error}.")))?;
    if value.is_array() {
        return Err(RequestRejection::new(StatusCode::BAD_REQUEST, "Send one request at a time, not a list."));
    }
    let asked: GraphqlRequest = serde_json::from_value(value).map_err(|error| {
        let message =
            format!("`query` and `operationName` are strings, `variables` and `extensions` objects: {error}.");
        RequestRejection::new(StatusCode::BAD_REQUEST, message)
    })?;
    Ok(GraphqlRequest { bytes: body.len(), ..asked })
}

/// Returns the media type that the client prefers (RFC 9110, section 12.5.1): by quality, then by the more specific
/// range, then by the order of the ranges. Returns the first type for a client that accepts any; `None` if it accepts
/// none.
pub(super) fn preferred<'m>(headers: &HeaderMap, offered: &[&'m str]) -> Option<&'m str> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(Range::read).take(MAX_RANGES).collect();
    if ranges.is_empty() {
        return offered.first().copied();
    }
    let rated = offered.iter().filter_map(|media| {
        // The most specific range decides, even if it excludes the type.
        let named =
            ranges.iter().enumerate().filter_map(|(place, range)| Some((range.exactness(media)?, place, range)));
        let (exactness, place, range) = named.max_by_key(|(exactness, place, _)| (*exactness, Reverse(*place)))?;
        (range.quality > 0).then_some(((range.quality, exactness, Reverse(place)), *media))
    });
    // The first one wins a tie.
    rated.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, media)| media)
}

/// Maximum number of media ranges that are parsed.
const MAX_RANGES: usize = 50;

/// A media range of an `Accept` header.
struct Range {
    /// Such as `application/json`, `text/*` or `*/*`, in lowercase.
    media: String,
    /// The quality value, in thousandths.
    quality: u16,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media = parts.next().filter(|media| !media.is_empty())?;
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse::<f32>().ok());
        Some(Self { media, quality: (quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16 })
    }

    /// Returns how specifically the range matches a media type; `None` if it does not match.
    fn exactness(&self, media: &str) -> Option<u8> {
        let all_of_kind = self.media.strip_suffix('*').filter(|kind| kind.len() > 2);
        match self.media.as_str() {
            own if own == media => Some(2),
            _ if all_of_kind.is_some_and(|kind| media.starts_with(kind)) => Some(1),
            "*/*" | "*" => Some(0),
            _ => None,
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
