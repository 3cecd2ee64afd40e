//! The real API. Translates between GraphQL and the domain, and decides nothing.

mod context;
mod error;
mod http;
mod id;
mod limits;
mod loader;
mod mutation;
mod query;
mod types;

use async_graphql::{EmptySubscription, SDLExportOptions, SchemaBuilder};

pub use self::http::router;
use self::limits::Limits;
use self::mutation::Mutation;
use self::query::Query;
use crate::app::App;

/// The schema with its resolvers.
pub(crate) type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    async_graphql::Schema::build(Query, Mutation::default(), EmptySubscription)
        .register_output_type::<types::Node>()
        .override_output_type_description::<types::List<types::Chat>>("A page of chats.")
        .override_output_type_description::<types::List<types::User>>("A page of users.")
        .override_output_type_description::<types::List<types::LedgerEntry>>("A page of ledger entries.")
        .override_output_type_description::<types::List<types::AuditEvent>>("A page of the audit trail.")
}

/// The schema as the server runs it.
fn schema(app: &App) -> Schema {
    let builder = Limits::STANDARD.apply(builder()).data(app.clone());
    if app.config.graphql.introspection { builder.finish() } else { builder.disable_introspection().finish() }
}

/// The schema in GraphQL's own language, sorted: what `schema.graphql` holds.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by();
    let sdl = builder().finish().sdl_with_options(options);
    format!("{}\n", sdl.trim_end())
}
