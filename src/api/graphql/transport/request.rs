//! Request parsing for all transports: the GraphQL request of a query string or a body, and its client. Executing the
//! operation is in [`super::super::execution::operation`].

use axum::Extension;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use super::super::execution::request::{GraphqlRequest, RequestRejection};
use crate::app::App;
use crate::core::json;
use crate::core::viewer::{ClientInfo, ClientIp};
use crate::infra::request_body;

pub(super) const JSON: &str = "application/json";
/// Maximum number of values of a body, including nested ones.
const MAX_VALUES: usize = 10_000;

/// Returns the client of a request: its address and user agent.
pub(super) fn client_info(headers: &HeaderMap, address: Option<Extension<ClientIp>>) -> ClientInfo {
    ClientInfo { address: address.map(|Extension(address)| address), user_agent: text(headers, USER_AGENT.as_str()) }
}

/// Parses the query string of a GET.
///
/// # Errors
/// `variables` or `extensions` that are not JSON objects.
pub(super) fn from_query(query: &str) -> Result<GraphqlRequest, RequestRejection> {
    let mut request = GraphqlRequest { bytes: query.len(), ..GraphqlRequest::default() };
    let object = |name: &str, text: &str| match text {
        "" | "null" => Ok(None),
        text => serde_json::from_str(text)
            .map(Some)
            .map_err(|_| RequestRejection::new(StatusCode::BAD_REQUEST, format!("`{name}` is not a JSON object."))),
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "query" => request.query = Some(value.into_owned()),
            "operationName" => request.operation_name = Some(value.into_owned()).filter(|name| !name.is_empty()),
            "variables" => request.variables = object("variables", &value)?,
            "extensions" => request.extensions = object("extensions", &value)?,
            _ => {}
        }
    }
    Ok(request)
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
    let request: GraphqlRequest = serde_json::from_value(value).map_err(|error| {
        let message =
            format!("`query` and `operationName` are strings, `variables` and `extensions` objects: {error}.");
        RequestRejection::new(StatusCode::BAD_REQUEST, message)
    })?;
    Ok(GraphqlRequest { bytes: body.len(), ..request })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
