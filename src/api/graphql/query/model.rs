//! The models that are available.

use async_graphql::{Context, Object, Result};

use super::super::context::app_and_viewer;
use super::super::types::Model;
use crate::infra::catalog;

#[derive(Default)]
pub(super) struct ModelQuery;

#[Object]
impl ModelQuery {
    /// The available models, sorted by name.
    async fn models(&self, ctx: &Context<'_>) -> Result<Vec<Model>> {
        let (app, _) = app_and_viewer(ctx)?;
        let models = app.models();
        let wrap = |model: &catalog::Model| Model { model: model.clone(), default: models.is_default(model) };
        Ok(models.iter().map(wrap).collect())
    }
}
