//! Reading webhooks and their deliveries, for superusers: an address may hold a credential of the receiver.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{WebhookDeliveryId, WebhookId};
use crate::core::pagination::{Page, PageRequest};
use crate::core::viewer::Actor;
use crate::infra::entity::webhook_delivery::State;
use crate::infra::entity::{webhook, webhook_delivery};

/// A filter of deliveries; unset fields match all.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryFilter {
    /// The state.
    pub state: Option<State>,
}

/// Returns the webhooks, the newest first.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INTERNAL if the database fails.
pub async fn page(app: &App, actor: Actor, page: PageRequest) -> Result<Page<webhook::Entity>, Error> {
    actor.require_superuser()?;
    page.load(app.db.read(), webhook::Entity::find(), webhook::Column::Id).await
}

/// Returns a webhook.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a webhook.
pub async fn find(app: &App, actor: Actor, id: WebhookId) -> Result<webhook::Model, Error> {
    actor.require_superuser()?;
    let row = webhook::Entity::find_by_id(id).one(app.db.read()).await?;
    row.ok_or_else(|| Error::not_found("webhook"))
}

/// Returns the deliveries of a webhook, the newest first.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INTERNAL if the database fails.
pub async fn deliveries(
    app: &App,
    actor: Actor,
    id: WebhookId,
    filter: DeliveryFilter,
    page: PageRequest,
) -> Result<Page<webhook_delivery::Entity>, Error> {
    use webhook_delivery::Column::{Id, State, WebhookId};
    actor.require_superuser()?;
    let mut rows = webhook_delivery::Entity::find().filter(WebhookId.eq(id));
    if let Some(state) = filter.state {
        rows = rows.filter(State.eq(state));
    }
    page.load(app.db.read(), rows, Id).await
}

/// Returns a delivery.
///
/// # Errors
/// FORBIDDEN unless by a superuser; NOT_FOUND without such a delivery.
pub async fn find_delivery(app: &App, actor: Actor, id: WebhookDeliveryId) -> Result<webhook_delivery::Model, Error> {
    actor.require_superuser()?;
    let row = webhook_delivery::Entity::find_by_id(id).one(app.db.read()).await?;
    row.ok_or_else(|| Error::not_found("webhook delivery"))
}
