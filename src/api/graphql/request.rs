//! What every carrier has to do before the schema can run an operation: who is asking, what is asked, and whether the
//! carrier may bring it.

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
use crate::core::throttle::Permit;
use crate::core::viewer::{ClientInfo, ClientIp, Viewer};
use crate::core::{json, request_body};
use crate::domain::session;

/// When the server stops, open streams may tell the ends of their operations for so long.
const STOP_GRACE: Duration = Duration::from_millis(500);
/// Larger requests are read on the thread for what is expensive.
const LARGE: usize = 64 << 10;
pub(super) const JSON: &str = "application/json";
/// Values of a body, those within others included.
const MAX_VALUES: usize = 10_000;

/// What the carriers share.
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
    /// Reads JSON, on the thread for what is expensive where there is much of it.
    pub(super) async fn read<T: DeserializeOwned + Send + 'static>(
        &self,
        text: Bytes,
    ) -> Result<serde_json::Result<T>, Error> {
        let size = text.len();
        let read = move || serde_json::from_slice(&text);
        if size > LARGE { self.expensive.run(async move { read() }).await } else { Ok(read()) }
    }
}

/// What a client asks for, as all carriers know it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GraphqlRequest {
    pub(super) query: Option<String>,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    pub(super) variables: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    /// Checked to be an object, as the specification asks; nothing here uses it.
    pub(super) extensions: Option<serde_json::Map<String, serde_json::Value>>,
    /// Bytes of the request.
    #[serde(skip)]
    pub(super) bytes: usize,
}

/// A request that is not executed: its status where the answer may tell, and why.
pub(super) struct RequestRejection {
    pub(super) status: StatusCode,
    /// The request was well-formed HTTP, so that `application/json` answers it with 200.
    pub(super) well_formed: bool,
    pub(super) code: Code,
    pub(super) message: String,
    /// The validation errors of a document, with their locations; none elsewhere.
    pub(super) errors: Vec<ServerError>,
    /// When to come again, in seconds.
    pub(super) retry_after: Option<u64>,
}

impl RequestRejection {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { Code::PayloadTooLarge } else { Code::InvalidInput };
        Self { status, well_formed: false, code, message: message.into(), errors: Vec::new(), retry_after: None }
    }

    /// A well-formed request for something that can't be done.
    pub(super) fn of_document(message: impl Into<String>) -> Self {
        Self { well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    /// A document that is not valid.
    pub(super) fn of_errors(errors: Vec<ServerError>) -> Self {
        let message = errors.first().map(|error| error.message.clone()).unwrap_or_default();
        Self { errors, ..Self::of_document(message) }
    }

    /// A fault of the server.
    pub(super) fn fault(error: Error) -> Self {
        tracing::error!(?error, "a request could not be read");
        Self { code: error.code, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.message) }
    }

    /// A body that could not be read.
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

/// The access token of the `Authorization` header.
pub(super) fn credential(headers: &HeaderMap) -> Result<Option<String>, RequestRejection> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    bearer(header.to_str().unwrap_or_default()).map(Some)
}

/// Whether the page that opens a socket is this server's own, or of a listed origin. Browsers ask nobody before they open one,
/// so any page could register and log in from its visitor's address. Other clients name no origin.
pub(super) fn may_open_socket(headers: &HeaderMap, listed: &[String]) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let Some(origin) = text(ORIGIN) else { return true };
    if listed.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
        return true;
    }
    // A proxy may change the host, but not what a browser says of the site.
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let host = text(HOST).unwrap_or_default();
    origin.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host))
}

/// The token of a value as that header has it.
pub(super) fn bearer(value: &str) -> Result<String, RequestRejection> {
    let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.trim().to_owned());
    token.ok_or_else(|| RequestRejection::unauthenticated("Use `Authorization: Bearer <access token>`."))
}

/// Who is asking. A credential that is there but no good refuses the request: going on as nobody would only puzzle.
pub(super) async fn viewer(app: &App, token: Option<&str>) -> Result<Viewer, RequestRejection> {
    let Some(token) = token else { return Ok(Viewer::Anonymous) };
    match session::authenticate(app, token).await {
        Ok(Ok(identity)) => Ok(Viewer::User(identity)),
        Ok(Err(denied)) => Err(RequestRejection::unauthenticated(&Error::from(denied).message)),
        Err(error) => {
            tracing::error!(?error, "a credential could not be checked");
            let status = match error.code {
                Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            Err(RequestRejection { code: error.code, ..RequestRejection::new(status, error.message) })
        }
    }
}

/// Watches the session of an access token, and says why when it is good no longer.
///
/// In a task of its own: between two polls the watch may hold a connection to the database, and in a carrier's task it
/// would have to wait for the client.
pub(super) fn watch_session(app: &App, token: String, user_id: i64) -> AbortOnDropHandle<Error> {
    let watched = app.clone();
    let watch = async move { session::wait_until_invalid(&watched, &token, user_id).await.into() };
    AbortOnDropHandle::new(app.streams.spawn(watch))
}

/// A place among the streams of a user.
pub(super) fn stream_place(app: &App, user_id: i64) -> Result<Permit<i64>, RequestRejection> {
    let refusal = |_| RequestRejection {
        code: Code::RateLimited,
        ..RequestRejection::new(StatusCode::TOO_MANY_REQUESTS, "You have too many streams open. Close some of them.")
    };
    app.user_streams.take(user_id).map_err(refusal)
}

/// Waits until the server stops, and until what ends with it has been told.
pub(super) async fn server_stopped(app: App) {
    app.stopping.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

/// Where the request comes from.
pub(super) fn origin(headers: &HeaderMap, address: Option<Extension<ClientIp>>) -> ClientInfo {
    ClientInfo { address: address.map(|Extension(address)| address), user_agent: text(headers, USER_AGENT.as_str()) }
}

/// What is asked by the query string of a GET.
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

/// What is asked by the body of a POST, which is JSON: other types could be sent by a foreign page without a preflight.
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

/// Takes time in proportion to the body, and not much more memory.
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

/// Returns which of these media types the client prefers (RFC 9110, section 12.5.1): by quality, then the one that it names
/// more exactly, then the one that it names first. The first of them for a client that accepts any; `None` where it accepts
/// none.
pub(super) fn preferred<'m>(headers: &HeaderMap, offered: &[&'m str]) -> Option<&'m str> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> = values.flat_map(|value| value.split(',')).filter_map(Range::read).take(MAX_RANGES).collect();
    if ranges.is_empty() {
        return offered.first().copied();
    }
    let rated = offered.iter().filter_map(|media| {
        // The most exact range decides, also where it says that the type is not accepted.
        let named =
            ranges.iter().enumerate().filter_map(|(place, range)| Some((range.exactness(media)?, place, range)));
        let (exactness, place, range) = named.max_by_key(|(exactness, place, _)| (*exactness, Reverse(*place)))?;
        (range.quality > 0).then_some(((range.quality, exactness, Reverse(place)), *media))
    });
    // The first of those that are alike.
    rated.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, media)| media)
}

/// Media ranges of a client that are read.
const MAX_RANGES: usize = 50;

/// What a client accepts.
struct Range {
    /// Such as `application/json`, `text/*` or `*/*`, in small letters.
    media: String,
    /// In thousandths.
    quality: u16,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media = parts.next().filter(|media| !media.is_empty())?;
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse::<f32>().ok());
        Some(Self { media, quality: (quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16 })
    }

    /// How exactly it names a media type; `None` where it does not.
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
