//! Errors in OpenAI's shape and with its status codes, which its clients distinguish.

use axum::Json;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::core::error::{Code, Error, Shortage};
use crate::infra::ai::InvalidRequest;

/// Header that stops the automatic retries of OpenAI's clients, for failures that a retry cannot fix.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The error response of a call that was rejected, or failed before its response began.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The error code of the domain, for metrics.
    reason: Option<Code>,
    /// What is missing, if the balance or a limit does not suffice.
    shortage: Option<Box<Shortage>>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, kind, code, param: None, message, headers: Vec::new(), reason: None, shortage: None }
    }

    fn invalid(message: impl Into<String>, param: Option<String>) -> Self {
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", None, message) }
    }

    /// A parameter with an invalid value.
    pub(super) fn param(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some("invalid_value"), ..Self::invalid(message, Some(param.into())) }
    }

    /// A required parameter is missing.
    pub(super) fn missing(param: &str) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self::invalid_param(param, "missing_required_parameter", message)
    }

    /// A parameter of the model has an unsupported value.
    pub(super) fn unsupported_value(param: &str, model: &str) -> Self {
        let message = format!("This value of `{param}` is not supported by the model `{model}`.");
        Self::invalid_param(param, "unsupported_value", message)
    }

    /// A parameter is invalid, with OpenAI's error code.
    pub(super) fn invalid_param(param: &str, code: &'static str, message: String) -> Self {
        Self { code: Some(code), ..Self::param(param, message) }
    }

    /// The model does not support a parameter.
    pub(super) fn unsupported(param: &str, model: &str) -> Self {
        let message = format!("`{param}` is not supported by the model `{model}`.");
        Self::invalid_param(param, "unsupported_parameter", message)
    }

    pub(super) fn no_model(name: &str) -> Self {
        let message = format!("The model `{name}` does not exist or you do not have access to it.");
        let error = Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("model_not_found"), message);
        Self { param: Some("model".to_owned()), ..error }
    }

    pub(super) fn no_route(method: &Method, path: &str) -> Self {
        let message = format!("There is no route {method} {path}.");
        Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("unknown_url"), message)
    }

    pub(super) fn method(method: &Method, allowed: &Method) -> Self {
        let message = format!("{method} is not allowed here; use {allowed}.");
        let code = Some("method_not_supported");
        let error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", code, message);
        error.with(ALLOW, allowed.as_str())
    }

    pub(super) fn no_key() -> Self {
        let message = "You didn't provide an API key. Send it as `Authorization: Bearer jt-...`.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", Some("invalid_api_key"), message)
    }

    pub(super) fn wrong_key() -> Self {
        let message = "The API key is wrong, revoked or expired.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", Some("invalid_api_key"), message)
    }

    pub(super) fn media_type() -> Self {
        let message = "The content type must be application/json.";
        let code = Some("unsupported_media_type");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", code, message)
    }

    /// The upstream rejected our credentials, or the model that we request.
    pub(super) fn upstream(message: String) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "api_error", Some("upstream_error"), message)
    }

    /// The response ended before it began. What was produced of it may have been charged, so the client library must
    /// not retry automatically.
    pub(super) fn stopped() -> Self {
        let message = "The answer was stopped before it was complete.";
        Self::new(StatusCode::BAD_GATEWAY, "api_error", Some("answer_stopped"), message).with(SHOULD_RETRY, "false")
    }

    /// The response reached a limit of this server, and was charged.
    pub(super) fn at_limit(message: &str) -> Self {
        let message = format!("The answer was stopped before it was complete. {message}");
        Self::new(StatusCode::BAD_GATEWAY, "api_error", Some("answer_limit"), message).with(SHOULD_RETRY, "false")
    }

    /// The messages exceed the context window; in the text that API clients search for.
    pub(super) fn too_long(window: u64, bytes: u64) -> Self {
        let message = format!(
            "This model's maximum context length is {window} tokens. However, your messages have {bytes} bytes, which \
             is more than that. Please reduce the length of the messages."
        );
        Self::invalid_param("messages", "context_length_exceeded", message)
    }

    /// Returns the error with the configured status, if a balance or spending limit is exhausted.
    pub(super) fn with_insufficient(self, status: u32) -> Self {
        let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        match (self.reason, status) {
            (Some(Code::InsufficientTokens), Some(status)) => Self { status, ..self },
            _ => self,
        }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// Returns the JSON body.
    pub(super) fn body(&self) -> Value {
        let mut error = json!({ "message": self.message, "type": self.kind, "param": self.param, "code": self.code });
        // Members of our own, which OpenAI's clients keep or ignore.
        if let (Some(shortage), Value::Object(members)) = (&self.shortage, &mut error) {
            let Shortage { required, available } = **shortage;
            members.insert("required".to_owned(), required.into());
            members.insert("available".to_owned(), available.into());
        }
        json!({ "error": error })
    }
}

impl From<InvalidRequest> for ApiError {
    fn from(malformed: InvalidRequest) -> Self {
        Self { code: malformed.code, ..Self::invalid(malformed.message, malformed.param) }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let message = error.message.clone();
        let api_error = match error.code {
            Code::Unauthenticated => Self::wrong_key(),
            Code::Forbidden => {
                Self::new(StatusCode::FORBIDDEN, "permission_error", Some("insufficient_permissions"), message)
            }
            Code::NotFound => Self::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("not_found"), message),
            Code::InvalidInput => match error.fields.first() {
                Some(field) => Self::param(field.field, message),
                None => Self::invalid(message, None),
            },
            Code::Conflict => Self::new(StatusCode::CONFLICT, "invalid_request_error", Some("conflict"), message)
                .with(SHOULD_RETRY, "false"),
            Code::InsufficientTokens => {
                let quota = Some("insufficient_quota");
                Self::new(StatusCode::PAYMENT_REQUIRED, "insufficient_quota", quota, message)
                    .with(SHOULD_RETRY, "false")
            }
            Code::RateLimited => {
                let wait = error.retry_after.unwrap_or(1).to_string();
                let code = Some("rate_limit_exceeded");
                Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", code, message).with(RETRY_AFTER, &wait)
            }
            Code::PayloadTooLarge => {
                let code = Some("request_too_large");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", code, message)
            }
            Code::RequestTimeout => {
                Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", Some("request_timeout"), message)
            }
            Code::Timeout => Self::new(StatusCode::GATEWAY_TIMEOUT, "api_error", Some("timeout"), message),
            Code::ProviderUnavailable => {
                let api_error =
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", Some("model_unavailable"), message);
                match error.retry_after {
                    Some(seconds) => api_error.with(RETRY_AFTER, &seconds.to_string()),
                    None => api_error,
                }
            }
            Code::Unavailable => {
                let api_error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", Some("unavailable"), message);
                match error.retry_after {
                    // A limit, not a fault.
                    Some(seconds) => api_error.with(RETRY_AFTER, &seconds.to_string()),
                    None => {
                        tracing::error!(?error, "/v1 request failed");
                        api_error
                    }
                }
            }
            Code::Internal => {
                tracing::error!(?error, "/v1 request failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", Some("internal_error"), message)
            }
        };
        Self { reason: Some(error.code), shortage: error.shortage.map(Box::new), ..api_error }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        if let Some(reason) = self.reason {
            response.extensions_mut().insert(reason);
        }
        response
    }
}
