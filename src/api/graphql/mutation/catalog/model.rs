//! Mutations of models and their prices.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::super::super::context::app_and_viewer;
use super::super::super::error::{UserError, outcome};
use super::super::super::execution::bounded::{Payload, Text};
use super::super::super::id::RowId;
use super::super::super::types::{CatalogModel, PriceInput};
use super::provider::number;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ProviderId;
use crate::core::viewer::Staff;
use crate::domain::catalog::{self, ModelUpdate, NewModel, Route};

#[derive(Default)]
pub(in super::super) struct ModelMutation;

/// A model to add.
#[derive(InputObject)]
struct CreateModelInput {
    /// The unique name, which clients choose, 1 to 100 characters. It stays.
    name: String,
    /// The title for people, at most 80 characters. If omitted, the name is shown.
    title: Option<String>,
    /// What the model is good for, at most 300 characters.
    description: Option<String>,
    /// The context window in model tokens; defaults to 16,384.
    context_window: Option<i32>,
    /// The maximum length of a reply in model tokens; defaults to 1024.
    max_output: Option<i32>,
    /// The maximum number of concurrent messages; defaults to 0, for no limit.
    max_concurrent: Option<i32>,
    /// Whether it reads images.
    images: Option<bool>,
    /// Whether it calls tools.
    tools: Option<bool>,
    /// Whether it reasons before it answers.
    reasoning: Option<bool>,
    /// Whether it can be used; defaults to true.
    enabled: Option<bool>,
    /// The routes, 1 to 16, to providers of one kind.
    routes: Vec<ModelRouteInput>,
    /// The price.
    price: PriceInput,
}

/// A route of a model: a provider that answers for it.
#[derive(InputObject)]
struct ModelRouteInput {
    /// The global id of the provider.
    provider_id: ID,
    /// The provider's name of the model, 1 to 200 characters.
    upstream_model: String,
    /// The order: routes with a smaller number are tried first, 0 to 1000. Defaults to the place in the list.
    order: Option<i64>,
    /// The share of the requests among routes with the same order, 1 to 1000; defaults to 1.
    weight: Option<i64>,
}

/// Changes to a model. Omitted fields stay unchanged.
#[derive(InputObject)]
struct UpdateModelInput {
    /// The name of the model.
    name: String,
    /// The title for people, at most 80 characters; null shows the name.
    title: MaybeUndefined<String>,
    /// What the model is good for, at most 300 characters; null removes it.
    description: MaybeUndefined<String>,
    /// The context window in model tokens.
    context_window: Option<i32>,
    /// The maximum length of a reply in model tokens.
    max_output: Option<i32>,
    /// The maximum number of concurrent messages; 0 for no limit.
    max_concurrent: Option<i32>,
    /// Whether it reads images.
    images: Option<bool>,
    /// Whether it calls tools.
    tools: Option<bool>,
    /// Whether it reasons before it answers.
    reasoning: Option<bool>,
    /// Whether it can be used.
    enabled: Option<bool>,
    /// The routes, 1 to 16: all of them.
    routes: Option<Vec<ModelRouteInput>>,
}

/// The model to remove.
#[derive(InputObject)]
struct DeleteModelInput {
    /// The name of the model.
    name: String,
}

/// A new price of a model.
#[derive(InputObject)]
struct SetModelPriceInput {
    /// The name of the model.
    name: String,
    /// The price.
    price: PriceInput,
}

/// The model to make the default one.
#[derive(InputObject)]
struct SetDefaultModelInput {
    /// The name of the model, of whatever source; null leaves it to the configuration.
    name: Option<String>,
}

/// The default model.
#[derive(SimpleObject)]
struct SetDefaultModelPayload {
    /// The default model that is in force; null if it was not changed, and if no model can be used.
    model: Option<CatalogModel>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// An added model.
#[derive(SimpleObject)]
struct CreateModelPayload {
    /// The model; null if none was added.
    model: Option<CatalogModel>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A changed model.
#[derive(SimpleObject)]
struct UpdateModelPayload {
    /// The model; null if it was not changed.
    model: Option<CatalogModel>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

/// A removed model.
#[derive(SimpleObject)]
struct DeleteModelPayload {
    /// The name of the removed model; null if none was removed.
    deleted_name: Option<Text<'static>>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

/// A model with another price.
#[derive(SimpleObject)]
struct SetModelPricePayload {
    /// The model; null if its price was not set.
    model: Option<CatalogModel>,
    /// The number of the version that is in force; null if the price was not set.
    version: Option<i64>,
    /// Validation errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl ModelMutation {
    /// Adds a model to the catalog. For superusers.
    async fn create_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model.")] input: CreateModelInput,
    ) -> Result<Payload<CreateModelPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_superuser()?;
        let created = async {
            let settings = ModelUpdate {
                title: Some(input.title),
                description: Some(input.description),
                context_window: input.context_window.map(units),
                max_output: input.max_output.map(units),
                max_concurrent: input.max_concurrent.map(number),
                images: input.images,
                tools: input.tools,
                reasoning: input.reasoning,
                enabled: input.enabled,
                routes: Some(routes(input.routes)?),
            };
            let new = NewModel { name: input.name, settings, price: input.price.into() };
            let row = catalog::create_model(app, staff.into(), new).await?;
            shown(app, staff, &row.name)
        };
        let (model, errors) = outcome(created.await)?;
        Ok(Payload(CreateModelPayload { model, errors }))
    }

    /// Changes, enables or disables a model, from the next message on. For superusers.
    async fn update_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model and its changes.")] input: UpdateModelInput,
    ) -> Result<Payload<UpdateModelPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_superuser()?;
        let changed = async {
            let update = ModelUpdate {
                title: text(input.title),
                description: text(input.description),
                context_window: input.context_window.map(units),
                max_output: input.max_output.map(units),
                max_concurrent: input.max_concurrent.map(number),
                images: input.images,
                tools: input.tools,
                reasoning: input.reasoning,
                enabled: input.enabled,
                routes: input.routes.map(routes).transpose()?,
            };
            catalog::update_model(app, staff.into(), &input.name, update).await?;
            shown(app, staff, &input.name)
        };
        let (model, errors) = outcome(changed.await)?;
        Ok(Payload(UpdateModelPayload { model, errors }))
    }

    /// Removes a model from the catalog. Its chats, and the versions of its price, stay. For superusers.
    async fn delete_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model.")] input: DeleteModelInput,
    ) -> Result<Payload<DeleteModelPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let (deleted, errors) = outcome(catalog::delete_model(app, actor, &input.name).await)?;
        Ok(Payload(DeleteModelPayload { deleted_name: deleted.map(|()| input.name.into()), errors }))
    }

    /// Sets the price of a model, from the next message on: a new version, which is never changed. For superusers.
    async fn set_model_price(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model and its price.")] input: SetModelPriceInput,
    ) -> Result<Payload<SetModelPricePayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_superuser()?;
        let set = async {
            let version = catalog::set_price(app, staff.into(), &input.name, input.price.into()).await?;
            Ok((shown(app, staff, &input.name)?, version.version))
        };
        let (set, errors) = outcome(set.await)?;
        let (model, version) = set.unzip();
        Ok(Payload(SetModelPricePayload { model, version, errors }))
    }

    /// Makes a model the default one, which answers messages that name none. The configuration file wins: if it names the
    /// default model, this is a CONFLICT. For superusers.
    async fn set_default_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model.")] input: SetDefaultModelInput,
    ) -> Result<Payload<SetDefaultModelPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_superuser()?;
        let set = async {
            catalog::set_default_model(app, staff.into(), input.name).await?;
            Ok(shown(app, staff, app.models().default_model().0).ok())
        };
        let (model, errors) = outcome(set.await)?;
        Ok(Payload(SetDefaultModelPayload { model: model.flatten(), errors }))
    }
}

/// Returns a model as it is in the catalog now.
fn shown(app: &App, staff: Staff, name: &str) -> Result<CatalogModel, Error> {
    catalog::entry(app, staff, name).map(CatalogModel)
}

fn routes(routes: Vec<ModelRouteInput>) -> Result<Vec<Route>, Error> {
    let route = |ModelRouteInput { provider_id, upstream_model, order, weight }| {
        let id = ProviderId::parse(&provider_id).map_err(|_| Error::field("routes", "There is no such provider."))?;
        Ok(Route { provider_id: id, upstream_model, order, weight })
    };
    routes.into_iter().map(route).collect()
}

fn text(text: MaybeUndefined<String>) -> Option<Option<String>> {
    match text {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

/// Returns a number of model tokens, whose range the domain checks.
fn units(units: i32) -> u64 {
    u64::try_from(units).unwrap_or_default()
}
