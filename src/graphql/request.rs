//! What every carrier has to do before the schema can run an operation: who is asking, what is asked, and whether the
//! carrier may bring it.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType, Selection};
use async_graphql::{Request, Response, Variables};
use axum::Extension;
use axum::body::Body;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use futures::StreamExt;
use futures::stream::BoxStream;
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio_util::task::AbortOnDropHandle;

use super::cookie::CookieSession;
use super::error::{finish, refusal};
use super::guard::{self, Cost};
use super::limits::Limits;
use super::{Schema, loader, refusals};
use crate::app::App;
use crate::error::{Code, Error};
use crate::rate_limit::Place;
use crate::viewer::{Address, Origin, Viewer};
use crate::{json, request_body, session};

/// When the server stops, open streams may tell the ends of their operations for so long.
const STOP_GRACE: Duration = Duration::from_millis(500);
/// With this header the answer tells what the operation costs.
const SHOW_COST: &str = "x-jeton-show-cost";
pub(super) const JSON: &str = "application/json";
/// Values of a body, those within others included.
const MAX_VALUES: usize = 10_000;

/// What the carriers share.
#[derive(Clone)]
pub(super) struct Graphql {
    pub(super) app: App,
    pub(super) schema: Schema,
    pub(super) documents: Documents,
}

/// Documents as they were parsed, by their text: clients send the same few again and again, and parsing one takes longer
/// than all else that is done before it runs.
pub(super) type Documents = moka::sync::Cache<String, Arc<ExecutableDocument>>;

/// So much text of documents is known; parsed it takes some ten times as much memory.
const KNOWN_BYTES: u64 = 1 << 20;

pub(super) fn documents() -> Documents {
    let weight = |text: &String, _: &Arc<ExecutableDocument>| u32::try_from(text.len()).unwrap_or(u32::MAX);
    moka::sync::Cache::builder().weigher(weight).max_capacity(KNOWN_BYTES).build()
}

/// What a client asks for, as all carriers know it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
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
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// The request was well-formed HTTP, so that `application/json` answers it with 200.
    pub(super) well_formed: bool,
    pub(super) code: Code,
    pub(super) message: String,
    /// When to come again, in seconds.
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { Code::PayloadTooLarge } else { Code::InvalidInput };
        Self { status, well_formed: false, code, message: message.into(), retry_after: None }
    }

    /// A well-formed request for something that can't be done.
    fn of_document(message: impl Into<String>) -> Self {
        Self { well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    /// A body that could not be read.
    fn of_body(error: Error) -> Self {
        let status = match error.code {
            Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
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

/// An operation that is ready to run.
pub(super) struct Operation {
    request: Request,
    cost: Cost,
    /// Nothing where the document does not tell; execution will say so, and nothing runs.
    pub(super) kind: Option<OperationType>,
}

impl Operation {
    /// Reads the document.
    pub(super) fn new(graphql: &Graphql, asked: Asked) -> Result<Self, Refusal> {
        let query = asked.query.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "`query` is missing."))?;
        guard::check_text(&query, &Limits::STANDARD).map_err(Refusal::of_document)?;
        if let Some(variables) = &asked.variables {
            guard::check_variables(variables, &Limits::STANDARD).map_err(Refusal::of_document)?;
        }
        let known = graphql.documents.get(&query);
        let document = match &known {
            Some(document) => document.clone(),
            None => Arc::new(
                async_graphql::parser::parse_query(&query).map_err(|error| Refusal::of_document(error.to_string()))?,
            ),
        };
        let (kind, cost) = check_operation(&document, asked.operation_name.as_deref(), asked.variables.as_ref())?;
        // A text in the document may be a password, and what differs each time comes as a variable anyway.
        if known.is_none() && !query.contains('"') {
            graphql.documents.insert(query.clone(), document.clone());
        }
        let mut request = Request::new(query);
        request.set_parsed_query(Arc::unwrap_or_clone(document));
        if let Some(name) = asked.operation_name {
            request = request.operation_name(name);
        }
        if let Some(variables) = asked.variables {
            request = request.variables(Variables::from_json(variables.into()));
        }
        Ok(Self { request, cost, kind })
    }

    /// Runs it, for the carrier that takes one answer, whose headers can set a cookie.
    pub(super) async fn execute(
        self,
        graphql: &Graphql,
        viewer: Viewer,
        headers: &HeaderMap,
        origin: Origin,
    ) -> Response {
        let request = self.request.data(viewer).data(origin).data(CookieSession::of(headers));
        let request = loader::loaders(&graphql.app, request);
        let executed = refusals::counting(&graphql.app, graphql.schema.execute(request));
        let mut response = if self.kind == Some(OperationType::Query) {
            let limit = graphql.app.config.graphql.query_timeout;
            let too_late = |_| refusal(Code::Timeout, "The query took too long.");
            tokio::time::timeout(limit, executed).await.unwrap_or_else(too_late)
        } else {
            executed.await
        };
        finish(&mut response, self.kind);
        refusals::of_answer(&graphql.app, &response);
        if headers.contains_key(SHOW_COST) {
            let Cost { fields, cost, depth, .. } = self.cost;
            let shown = serde_json::json!({ "fields": fields, "cost": cost, "depth": depth });
            response
                .extensions
                .extend(async_graphql::Value::from_json(shown).ok().map(|cost| ("cost".to_owned(), cost)));
        }
        response
    }

    /// Runs it, for carriers that take as many answers as there are.
    pub(super) fn stream(self, graphql: &Graphql, viewer: Viewer, origin: Origin) -> BoxStream<'static, Response> {
        let request = self.request.data(viewer).data(origin).data(CookieSession::default());
        let request = loader::loaders(&graphql.app, request);
        let (kind, app) = (self.kind, graphql.app.clone());
        let responses = refusals::counting_all(&app, graphql.schema.execute_stream(request).boxed());
        responses
            .map(move |mut response| {
                finish(&mut response, kind);
                refusals::of_answer(&app, &response);
                response
            })
            .boxed()
    }
}

/// Whether this is the answer to a request that was not executed: one that fails validation never began, while a
/// resolver that fails leaves a path.
pub(super) fn was_executed(response: &Response) -> bool {
    response.data != async_graphql::Value::Null || response.errors.iter().any(|error| !error.path.is_empty())
}

/// An answer as JSON; one to a request that was not executed has no `data`, not even null.
pub(super) fn to_json(response: &Response) -> serde_json::Result<String> {
    if was_executed(response) {
        serde_json::to_string(response)
    } else {
        serde_json::to_string(&serde_json::json!({ "errors": response.errors }))
    }
}

/// What kind of operation is to run, and what it costs.
fn check_operation(
    document: &ExecutableDocument,
    name: Option<&str>,
    variables: Option<&serde_json::Map<String, serde_json::Value>>,
) -> Result<(Option<OperationType>, Cost), Refusal> {
    // All operations of the document, since the library validates all of them.
    let mut costs = Vec::new();
    for (of, operation) in document.operations.iter() {
        let cost = guard::weigh(document, &operation.node, variables, &Limits::STANDARD);
        costs.push((of, cost.map_err(Refusal::of_document)?));
    }
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(_), None) => None,
    };
    let Some(operation) = operation else { return Ok((None, Cost::default())) };
    if operation.node.ty == OperationType::Subscription {
        // The specification wants one root field. The library would run several, and none that is in a fragment.
        let fields = &operation.node.selection_set.node.items;
        if !matches!(fields.as_slice(), [field] if matches!(field.node, Selection::Field(_))) {
            return Err(Refusal::of_document("A subscription selects exactly one field, and not by a fragment."));
        }
    }
    let cost = match costs.as_slice() {
        [(_, only)] => *only,
        costs => {
            costs.iter().find(|(of, _)| of.map(|of| of.as_str()) == name).map(|(_, cost)| *cost).unwrap_or_default()
        }
    };
    Ok((Some(operation.node.ty), cost))
}

/// The access token of the `Authorization` header.
pub(super) fn credential(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    bearer(header.to_str().unwrap_or_default()).map(Some)
}

/// The token of a value as that header has it.
pub(super) fn bearer(value: &str) -> Result<String, Refusal> {
    let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, token)| token.trim().to_owned());
    token.ok_or_else(|| Refusal::unauthenticated("Use `Authorization: Bearer <access token>`."))
}

/// Who is asking. A credential that is there but no good refuses the request: going on as nobody would only puzzle.
pub(super) async fn viewer(app: &App, token: Option<&str>) -> Result<Viewer, Refusal> {
    let Some(token) = token else { return Ok(Viewer::Anonymous) };
    match session::authenticate(app, token).await {
        Ok(Ok(identity)) => Ok(Viewer::User(identity)),
        Ok(Err(denied)) => Err(Refusal::unauthenticated(&Error::from(denied).message)),
        Err(error) => {
            tracing::error!(?error, "a credential could not be checked");
            let status = match error.code {
                Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            Err(Refusal { code: error.code, ..Refusal::new(status, error.message) })
        }
    }
}

/// Watches the session of an access token, and says why when it is good no longer.
///
/// In a task of its own: between two polls the watch may hold a connection to the database, and in a carrier's task it
/// would have to wait for the client.
pub(super) fn watch_session(app: &App, token: String, user_id: i64) -> AbortOnDropHandle<Error> {
    let watched = app.clone();
    let watch = async move { session::ended(&watched, &token, user_id).await.into() };
    AbortOnDropHandle::new(app.streams.spawn(watch))
}

/// A place among the streams of a user.
pub(super) fn stream_place(app: &App, user_id: i64) -> Result<Place<i64>, Refusal> {
    let refusal = |_| Refusal {
        code: Code::RateLimited,
        ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, "You have too many streams open. Close some of them.")
    };
    app.user_streams.take(user_id).map_err(refusal)
}

/// Waits until the server stops, and until what ends with it has been told.
pub(super) async fn server_stopped(app: App) {
    app.stopping.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

/// Where the request comes from.
pub(super) fn origin(headers: &HeaderMap, address: Option<Extension<Address>>) -> Origin {
    Origin { address: address.map(|Extension(address)| address), user_agent: text(headers, USER_AGENT.as_str()) }
}

/// What is asked by the query string of a GET.
pub(super) fn from_query(query: &str) -> Result<Asked, Refusal> {
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

/// What is asked by the body of a POST, which is JSON: other types could be sent by a foreign page without a preflight.
pub(super) async fn from_body(app: &App, headers: &HeaderMap, body: Body) -> Result<Asked, Refusal> {
    let media_type = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let mut parts = media_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(JSON));
    let charset = parts.find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    if !is_json || charset.is_some_and(|charset| charset.trim_matches('"') != "utf-8") {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Send {JSON}, in UTF-8.")));
    }
    let body = body.collect().await.map_err(|error| Refusal::of_body(request_body::reason(&error)))?.to_bytes();
    let parsed = app.bodies.work(body.len(), move || parse(&body)).await;
    parsed.unwrap_or_else(|error| {
        tracing::error!(?error, "a body could not be parsed");
        Err(Refusal { code: error.code, ..Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.message) })
    })
}

/// Takes time in proportion to the body, and not much more memory.
fn parse(body: &[u8]) -> Result<Asked, Refusal> {
    if json::shape(body).values > MAX_VALUES {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, format!("The body has more than {MAX_VALUES} values.")));
    }
    let value: serde_json::Value = serde_json::from_slice(body)
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

/// The media types that the client accepts, in its order.
pub(super) fn accepts(headers: &HeaderMap) -> Vec<String> {
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
