//! Serialized GraphQL responses for all transports: serialized once, within the budget of their operation.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use async_graphql::Response;
use async_graphql::parser::types::OperationType;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use http_body_util::{BodyExt, Full};
use serde::Serialize;

use super::super::error::{error_response, finish};
use super::budget::Budget;
use super::request::RequestRejection;
use crate::core::error::{Code, Error};

/// A serialized response, ready to send.
pub(crate) struct Answer {
    /// The response as JSON; for a request that was not executed, only the list of its errors.
    json: String,
    /// Whether the request was executed: false if validation failed; true if a resolver failed, which leaves a path.
    pub(crate) executed: bool,
    /// Headers with the cookies that a mutation set or deleted.
    pub(crate) headers: HeaderMap,
    /// The budget, held until the client has the response; `None` for a rejection.
    budget: Option<Arc<Budget>>,
}

impl Answer {
    /// Returns the response of an operation, or the error that it is too large.
    pub(crate) fn new(mut response: Response, budget: Arc<Budget>, is_query: bool) -> Self {
        let headers = std::mem::take(&mut response.http_headers);
        let executed = was_executed(&response);
        if executed && response.errors.is_empty() && response.data == async_graphql::Value::Null {
            response.data = async_graphql::Value::Object(async_graphql::indexmap::IndexMap::default());
        }
        let written =
            if executed { write(&response, budget.max_bytes()) } else { write(&response.errors, budget.max_bytes()) };
        let (json, executed) = match written {
            Ok(json) => (json, executed),
            Err(()) => Self::failed(&budget.too_large(), is_query),
        };
        Self { json, executed, headers, budget: Some(budget) }
    }

    /// Returns the response of a request that is not executed, with a single error.
    pub(crate) fn error(code: Code, message: &str) -> Self {
        let (json, executed) = Self::failed(&Error::new(code, message), true);
        Self { json, executed, headers: HeaderMap::new(), budget: None }
    }

    /// Returns the response of a rejected request: all validation errors of the document, or its single error.
    pub(crate) fn rejected(rejection: &RequestRejection) -> Self {
        if rejection.errors.is_empty() {
            return Self::error(rejection.code, &rejection.message);
        }
        let mut response = Response::from_errors(rejection.errors.clone());
        finish(&mut response, OperationType::Query);
        let json = write(&response.errors, usize::MAX).unwrap_or_default();
        Self { json, executed: false, headers: HeaderMap::new(), budget: None }
    }

    /// Returns the JSON of an error in place of a response, and whether it counts as executed: a query does not.
    fn failed(error: &Error, is_query: bool) -> (String, bool) {
        let response = error_response(error.code, &error.message);
        let unlimited = usize::MAX;
        let json = if is_query { write(&response.errors, unlimited) } else { write(&response, unlimited) };
        (json.unwrap_or_default(), !is_query)
    }

    /// Returns the response as JSON. Without execution it has no `data`, not even null.
    pub(crate) fn document(&self) -> Cow<'_, str> {
        if self.executed { self.json.as_str().into() } else { format!("{{\"errors\":{}}}", self.json).into() }
    }

    /// Returns the payload of a WebSocket message as JSON: the response, or the errors of a request that was not
    /// executed.
    pub(crate) fn payload(&self) -> &str {
        &self.json
    }

    /// Returns the response as an HTTP body.
    pub(crate) fn into_body(self) -> Body {
        let document = if self.executed { self.json } else { format!("{{\"errors\":{}}}", self.json) };
        let budget = self.budget;
        let body = Full::new(Bytes::from(document));
        // The body owns the budget, since only the body lives until it is sent.
        Body::new(body.map_err(move |never: Infallible| {
            let _held = &budget;
            match never {}
        }))
    }
}

/// Returns whether the request was executed: a response without data then has errors with paths, or no errors, since
/// everything was skipped.
fn was_executed(response: &Response) -> bool {
    response.data != async_graphql::Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty())
}

/// Serializes a value as JSON of at most `max` bytes.
///
/// # Errors
/// `()` if the JSON is larger.
fn write(value: &impl Serialize, max: usize) -> Result<String, ()> {
    let mut capped = Capped { bytes: Vec::new(), max };
    serde_json::to_writer(&mut capped, value).map_err(|_| ())?;
    String::from_utf8(capped.bytes).map_err(|_| ())
}

struct Capped {
    bytes: Vec<u8>,
    max: usize,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.max.saturating_sub(self.bytes.len()) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
