//! Testing the connection of a provider, and listing its models.

use super::model_input::check_upstream_model;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::ProviderId;
use crate::core::viewer::Actor;
use crate::infra::ai::upstream::probe::{self, ListedModel, TestStep};
use crate::infra::ai::upstream::{Protocol, UpstreamConfig};

/// Tests a provider: its name, its connection, its key and, if a model is given, that it generates a model token. Returns
/// what was tried, up to the first step that failed.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a provider; UNAVAILABLE if its key can't be decrypted.
pub async fn test_provider(
    app: &App,
    actor: Actor,
    id: ProviderId,
    upstream_model: Option<&str>,
) -> Result<Vec<TestStep>, Error> {
    let upstream_model = upstream_model.map(str::trim).unwrap_or_default();
    check_upstream_model(upstream_model)?;
    let (protocol, config) = connected(app, actor, id, upstream_model).await?;
    Ok(probe::test(protocol, config).await)
}

/// Lists the models of a provider, as it lists them itself.
///
/// # Errors
/// As [`test_provider`]; PROVIDER_UNAVAILABLE, with what came back, if it lists none.
pub async fn provider_models(app: &App, actor: Actor, id: ProviderId) -> Result<Vec<ListedModel>, Error> {
    let (protocol, config) = connected(app, actor, id, "").await?;
    let listed = probe::list(&protocol, &config).await;
    listed.map_err(|message| Error::new(Code::ProviderUnavailable, message))
}

/// Returns the address and the key of a provider as they are now.
async fn connected(
    app: &App,
    actor: Actor,
    id: ProviderId,
    upstream_model: &str,
) -> Result<(Protocol, UpstreamConfig), Error> {
    actor.require_superuser()?;
    super::refresh(app).await?;
    let known = app.models().provider(id).cloned().ok_or_else(|| Error::not_found("provider"))?;
    let upstream = known.upstream(upstream_model).map_err(|problem| {
        let message = format!("The API key of this provider can't be decrypted: {problem}. Enter it again.");
        Error::new(Code::Unavailable, message)
    })?;
    Ok((known.protocol(), upstream))
}
