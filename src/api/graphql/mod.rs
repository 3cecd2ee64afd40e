//! The GraphQL API, which is the complete API. Translates between GraphQL and the domain, and must not decide anything.

mod answer;
mod bounded;
mod budget;
mod context;
mod cookie;
mod cost;
mod error;
mod error_metrics;
mod expensive;
mod facts;
mod guard;
mod http;
mod id;
mod limits;
mod loader;
mod mutation;
mod operation;
mod query;
mod request;
mod row_bytes;
mod sse;
mod subscription;
mod types;
mod validation;
mod ws;

use std::sync::Arc;

use async_graphql::registry::Registry;
use async_graphql::{OutputType, SDLExportOptions, SchemaBuilder, SubscriptionType, ValidationMode};
use axum::Router;
use axum::routing::get;

use self::budget::Budgets;
use self::expensive::Expensive;
use self::facts::SchemaFacts;
use self::limits::Limits;
use self::mutation::Mutation;
use self::query::Query;
use self::request::Graphql;
use self::subscription::Subscription;
use crate::app::App;

/// Returns the routes `/graphql`, and those of the two transports of subscriptions: `/graphql/ws` (WebSocket) and
/// `/graphql/stream` (SSE).
pub fn router(app: &App) -> Router {
    let state = Graphql {
        app: app.clone(),
        schema: schema(app),
        facts: Arc::new(SchemaFacts::of(&types(), app.models.iter().count())),
        documents: operation::documents(),
        budgets: Budgets::of(&app.config),
        expensive: Arc::new(Expensive::new()),
    };
    Router::new()
        .route("/graphql", get(http::by_get).post(http::by_post))
        .route("/graphql/stream", get(sse::by_get).post(sse::by_post))
        .route("/graphql/ws", get(ws::upgrade))
        .with_state(state)
}

/// The schema with its resolvers.
pub(crate) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<types::Node>()
        .override_output_type_description::<types::ConnectionOf<types::Chat>>("A page of chats.")
        .override_output_type_description::<types::ConnectionOf<types::Conversation>>("A page of conversations.")
        .override_output_type_description::<types::ConnectionOf<types::Session>>("A page of sessions.")
        .override_output_type_description::<types::ConnectionOf<types::ApiKey>>("A page of API keys.")
        .override_output_type_description::<types::ConnectionOf<types::User>>("A page of users.")
        .override_output_type_description::<types::ConnectionOf<types::LedgerEntry>>("A page of ledger entries.")
        .override_output_type_description::<types::ConnectionOf<types::AuditEvent>>("A page of the audit trail.")
}

/// Returns the schema that the server executes.
fn schema(app: &App) -> Schema {
    // The guard has checked the document before; this limit only backs it up.
    let mut builder = builder().data(app.clone()).limit_recursive_depth(Limits::STANDARD.nesting);
    // `validation` has checked all rules before.
    builder = builder.validation_mode(ValidationMode::Fast);
    if !app.config.graphql.introspection {
        builder = builder.disable_introspection();
    }
    builder.finish()
}

/// Returns the types of the schema, in the library's registry.
fn types() -> Registry {
    let mut types = Registry::default();
    Query::create_type_info(&mut types);
    Mutation::create_type_info(&mut types);
    Subscription::create_type_info(&mut types);
    types
}

/// Returns the schema in the schema definition language, sorted: the content of `schema.graphql`.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by();
    let sdl = builder().finish().sdl_with_options(options);
    format!("{}\n", sdl.trim_end())
}
