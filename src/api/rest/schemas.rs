//! The schemas of error responses, for the OpenAPI document.

use serde_json::Value;
use utoipa::ToSchema;

/// The detail of an error.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents a response")]
pub(super) struct Detail {
    detail: String,
    /// The error code, for API clients; not always present.
    code: Option<String>,
}

/// The error of a message that was not answered.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents a response")]
pub(super) struct Failure {
    error: String,
}

/// Error messages by field; or `detail` for a body that cannot be parsed, `non_field_errors` for one that is not an
/// object.
#[derive(ToSchema)]
#[schema(value_type = std::collections::HashMap<String, Value>)]
#[expect(dead_code, reason = "documents a response")]
pub(super) struct FieldErrors(Value);
