//! Requests in the shape of all transports, and their rejection before execution. Parsing and authentication are in the
//! transports.

use async_graphql::ServerError;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::core::error::{Code, Error};

/// A GraphQL request, in the shape of all transports.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GraphqlRequest {
    pub(crate) query: Option<String>,
    #[serde(default)]
    pub(crate) operation_name: Option<String>,
    #[serde(default)]
    pub(crate) variables: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    /// Must be an object, as the specification requires; not used.
    pub(crate) extensions: Option<serde_json::Map<String, serde_json::Value>>,
    /// Size of the request, in bytes.
    #[serde(skip)]
    pub(crate) bytes: usize,
}

/// A rejected request, which is not executed: its HTTP status, for transports that have one, and its error.
pub(crate) struct RequestRejection {
    pub(crate) status: StatusCode,
    /// Whether the request was well-formed, so that its response in `application/json` has the status 200.
    pub(crate) well_formed: bool,
    pub(crate) code: Code,
    pub(crate) message: String,
    /// The validation errors of a document, with their locations; otherwise empty.
    pub(crate) errors: Vec<ServerError>,
    /// The time after which to retry, in seconds.
    pub(crate) retry_after: Option<u64>,
}

impl RequestRejection {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { Code::PayloadTooLarge } else { Code::InvalidInput };
        Self { status, well_formed: false, code, message: message.into(), errors: Vec::new(), retry_after: None }
    }

    /// A well-formed request that cannot be executed.
    pub(crate) fn of_document(message: impl Into<String>) -> Self {
        Self { well_formed: true, ..Self::new(StatusCode::BAD_REQUEST, message) }
    }

    /// A document with validation errors.
    pub(crate) fn of_errors(errors: Vec<ServerError>) -> Self {
        let message = errors.first().map(|error| error.message.clone()).unwrap_or_default();
        Self { errors, ..Self::of_document(message) }
    }

    /// A fault of the server.
    pub(crate) fn fault(error: Error) -> Self {
        tracing::error!(?error, "GraphQL request could not be parsed");
        Self { code: error.code, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.message) }
    }

    /// A body that could not be received.
    pub(crate) fn of_body(error: Error) -> Self {
        let status = match error.code {
            Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { code: error.code, retry_after: error.retry_after, ..Self::new(status, error.message) }
    }

    pub(crate) fn unauthenticated(message: &str) -> Self {
        Self { code: Code::Unauthenticated, ..Self::new(StatusCode::UNAUTHORIZED, message) }
    }
}
