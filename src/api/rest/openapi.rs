//! The OpenAPI document of these routes, generated from the code.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{account, chat, token};

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
