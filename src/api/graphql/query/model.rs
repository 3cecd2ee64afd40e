//! The models that are available.

use async_graphql::{Context, Object, Result};

use super::super::context::app_and_viewer;
use super::super::types::{self, ConnectionOf, Model, page};
use crate::domain::catalog::{self, ModelFilter};
use crate::infra::catalog::Model as CatalogModel;

#[derive(Default)]
pub(super) struct ModelQuery;

#[Object]
impl ModelQuery {
    /// The available models, sorted by name: all of them, which of a large catalog exceeds the cost limit of an operation.
    async fn models(&self, ctx: &Context<'_>) -> Result<Vec<Model>> {
        let (app, _) = app_and_viewer(ctx)?;
        let models = app.models();
        let wrap = |model: &CatalogModel| Model { model: model.clone(), default: models.is_default(model) };
        Ok(models.iter().map(wrap).collect())
    }

    /// The available models, sorted by name, page by page.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn models_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only models with each of these words in their name, title or description.")]
        search: Option<String>,
        #[graphql(desc = "Returns only models with these names, at most 100.")] names: Option<Vec<String>>,
        first: Option<i32>,
        last: Option<i32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Option<ConnectionOf<Model>>> {
        let (app, _) = app_and_viewer(ctx)?;
        let (filter, page) = (ModelFilter::new(search, names)?, page(first, last, after, before)?);
        let found = catalog::usable(app, &filter, page)?;
        Ok(Some(types::models(found, &app.models(), filter)))
    }

    /// The default model, for messages that name none; null if there is none.
    async fn default_model(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let (app, _) = app_and_viewer(ctx)?;
        Ok(app.models().get(None).map(|model| Model { model: model.clone(), default: true }))
    }
}
