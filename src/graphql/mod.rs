//! The real API. Translates between GraphQL and the domain, and decides nothing.

mod context;
mod cookie;
mod error;
mod guard;
mod http;
mod id;
mod limits;
mod loader;
mod mutation;
mod query;
mod refusals;
mod request;
mod sse;
mod subscription;
mod types;
mod ws;

use async_graphql::{SDLExportOptions, SchemaBuilder};
use axum::Router;
use axum::routing::get;

use self::limits::Limits;
use self::mutation::Mutation;
use self::query::Query;
use self::request::Graphql;
use self::subscription::Subscription;
use crate::app::App;

/// Serves `/graphql`, and the two carriers of subscriptions: `/graphql/ws` and `/graphql/stream`.
pub fn router(app: &App) -> Router {
    Router::new()
        .route("/graphql", get(http::by_get).post(http::by_post))
        .route("/graphql/stream", get(sse::by_get).post(sse::by_post))
        .route("/graphql/ws", get(ws::upgrade))
        .with_state(Graphql { app: app.clone(), schema: schema(app), documents: request::documents() })
}

/// The schema with its resolvers.
pub(crate) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query, Mutation::default(), Subscription)
        .register_output_type::<types::Node>()
        .override_output_type_description::<types::List<types::Chat>>("A page of chats.")
        .override_output_type_description::<types::List<types::Conversation>>("A page of conversations.")
        .override_output_type_description::<types::List<types::Session>>("A page of sessions.")
        .override_output_type_description::<types::List<types::ApiKey>>("A page of API keys.")
        .override_output_type_description::<types::List<types::User>>("A page of users.")
        .override_output_type_description::<types::List<types::LedgerEntry>>("A page of ledger entries.")
        .override_output_type_description::<types::List<types::AuditEvent>>("A page of the audit trail.")
}

/// The schema as the server runs it.
fn schema(app: &App) -> Schema {
    // The guard has looked at the document already; what is left to the library can't be more.
    let mut builder = builder().data(app.clone()).limit_recursive_depth(Limits::STANDARD.nesting);
    if !app.config.graphql.introspection {
        builder = builder.disable_introspection();
    }
    if !app.config.graphql.suggestions {
        builder = builder.disable_suggestions();
    }
    builder.finish()
}

/// The schema in GraphQL's own language, sorted: what `schema.graphql` holds.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by();
    let sdl = builder().finish().sdl_with_options(options);
    format!("{}\n", sdl.trim_end())
}
