//! The catalog as operators see it: providers, models and changes of prices.

use std::collections::HashSet;

use async_graphql::connection::{Connection, Edge};
use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::context;
use super::super::execution::bounded::Text;
use super::super::execution::loader::Users;
use super::super::id::RowId;
use super::connection::{Cursor, TotalCount};
use super::model::Price;
use super::receipt::PriceVersion;
use super::route_state::RouteState;
use super::{ConnectionOf, User, connection};
use crate::app::App;
use crate::core::error::Error;
use crate::core::pagination::{KeyedPage, Page};
use crate::domain::catalog::MAX_ROUTES;
use crate::infra::ai::upstream::probe::{ListedModel, StepKind, TestStep};
use crate::infra::catalog::{DefaultSource, Entry, Source};
use crate::infra::entity::provider::Kind;
use crate::infra::entity::{model_route, price, provider};

pub(crate) struct Provider(pub(crate) provider::Model);

/// A provider of models that operators have connected. Visible to staff.
#[Object]
impl Provider {
    /// The global id.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.global()
    }

    /// The unique name.
    async fn name(&self) -> Text<'_> {
        self.0.name.as_str().into()
    }

    /// The protocol.
    async fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The base URL, without the path of a request.
    async fn base_url(&self) -> Text<'_> {
        self.0.base_url.as_str().into()
    }

    /// When the API key was set; null if none is sent. The key itself is stored encrypted, and never shown.
    async fn key_set_at(&self) -> Option<DateTime<Utc>> {
        self.0.key_set_at
    }

    /// The last four characters of the API key; null without a key, and for a short one.
    async fn key_last_four(&self) -> Option<Text<'_>> {
        self.0.key_last_four.as_deref().map(Text::from)
    }

    /// Why the API key can't be decrypted; null if it can. Its models can't reply until it is entered again, or until the
    /// server has the secret that it is encrypted under.
    async fn key_problem(&self, ctx: &Context<'_>) -> Result<Option<Text<'_>>> {
        let models = ctx.data::<App>()?.models();
        Ok(models.provider(self.0.id).and_then(|provider| provider.key.as_ref().err()).cloned().map(Text::from))
    }

    /// Further headers of each request.
    async fn headers(&self) -> Vec<ProviderHeader> {
        let shown = |header: provider::Header| ProviderHeader { name: header.name.into(), value: header.value.into() };
        self.0.headers().into_iter().map(shown).collect()
    }

    /// The maximum number of retries of a request that failed before its first byte.
    async fn max_retries(&self) -> i64 {
        self.0.max_retries
    }

    /// The cool-down after several failures in a row, in seconds.
    async fn circuit_cooldown_seconds(&self) -> i64 {
        self.0.circuit_cooldown_ms / 1000
    }

    /// The timeout of connecting, in seconds; null for the default.
    async fn connect_timeout_seconds(&self) -> Option<i64> {
        self.0.connect_timeout_ms.map(|ms| ms / 1000)
    }

    /// The timeout from a request to the first byte of its response, in seconds; null for that of the turn.
    async fn first_byte_timeout_seconds(&self) -> Option<i64> {
        self.0.first_byte_timeout_ms.map(|ms| ms / 1000)
    }

    /// The timeout between two parts of a response, in seconds; null for that of the turn.
    async fn idle_timeout_seconds(&self) -> Option<i64> {
        self.0.idle_timeout_ms.map(|ms| ms / 1000)
    }

    /// The number of models with a route to it, disabled ones included.
    async fn model_count(&self, ctx: &Context<'_>) -> Result<u64> {
        Ok(ctx.data::<App>()?.models().models_of_provider(self.0.id))
    }

    /// When it was connected.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

/// A header of each request to a provider.
#[derive(SimpleObject)]
pub(crate) struct ProviderHeader {
    /// The name, in lower case.
    name: Text<'static>,
    /// The value.
    value: Text<'static>,
}

pub(crate) struct CatalogModel(pub(crate) Entry);

/// A model of the catalog, which may be disabled. Visible to staff.
#[Object]
impl CatalogModel {
    /// The unique name, which clients choose.
    async fn name(&self) -> Text<'_> {
        self.0.model.name.as_str().into()
    }

    /// The title for people; the name if none is set.
    async fn title(&self) -> Text<'_> {
        self.0.model.title.as_str().into()
    }

    /// What the model is good for.
    async fn description(&self) -> Option<Text<'_>> {
        self.0.model.description.as_deref().map(Text::from)
    }

    /// Where it comes from. Only a model of the database can be changed.
    async fn source(&self) -> Source {
        self.0.model.origin.source
    }

    /// Whether the database has a model of this name too, which is not in force: the configuration file wins.
    async fn shadows_database(&self) -> bool {
        self.0.is_shadowed()
    }

    /// Whether it can be used.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// Why it can't reply; null if it can.
    async fn problem(&self) -> Option<Text<'_>> {
        self.0.model.origin.problem.as_deref().map(Text::from)
    }

    /// Whether this is the default model, for messages that name none.
    async fn default(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(ctx.data::<App>()?.models().is_default(&self.0.model))
    }

    /// What has chosen this as the default model; null if it is not the default.
    async fn default_source(&self, ctx: &Context<'_>) -> Result<Option<DefaultSource>> {
        let models = ctx.data::<App>()?.models();
        Ok(models.is_default(&self.0.model).then(|| models.default_model().1))
    }

    /// The context window: maximum input and output in total, in model tokens; null if unlimited.
    async fn context_window(&self) -> Option<u64> {
        match self.own() {
            Some(row) => u64::try_from(row.row.context_window).ok(),
            None => Some(self.0.model.provider.context_window()).filter(|window| *window < u64::MAX),
        }
    }

    /// The maximum length of a reply, in model tokens.
    async fn max_output(&self) -> u64 {
        self.0.model.max_output
    }

    /// The maximum number of concurrent messages, 0 for no limit; null for a model that is not from the database.
    async fn max_concurrent(&self) -> Option<i64> {
        self.own().map(|own| own.row.max_concurrent)
    }

    /// Whether it reads images; null for a model that is not from the database.
    async fn images(&self) -> Option<bool> {
        self.own().map(|own| own.row.images)
    }

    /// Whether it calls tools; null for a model that is not from the database.
    async fn tools(&self) -> Option<bool> {
        self.own().map(|own| own.row.tools)
    }

    /// Whether it reasons before it answers; null for a model that is not from the database.
    async fn reasoning(&self) -> Option<bool> {
        self.own().map(|own| own.row.reasoning)
    }

    /// The price in force.
    async fn price(&self) -> Price {
        self.0.model.price.into()
    }

    /// The routes, in the order in which they are tried; empty for a model that is not from the database.
    async fn routes(&self, ctx: &Context<'_>) -> Result<Vec<ModelRoute>> {
        let models = ctx.data::<App>()?.models();
        let route = |route: &model_route::Model| {
            let provider = models.provider(route.provider_id)?;
            Some(ModelRoute {
                provider: Provider(provider.row.clone()),
                upstream_model: route.upstream_model.clone().into(),
                order: route.position,
                weight: route.weight,
            })
        };
        Ok(self.own().into_iter().flat_map(|own| &own.routes).filter_map(route).collect())
    }

    /// The state of its routes on this server, in their order, the first 16; empty for a model that runs in the server.
    async fn route_states(&self, ctx: &Context<'_>) -> Result<Vec<RouteState>> {
        let app = ctx.data::<App>()?;
        let (models, now) = (app.models(), app.clock.now());
        let states = self.0.model.provider.routes().into_iter().take(MAX_ROUTES);
        Ok(states.map(|state| RouteState::of(state, &models, now)).collect())
    }

    /// When it was last changed, its routes and its price included; null for a model that is not from the database.
    async fn updated_at(&self) -> Option<DateTime<Utc>> {
        self.own().map(|own| own.row.updated_at)
    }
}

impl CatalogModel {
    /// Returns what the database has of the model, if it is in force.
    fn own(&self) -> Option<&crate::infra::catalog::DatabaseModel> {
        self.0.row.as_deref().filter(|_| !self.0.is_shadowed())
    }
}

/// A route of a model: a provider that answers for it.
#[derive(SimpleObject)]
pub(crate) struct ModelRoute {
    /// The provider.
    provider: Provider,
    /// The provider's name of the model.
    upstream_model: Text<'static>,
    /// The order: routes with a smaller number are tried first.
    order: i64,
    /// The share of the requests among routes with the same order.
    weight: i64,
}

pub(crate) struct PriceChange(price::Model);

/// A change of a model's price. Visible to staff.
#[Object]
impl PriceChange {
    /// The version that it made.
    async fn version(&self) -> PriceVersion {
        self.0.clone().into()
    }

    /// The user who made it; null for the configuration file, the command line and a deleted account.
    async fn changed_by(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(id) = self.0.changed_by_id else { return Ok(None) };
        Ok(ctx.data::<DataLoader<Users>>()?.load_one(id).await.map_err(context::shared)?.map(User::from))
    }
}

/// A model that a provider lists.
#[derive(SimpleObject)]
pub(crate) struct ProviderModel {
    /// The provider's name of the model.
    name: Text<'static>,
    /// Whether the catalog has a model with a route to it.
    added: bool,
    /// The title; null if the provider has none.
    title: Option<Text<'static>>,
    /// The context window in model tokens; null if the provider does not tell it.
    context_window: Option<u64>,
    /// The maximum output in model tokens; null if the provider does not tell it.
    max_output: Option<u64>,
}

impl ProviderModel {
    /// Returns a listed model; `added` are the provider's names of the models of the catalog.
    pub(crate) fn of(model: ListedModel, added: &HashSet<String>) -> Self {
        let ListedModel { name, title, context_window, max_output } = model;
        Self {
            added: added.contains(&name),
            name: name.into(),
            title: title.map(Text::from),
            context_window,
            max_output,
        }
    }
}

/// A step of the test of a provider.
#[derive(SimpleObject)]
pub(crate) struct ProviderTestStep {
    /// The step.
    kind: StepKind,
    /// Whether it succeeded.
    succeeded: bool,
    /// What was tried, and what came back, without the API key.
    message: Text<'static>,
    /// How long it took, in milliseconds.
    milliseconds: u64,
}

impl From<TestStep> for ProviderTestStep {
    fn from(step: TestStep) -> Self {
        let TestStep { kind, succeeded, message, duration } = step;
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { kind, succeeded, message: message.into(), milliseconds }
    }
}

pub(crate) async fn providers(
    ctx: &Context<'_>,
    page: impl Future<Output = Result<Page<provider::Entity>, Error>>,
) -> Result<ConnectionOf<Provider>> {
    connection(ctx, page, |row| row.id.into(), Provider).await
}

pub(crate) async fn price_changes(
    ctx: &Context<'_>,
    page: impl Future<Output = Result<Page<price::Entity>, Error>>,
) -> Result<ConnectionOf<PriceChange>> {
    connection(ctx, page, |row| row.id.into(), PriceChange).await
}

/// Returns a connection of models, whose list is in memory.
pub(crate) fn catalog_models(page: KeyedPage<Entry>, total: u64) -> ConnectionOf<CatalogModel> {
    let KeyedPage { rows, has_previous, has_next } = page;
    let mut list = Connection::with_additional_fields(has_previous, has_next, TotalCount::known(total));
    list.edges.extend(rows.into_iter().map(|(name, entry)| Edge::new(Cursor::of_text(name), CatalogModel(entry))));
    list
}
