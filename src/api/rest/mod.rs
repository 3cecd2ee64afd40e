//! The REST routes of the Django application, with its responses, for its existing clients. A thin translation: it must
//! not decide anything.
//!
//! The order of checks is that of the Django application too: credentials (401), method (405), media type (415), syntax
//! and fields (400), balance (402). So each path has one handler, which checks the method after authentication.

mod account;
mod body;
mod chat;
mod credentials;
mod error;
mod openapi;
mod schemas;
mod token;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde::Serialize;

use self::error::ApiError;
use crate::app::App;

/// The result of every handler.
type ApiResult = Result<Response, ApiError>;

const POST_ONLY: &str = "POST, OPTIONS";
const GET_ONLY: &str = "GET, HEAD, OPTIONS";
const GET_AND_POST: &str = "GET, POST, HEAD, OPTIONS";

/// Returns the routes of `/api/..`, with and without the trailing slash.
pub fn router() -> Router<App> {
    Router::new()
        .route("/api/register/", any(register))
        .route("/api/register", any(register))
        .route("/api/token/", any(obtain_token))
        .route("/api/token", any(obtain_token))
        .route("/api/token/refresh/", any(refresh_token))
        .route("/api/token/refresh", any(refresh_token))
        .route("/api/chat/", any(chats))
        .route("/api/chat", any(chats))
        .route("/api/user/balance/", any(balance))
        .route("/api/user/balance", any(balance))
        .route("/api/user/profile/", any(profile))
        .route("/api/user/profile", any(profile))
        .route("/api/openapi.json", get(openapi::document))
        .route("/api", any(async || ApiError::NotFound))
        .route("/api/", any(async || ApiError::NotFound))
        .route("/api/{*anything}", any(async || ApiError::NotFound))
}

async fn register(State(app): State<App>, request: Request) -> ApiResult {
    match *request.method() {
        Method::POST => account::register(&app, request).await,
        _ => other_method(request.method(), POST_ONLY),
    }
}

async fn obtain_token(State(app): State<App>, request: Request) -> ApiResult {
    match *request.method() {
        Method::POST => token::obtain(&app, request).await,
        _ => other_method(request.method(), POST_ONLY),
    }
}

async fn refresh_token(State(app): State<App>, request: Request) -> ApiResult {
    match *request.method() {
        Method::POST => token::refresh(&app, request).await,
        _ => other_method(request.method(), POST_ONLY),
    }
}

async fn chats(State(app): State<App>, request: Request) -> ApiResult {
    let viewer = credentials::viewer(&app, request.headers()).await?;
    match *request.method() {
        Method::GET | Method::HEAD => chat::list(&app, viewer, request.uri().query()).await,
        Method::POST => chat::send(&app, viewer, request).await,
        _ => other_method(request.method(), GET_AND_POST),
    }
}

async fn balance(State(app): State<App>, request: Request) -> ApiResult {
    let viewer = credentials::viewer(&app, request.headers()).await?;
    match *request.method() {
        Method::GET | Method::HEAD => account::balance(&app, viewer).await,
        _ => other_method(request.method(), GET_ONLY),
    }
}

async fn profile(State(app): State<App>, request: Request) -> ApiResult {
    let viewer = credentials::viewer(&app, request.headers()).await?;
    match *request.method() {
        Method::GET | Method::HEAD => account::profile(&app, viewer).await,
        _ => other_method(request.method(), GET_ONLY),
    }
}

/// Returns the allowed methods for OPTIONS; rejects all other methods.
fn other_method(method: &Method, allow: &'static str) -> ApiResult {
    if method == Method::OPTIONS {
        return Ok((StatusCode::NO_CONTENT, [(ALLOW, HeaderValue::from_static(allow))]).into_response());
    }
    Err(ApiError::Method { method: method.clone(), allow })
}

/// Returns a response of compact JSON, with the media type spelled as clients expect it.
fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = (status, Json(value)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
