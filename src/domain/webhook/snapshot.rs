//! The snapshot of the webhooks: read at the start, after own changes, and periodically, since other servers change them.

use sea_orm::{EntityTrait, QueryOrder};

use crate::app::App;
use crate::core::error::Error;
use crate::infra::entity::webhook;

/// Reads the webhooks. There are at most [`super::input::MAX_WEBHOOKS`], so that reading them costs no more than reading
/// whether they have changed.
///
/// # Errors
/// INTERNAL if the database fails; then the snapshot stays.
pub async fn refresh(app: &App) -> Result<(), Error> {
    let rows = webhook::Entity::find().order_by_asc(webhook::Column::Id).all(app.db.read()).await?;
    app.webhooks.replace(rows);
    Ok(())
}
