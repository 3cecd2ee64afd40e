//! Error responses, in the texts and shapes of the Django application, which its clients expect.

use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::json as write;
use crate::core::error::{Code, Error};
use crate::domain::account::NAME_TAKEN;
use crate::domain::session::AuthError;

/// The error of a REST request.
pub(super) enum ApiError {
    /// No credentials were sent.
    NoCredentials,
    /// The `Authorization` header does not have two parts.
    BadHeader,
    /// The access token does not authenticate.
    Credentials(AuthError),
    /// A username and password, or a refresh token, are rejected.
    Login { detail: &'static str, code: Option<&'static str> },
    /// The path does not support this method.
    Method { method: Method, allow: &'static str },
    /// The media type of the body is not one of the three supported ones.
    MediaType(String),
    /// The body cannot be parsed.
    Syntax(String),
    /// The body is not an object.
    NotAnObject(String),
    /// Field errors: all of them, in declaration order.
    Fields(Map<String, Value>),
    /// The route does not exist.
    NotFound,
    /// An error of the domain.
    Domain(Error),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        Self::Credentials(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::NoCredentials => unauthorized(&json!({ "detail": "Authentication credentials were not provided." })),
            Self::BadHeader => unauthorized(&coded(
                "Authorization header must contain two space-delimited values",
                "bad_authorization_header",
            )),
            Self::Credentials(AuthError::Failed(error)) => Self::Domain(error).into_response(),
            Self::Credentials(AuthError::UserNotFound) => unauthorized(&coded("User not found", "user_not_found")),
            Self::Credentials(AuthError::UserInactive) => unauthorized(&coded("User is inactive", "user_inactive")),
            Self::Credentials(invalid) => {
                let message = match invalid {
                    AuthError::WrongType => "Token has wrong type",
                    _ => "Token is invalid or expired",
                };
                unauthorized(&json!({
                    "detail": "Given token not valid for any token type",
                    "code": "token_not_valid",
                    "messages": [{ "token_class": "AccessToken", "token_type": "access", "message": message }],
                }))
            }
            Self::Login { detail, code: Some(code) } => unauthorized(&coded(detail, code)),
            Self::Login { detail, code: None } => unauthorized(&json!({ "detail": detail })),
            Self::Method { method, allow } => {
                let body = json!({ "detail": format!("Method \"{method}\" not allowed.") });
                let mut response = write(StatusCode::METHOD_NOT_ALLOWED, &body);
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                response
            }
            Self::MediaType(given) => {
                let detail = format!("Unsupported media type \"{given}\" in request.");
                write(StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!({ "detail": detail }))
            }
            Self::Syntax(detail) => write(StatusCode::BAD_REQUEST, &json!({ "detail": detail })),
            Self::NotAnObject(message) => write(StatusCode::BAD_REQUEST, &json!({ "non_field_errors": [message] })),
            Self::Fields(fields) => write(StatusCode::BAD_REQUEST, &fields),
            Self::NotFound => write(StatusCode::NOT_FOUND, &json!({ "detail": "Not found." })),
            Self::Domain(error) => {
                let mut response = domain(&error);
                response.extensions_mut().insert(error.code);
                response
            }
        }
    }
}

/// Returns the response of a domain error, in the shapes of this API.
fn domain(error: &Error) -> Response {
    let detail = |status| write(status, &json!({ "detail": error.message }));
    match error.code {
        Code::InsufficientTokens => write(StatusCode::PAYMENT_REQUIRED, &json!({ "error": "Insufficient tokens" })),
        Code::ProviderUnavailable | Code::Timeout => {
            let mut response = write(StatusCode::BAD_GATEWAY, &json!({ "error": error.message }));
            response.headers_mut().extend(error.retry_after.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds))));
            response
        }
        Code::InvalidInput if !error.fields.is_empty() => {
            let mut fields = Map::new();
            for field in &error.fields {
                add(&mut fields, field.field, &field.message);
            }
            write(StatusCode::BAD_REQUEST, &fields)
        }
        Code::InvalidInput => detail(StatusCode::BAD_REQUEST),
        Code::Unauthenticated => unauthorized(&json!({ "detail": error.message })),
        Code::Forbidden => detail(StatusCode::FORBIDDEN),
        Code::NotFound => detail(StatusCode::NOT_FOUND),
        Code::Conflict => detail(StatusCode::CONFLICT),
        Code::RequestTimeout => detail(StatusCode::REQUEST_TIMEOUT),
        Code::PayloadTooLarge => detail(StatusCode::PAYLOAD_TOO_LARGE),
        Code::RateLimited => {
            let seconds = error.retry_after.unwrap_or(1);
            let unit = if seconds == 1 { "second" } else { "seconds" };
            let body = json!({ "detail": format!("Request was throttled. Expected available in {seconds} {unit}.") });
            let mut response = write(StatusCode::TOO_MANY_REQUESTS, &body);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Code::Internal | Code::Unavailable => {
            if error.is_logged() {
                tracing::error!(?error, "REST request failed");
            }
            let is_away = error.code == Code::Unavailable;
            let status = if is_away { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
            let mut response = detail(status);
            if let Some(seconds) = error.retry_after {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

/// Adds a field error to those of its field, in Django's words.
pub(super) fn add(fields: &mut Map<String, Value>, field: &str, message: &str) {
    let messages = fields.entry(field).or_insert_with(|| json!([]));
    if let Value::Array(messages) = messages {
        messages.push(django_text(field, message).into());
    }
}

/// Returns a field error in the words of the Django application, which its clients show and compare.
fn django_text(field: &str, message: &str) -> String {
    if message == NAME_TAKEN {
        return "user with this username already exists.".to_owned();
    }
    let noun = if field.starts_with("password") { "password" } else { "field" };
    for (ours, theirs) in [("Use at most ", "no more than"), ("Use at least ", "at least")] {
        if let Some(rest) = message.strip_prefix(ours).filter(|rest| rest.ends_with(" characters.")) {
            return format!("Ensure this {noun} has {theirs} {rest}");
        }
    }
    message.to_owned()
}

fn coded(detail: &str, code: &str) -> Value {
    json!({ "detail": detail, "code": code })
}

fn unauthorized(body: &Value) -> Response {
    let mut response = write(StatusCode::UNAUTHORIZED, body);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"api\""));
    response
}
