//! The catalog, for staff.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::super::context::app_and_viewer;
use super::super::id::RowId;
use super::super::types::{
    self, CatalogModel, ConnectionOf, PriceChange, PriceInput, PricePreview, Provider, ProviderModel, page,
};
use crate::core::ids::{ChatId, ProviderId};
use crate::domain::catalog;
use crate::infra::catalog::Source;

#[derive(Default)]
pub(super) struct CatalogQuery;

/// A price to compare with what chats have cost.
#[derive(InputObject)]
struct PricePreviewInput {
    /// The name of the model.
    model: String,
    /// The price.
    price: PriceInput,
    /// The global id of one chat, of any model. If omitted, the recent chats with the model count.
    chat_id: Option<ID>,
}

#[Object]
impl CatalogQuery {
    /// The providers that operators have connected, newest first. For staff.
    async fn providers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only providers with this in their name; the case of A to Z is ignored.")]
        search: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Provider>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (staff, page) = (viewer.require_staff()?, page(first, last, after, before)?);
        Ok(Some(types::providers(ctx, catalog::providers(app, staff, search.as_deref(), page)).await?))
    }

    /// One provider. For staff.
    async fn provider(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id of the provider.")] id: ID,
    ) -> Result<Option<Provider>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        Ok(Some(Provider(catalog::find_provider(app, staff, ProviderId::parse(&id)?).await?)))
    }

    /// The models that a provider lists, at most 1000. It is asked now. For superusers.
    async fn provider_models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id of the provider.")] id: ID,
    ) -> Result<Option<Vec<ProviderModel>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let id = ProviderId::parse(&id)?;
        let models = catalog::provider_models(app, actor, id).await?;
        let added = app.models().upstream_models(id);
        Ok(Some(models.into_iter().map(|model| ProviderModel::of(model, &added)).collect()))
    }

    /// All models by name, disabled ones included: those of the configuration file and those of the database. For staff.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn catalog_models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only models with this in their name or title.")] search: Option<String>,
        #[graphql(desc = "Returns only models from there.")] source: Option<Source>,
        #[graphql(desc = "Returns only models that are enabled, or disabled.")] enabled: Option<bool>,
        #[graphql(desc = "Returns only models with a route to this provider.")] provider_id: Option<ID>,
        #[graphql(desc = "Returns only models that this server has called in the last hour, or that have a circuit \
                          breaker that is not closed; or only others.")]
        in_use: Option<bool>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<CatalogModel>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let provider_id = provider_id.map(|id| ProviderId::parse(&id)).transpose()?;
        let filter = catalog::Filter { search, source, enabled, provider_id, in_use };
        let (page, total) = catalog::page(app, staff, filter, page(first, last, after, before)?)?;
        Ok(Some(types::catalog_models(page, total)))
    }

    /// The versions of the price of a model, newest first. For staff.
    async fn price_changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The name of the model.")] model: String,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<PriceChange>>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let (staff, page) = (viewer.require_staff()?, page(first, last, after, before)?);
        Ok(Some(types::price_changes(ctx, catalog::price_changes(app, staff, &model, page)).await?))
    }

    /// What chats would have cost at a price: one chat, or those with the model in the last 30 days, among the newest 10,000
    /// of all models. For staff.
    async fn price_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The price.")] input: PricePreviewInput,
    ) -> Result<Option<PricePreview>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let staff = viewer.require_staff()?;
        let PricePreviewInput { model, price, chat_id } = input;
        let chat_id = chat_id.map(|id| ChatId::parse(&id)).transpose()?;
        Ok(Some(catalog::preview_price(app, staff, &model, price.into(), chat_id).await?.into()))
    }
}
