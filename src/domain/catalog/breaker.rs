//! Resetting circuit breakers, on all servers.

use chrono::Duration;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::change::{announce, begin};
use super::load::read_epoch;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ProviderId;
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action, AuditRecord};
use crate::infra::catalog::Entry;
use crate::infra::entity::breaker_reset;

/// The time that a reset is kept for other servers. A server that reads it later has breakers that have closed since.
const KEPT: Duration = Duration::hours(1);

/// The breakers to reset: those of the routes that match all that is set.
#[derive(Clone, Debug, Default)]
pub struct BreakerSelection {
    /// The name of the model.
    pub model: Option<String>,
    /// The provider of the database.
    pub provider_id: Option<ProviderId>,
}

/// Closes circuit breakers on all servers, so that the next message is sent to their upstreams again. Returns the model, if
/// one is named.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INVALID_INPUT if neither a model nor a provider is named; NOT_FOUND without such a
/// model or provider.
pub async fn reset_breakers(app: &App, actor: Actor, selection: BreakerSelection) -> Result<Option<Entry>, Error> {
    actor.require_superuser()?;
    super::refresh(app).await?;
    let models = app.models();
    let BreakerSelection { model, provider_id } = &selection;
    let find = |name: &String| models.entry(name).ok_or_else(|| Error::not_found("model"));
    let entry = model.as_ref().map(find).transpose()?;
    let find = |id: &ProviderId| models.provider(*id).ok_or_else(|| Error::not_found("provider"));
    let provider = provider_id.as_ref().map(find).transpose()?;
    let target = match (entry, provider) {
        // A model of the file has no row.
        (Some(entry), _) => ("model", entry.row.as_ref().map_or(0, |row| row.row.id.0), entry.model.name.clone()),
        (None, Some(provider)) => ("provider", provider.row.id.0, provider.row.name.clone()),
        (None, None) => return Err(Error::field("model", "Name a model, a provider, or both.")),
    };
    let details = match (entry, provider) {
        (Some(_), Some(provider)) => json!({ "provider": provider.row.name }),
        _ => json!({}),
    };
    let input = (actor, selection.clone(), (target, details), app.clock.now());
    let reset = app.db.write(input, |txn, (actor, selection, (target, details), at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let old = breaker_reset::Column::CreatedAt.lt(*at - KEPT);
            breaker_reset::Entity::delete_many().filter(old).exec(txn).await?;
            let row = breaker_reset::ActiveModel {
                epoch: Set(read_epoch(txn).await?),
                model: Set(selection.model.clone()),
                provider_id: Set(selection.provider_id),
                created_at: Set(*at),
            };
            row.insert(txn).await?;
            let (kind, id, name) = target;
            let target = (*kind, *id, name.as_str());
            let (action, details) = (Action::BreakerReset, details.clone());
            audit::record(txn, actor, AuditRecord { action, target, owner_id: None, details, at: *at }).await
        })
    });
    reset.await?;
    announce(app).await?;
    Ok(selection.model.and_then(|name| app.models().entry(&name).cloned()))
}
