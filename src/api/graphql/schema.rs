//! The schema: its roots, built for the server, for the analysis of its types, and for `schema.graphql`. Must not serve
//! requests.

use async_graphql::registry::Registry;
use async_graphql::{OutputType, SDLExportOptions, SchemaBuilder, SubscriptionType, ValidationMode};

use super::mutation::Mutation;
use super::query::Query;
use super::subscription::Subscription;
use super::types;
use super::validation::limits::Limits;
use crate::app::App;

/// The schema with its resolvers.
pub(super) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

pub(super) fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<types::Node>()
        .register_output_type::<types::PageArguments>()
        .override_output_type_description::<types::ConnectionOf<types::Chat>>("A page of chats.")
        .override_output_type_description::<types::ConnectionOf<types::Conversation>>("A page of conversations.")
        .override_output_type_description::<types::ConnectionOf<types::Session>>("A page of sessions.")
        .override_output_type_description::<types::ConnectionOf<types::ApiKey>>("A page of API keys.")
        .override_output_type_description::<types::ConnectionOf<types::User>>("A page of users.")
        .override_output_type_description::<types::ConnectionOf<types::LedgerEntry>>("A page of ledger entries.")
        .override_output_type_description::<types::ConnectionOf<types::AuditEvent>>("A page of the audit trail.")
        .override_output_type_description::<types::ConnectionOf<types::Provider>>("A page of providers.")
        .override_output_type_description::<types::ConnectionOf<types::Model>>("A page of models.")
        .override_output_type_description::<types::ConnectionOf<types::Group>>("A page of groups.")
        .override_output_type_description::<types::ConnectionOf<types::GroupMember>>("A page of members.")
        .override_output_type_description::<types::ConnectionOf<types::Webhook>>("A page of webhooks.")
        .override_output_type_description::<types::ConnectionOf<types::WebhookDelivery>>("A page of deliveries.")
        .override_output_type_description::<types::ConnectionOf<types::CatalogModel>>("A page of the catalog.")
        .override_output_type_description::<types::ConnectionOf<types::PriceChange>>("A page of changes of a price.")
}

/// Returns the schema that the server executes.
pub(super) fn schema(app: &App) -> Schema {
    // The guard has checked the document before; this limit only backs it up.
    let mut builder = builder().data(app.clone()).limit_recursive_depth(Limits::STANDARD.nesting);
    // `validation` has checked all rules before.
    builder = builder.validation_mode(ValidationMode::Fast);
    if !app.config().graphql.introspection {
        builder = builder.disable_introspection();
    }
    builder.finish()
}

/// Returns the types of the schema, in the library's registry.
pub(super) fn types() -> Registry {
    let mut types = Registry {
        query_type: Query::type_name().into_owned(),
        mutation_type: Some(Mutation::type_name().into_owned()),
        subscription_type: Some(Subscription::type_name().into_owned()),
        ..Registry::default()
    };
    Query::create_type_info(&mut types);
    Mutation::create_type_info(&mut types);
    Subscription::create_type_info(&mut types);
    // The parts of the merged roots are no types of the schema.
    types.remove_unused_types();
    types
}

/// Returns the schema in the schema definition language, sorted: the content of `schema.graphql`.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by();
    let sdl = builder().finish().sdl_with_options(options);
    format!("{}\n", sdl.trim_end())
}
