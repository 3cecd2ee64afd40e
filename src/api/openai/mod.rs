//! `/v1`: OpenAI-compatible routes, charged to the same balance as all other transports. A thin translation: it must
//! not decide about money or access.
//!
//! Calls to models of an upstream that speaks the same protocol are passed through unchanged (`ai::upstream`); all other
//! models accept text and the common sampling parameters, and reject all others by name.

mod completions;
mod error;
mod local_messages;
mod local_params;
mod outcome;
mod request;
mod response;
mod streaming;

use axum::extract::{Path, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Value, json};

use self::error::ApiError;
use crate::app::App;
use crate::core::price::Price;
use crate::core::viewer::{Caller, Viewer};
use crate::domain::session::{self, AuthError, api_key};
use crate::infra::catalog::Model;
use crate::infra::entity::api_key::AllowedModels;

/// The result of every handler.
type ApiResult = Result<Response, ApiError>;

/// Returns the routes of `/v1/..`.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/models", any(models))
        .route("/v1/models/", any(models))
        .route("/v1/models/{*id}", any(model))
        .route("/v1/chat/completions", any(chat_completions))
        .route("/v1/chat/completions/", any(chat_completions))
        .route("/v1", any(nothing))
        .route("/v1/{*path}", any(nothing))
}

async fn models(State(app): State<App>, method: Method, headers: HeaderMap) -> ApiResult {
    only(&method, Method::GET)?;
    let caller = caller(&app, &headers).await?;
    let allowed = api_key::models(&app, caller).await?;
    let data: Vec<_> = app.models().iter().filter(|model| may_use(&allowed, model)).map(shown).collect();
    Ok(Json(json!({ "object": "list", "data": data })).into_response())
}

async fn model(State(app): State<App>, Path(id): Path<String>, method: Method, headers: HeaderMap) -> ApiResult {
    only(&method, Method::GET)?;
    let caller = caller(&app, &headers).await?;
    let (allowed, models) = (api_key::models(&app, caller).await?, app.models());
    let found = models.get(Some(&id)).filter(|model| may_use(&allowed, model));
    Ok(Json(shown(found.ok_or_else(|| ApiError::no_model(&id))?)).into_response())
}

async fn chat_completions(State(app): State<App>, request: Request) -> ApiResult {
    only(request.method(), Method::POST)?;
    let caller = caller(&app, request.headers()).await?;
    let status = app.config().v1.insufficient_status;
    completions::create(&app, caller, request).await.map_err(|error| error.with_insufficient(status))
}

async fn nothing(method: Method, request: Request) -> ApiError {
    ApiError::no_route(&method, request.uri().path())
}

/// Returns whether a caller with these allowed models may use a model; all, if `None`.
fn may_use(allowed: &Option<AllowedModels>, model: &Model) -> bool {
    allowed.as_ref().is_none_or(|models| models.allows(&model.name))
}

/// Returns a model in OpenAI's shape, with its price and what it can do in addition.
fn shown(model: &Model) -> Value {
    let window = Some(model.provider.context_window()).filter(|window| *window < u64::MAX);
    let further = [
        ("name", (model.title != model.name).then(|| json!(model.title))),
        ("context_window", window.map(|window| json!(window))),
        ("capabilities", model.origin.capabilities.map(|capabilities| json!(capabilities))),
    ];
    let shown = json!({
        "id": model.name,
        "object": "model",
        // The creation time is unknown, but clients expect a number.
        "created": 0,
        "owned_by": "jeton",
        "price": price(model.price),
        "max_output": model.max_output,
    });
    let Value::Object(mut shown) = shown else { return shown };
    shown.extend(further.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    shown.into()
}

/// Returns a price: in prepaid tokens, per message, per million model tokens and per image. The prices per 1000, which
/// clients of earlier versions read, are rounded up.
fn price(price: Price) -> Value {
    json!({
        "per_message": price.per_message,
        "per_million_input": price.input,
        "per_million_cache_read": price.cache_read,
        "per_million_cache_write": price.cache_write,
        "per_million_output": price.output,
        "per_million_reasoning": price.reasoning,
        "per_image": price.per_image,
        "per_1k_input": Price::per_thousand(price.input),
        "per_1k_output": Price::per_thousand(price.output),
    })
}

/// Returns the caller of an API key or an access token.
///
/// # Errors
/// A missing or invalid credential; a key without the scope COMPLETIONS.
async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = token else { return Err(ApiError::no_key()) };
    let identity = session::authenticate(app, token.trim()).await.map_err(|error| match error {
        AuthError::Failed(error) => error.into(),
        _ => ApiError::wrong_key(),
    })?;
    Ok(Viewer::User(identity).require_completions()?)
}

fn only(method: &Method, allowed: Method) -> Result<(), ApiError> {
    if *method == allowed { Ok(()) } else { Err(ApiError::method(method, &allowed)) }
}
