//! Resetting circuit breakers.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::super::context::app_and_viewer;
use super::super::super::error::{UserError, outcome};
use super::super::super::execution::bounded::Payload;
use super::super::super::id::RowId;
use super::super::super::types::CatalogModel;
use crate::core::ids::ProviderId;
use crate::domain::catalog::{self, BreakerSelection};

#[derive(Default)]
pub(in super::super) struct BreakerMutation;

/// The circuit breakers to reset: those of a model, of a provider, or of the routes of a model to a provider.
#[derive(InputObject)]
struct ResetBreakerInput {
    /// The name of the model; if omitted, those of all models with a route to the provider.
    model: Option<String>,
    /// The global id of the provider; if omitted, those of all routes of the model.
    provider_id: Option<ID>,
}

/// Circuit breakers that were reset.
#[derive(SimpleObject)]
struct ResetBreakerPayload {
    /// The model; null if none was named, or nothing was reset.
    model: Option<CatalogModel>,
    /// Errors; empty on success.
    errors: Vec<UserError>,
}

#[Object]
impl BreakerMutation {
    /// Closes circuit breakers, on all servers within a second: the next message is sent to the upstream again. For
    /// superusers.
    async fn reset_breaker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The circuit breakers.")] input: ResetBreakerInput,
    ) -> Result<Payload<ResetBreakerPayload>> {
        let (app, viewer) = app_and_viewer(ctx)?;
        let actor = viewer.require_superuser()?.into();
        let reset = async {
            let provider_id = input.provider_id.map(|id| ProviderId::parse(&id)).transpose()?;
            catalog::reset_breakers(app, actor, BreakerSelection { model: input.model, provider_id }).await
        };
        let (model, errors) = outcome(reset.await)?;
        Ok(Payload(ResetBreakerPayload { model: model.flatten().map(CatalogModel), errors }))
    }
}
