//! GraphQL over HTTP, as the specification of that name says it (draft of 2025), over one schema.
//!
//! POST takes `application/json` only: other types could be sent by a foreign page without a preflight. GET runs
//! queries only. Answers are `application/graphql-response+json` for those who ask for it, with a status that tells a
//! request that was not executed (400) from one that was (200); `application/json` answers such requests with 200.

use async_graphql::http::GraphiQLSource;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType};
use async_graphql::{Request, Response, Value, Variables};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::header::{ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response as HttpResponse};
use axum::routing::get;
use serde::Deserialize;

use super::context::UserAgent;
use super::error::{finish, refusal};
use super::{Schema, loader, schema};
use crate::app::App;
use crate::error::Code;
use crate::session;
use crate::viewer::Viewer;

const RESPONSE_JSON: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

#[derive(Clone)]
struct Graphql {
    app: App,
    schema: Schema,
}

/// Serves `/graphql`.
pub fn router(app: &App) -> Router {
    let state = Graphql { app: app.clone(), schema: schema(app) };
    Router::new().route("/graphql", get(by_get).post(by_post)).with_state(state)
}

/// The media type of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Response,
    Json,
}

/// What a client asks for, as both methods carry it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    query: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    /// Checked to be an object, as the specification asks; nothing here uses it.
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A request that is not executed: its status where the answer may tell, and why.
struct Refusal {
    status: StatusCode,
    /// The request was well-formed HTTP, so that `application/json` answers it with 200.
    well_formed: bool,
    code: Code,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { Code::PayloadTooLarge } else { Code::InvalidInput };
        Self { status, well_formed: false, code, message: message.into() }
    }
}

async fn by_get(State(graphql): State<Graphql>, RawQuery(query): RawQuery, headers: HeaderMap) -> HttpResponse {
    let wants_page = accepts(&headers).iter().any(|accepted| accepted.starts_with("text/html"));
    if wants_page
        && query.as_deref().is_none_or(|query| !query.contains("query="))
        && graphql.app.config.graphql.graphiql
    {
        return Html(GraphiQLSource::build().endpoint("/graphql").title("Jeton").finish()).into_response();
    }
    answer(&graphql, &headers, true, from_query(query.as_deref().unwrap_or_default())).await
}

async fn by_post(
    State(graphql): State<Graphql>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> HttpResponse {
    answer(&graphql, &headers, false, from_body(&headers, body)).await
}

async fn answer(graphql: &Graphql, headers: &HeaderMap, by_get: bool, asked: Result<Asked, Refusal>) -> HttpResponse {
    let Some(media) = negotiate(headers) else {
        let message = format!("Answers are {RESPONSE_JSON} or {JSON}.");
        return refuse(Media::Json, Refusal::new(StatusCode::NOT_ACCEPTABLE, message));
    };
    match execute(graphql, headers, by_get, asked).await {
        Ok(response) => {
            // A request that fails validation never began; a resolver that fails leaves a path.
            let executed = response.data != Value::Null || response.errors.iter().any(|error| !error.path.is_empty());
            write(
                media,
                if executed || media == Media::Json { StatusCode::OK } else { StatusCode::BAD_REQUEST },
                executed,
                &response,
            )
        }
        Err(refusal) => refuse(media, refusal),
    }
}

async fn execute(
    graphql: &Graphql,
    headers: &HeaderMap,
    by_get: bool,
    asked: Result<Asked, Refusal>,
) -> Result<Response, Refusal> {
    let viewer = viewer(graphql, headers).await?;
    let asked = asked?;
    let query = asked.query.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "`query` is missing."))?;
    let document = async_graphql::parser::parse_query(&query)
        .map_err(|error| Refusal { well_formed: true, ..Refusal::new(StatusCode::BAD_REQUEST, error.to_string()) })?;
    let operation = operation(&document, asked.operation_name.as_deref());
    // Of an operation that cannot be told, execution will say so; nothing runs.
    if by_get && operation.is_some_and(|operation| operation != OperationType::Query) {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "GET is for queries. Use POST."));
    }
    let mut request = Request::new(query).data(viewer).data(UserAgent(text(headers, USER_AGENT.as_str())));
    request.set_parsed_query(document);
    if let Some(name) = asked.operation_name {
        request = request.operation_name(name);
    }
    if let Some(variables) = asked.variables {
        request = request.variables(Variables::from_json(variables.into()));
    }
    let mut response = graphql.schema.execute(loader::loaders(&graphql.app, request)).await;
    finish(&mut response, operation == Some(OperationType::Mutation));
    Ok(response)
}

/// Who is asking. A credential that is there but no good refuses the request: going on as nobody would only puzzle.
async fn viewer(graphql: &Graphql, headers: &HeaderMap) -> Result<Viewer, Refusal> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(Viewer::Anonymous) };
    let unauthenticated =
        |message: &str| Refusal { code: Code::Unauthenticated, ..Refusal::new(StatusCode::UNAUTHORIZED, message) };
    let token = header.to_str().ok().and_then(|header| header.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let token = token.ok_or_else(|| unauthenticated("Use `Authorization: Bearer <access token>`."))?;
    match session::authenticate(&graphql.app, token).await {
        Ok(Ok(identity)) => Ok(Viewer::User(identity)),
        Ok(Err(denied)) => Err(unauthenticated(&crate::error::Error::from(denied).message)),
        Err(error) => {
            tracing::error!(?error, "a credential could not be checked");
            Err(Refusal { code: Code::Internal, ..Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.message) })
        }
    }
}

/// What kind of operation is to run; nothing where the document does not tell.
fn operation(document: &ExecutableDocument, name: Option<&str>) -> Option<OperationType> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(_), None) => None,
    };
    operation.map(|operation| operation.node.ty)
}

fn from_query(query: &str) -> Result<Asked, Refusal> {
    let mut asked = Asked::default();
    let object = |name: &str, text: &str| match text {
        "" | "null" => Ok(None),
        text => serde_json::from_str(text)
            .map(Some)
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, format!("`{name}` is not a JSON object."))),
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

fn from_body(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Asked, Refusal> {
    let media_type = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let mut parts = media_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(JSON));
    let charset = parts.find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    if !is_json || charset.is_some_and(|charset| charset.trim_matches('"') != "utf-8") {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Send {JSON}, in UTF-8.")));
    }
    let body = body.map_err(|error| Refusal::new(error.status(), "The body is too large or broke off."))?;
    let value: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("The body is not JSON: {error}.")))?;
    if value.is_array() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "Send one request at a time, not a list."));
    }
    serde_json::from_value(value).map_err(|error| {
        let message =
            format!("`query` and `operationName` are strings, `variables` and `extensions` objects: {error}.");
        Refusal::new(StatusCode::BAD_REQUEST, message)
    })
}

/// The media type to answer in: the first that the client accepts, the older one where it does not care.
fn negotiate(headers: &HeaderMap) -> Option<Media> {
    let accepted = accepts(headers);
    if accepted.is_empty() {
        return Some(Media::Json);
    }
    accepted.iter().find_map(|accepted| match accepted.split(';').next().unwrap_or_default().trim() {
        RESPONSE_JSON => Some(Media::Response),
        JSON | "*/*" | "application/*" => Some(Media::Json),
        _ => None,
    })
}

fn accepts(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(|value| value.trim().to_ascii_lowercase())
        .filter(|v| !v.is_empty())
        .collect()
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn refuse(media: Media, refused: Refusal) -> HttpResponse {
    let Refusal { status, well_formed, code, message } = refused;
    let status = if well_formed && media == Media::Json { StatusCode::OK } else { status };
    let mut response = write(media, status, false, &refusal(code, &message));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"api\"");
        response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Writes the answer; a request that was not executed has no `data`, not even null.
fn write(media: Media, status: StatusCode, executed: bool, response: &Response) -> HttpResponse {
    let content_type = match media {
        Media::Response => "application/graphql-response+json; charset=utf-8",
        Media::Json => "application/json; charset=utf-8",
    };
    let body = if executed {
        serde_json::to_vec(response)
    } else {
        serde_json::to_vec(&serde_json::json!({ "errors": response.errors }))
    };
    match body {
        Ok(body) => (status, [(CONTENT_TYPE, content_type)], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
