//! The OpenAPI document of these routes, generated from the code.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::{account, chat, token};

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

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Jeton REST API",
        description = "The routes of the Django application, for its clients. The complete API is GraphQL at /graphql.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(account::register, account::balance, account::profile, token::obtain, token::refresh, chat::send, chat::list),
    modifiers(&AccessToken)
)]
struct Document;

struct AccessToken;

impl Modify for AccessToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("access_token", scheme);
    }
}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(Document::openapi()).unwrap_or_else(|error| error.to_string().into()));

/// `GET /api/openapi.json`
pub(super) async fn document() -> Response {
    super::json(StatusCode::OK, &*DOCUMENT)
}
