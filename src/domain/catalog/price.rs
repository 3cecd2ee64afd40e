//! Setting the price of a model: each is a new, immutable version.

use chrono::{DateTime, Utc};
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;

use super::change::{announce, begin};
use super::model;
use super::model_input::{price_as_json, validate_price};
use crate::app::App;
use crate::core::error::Error;
use crate::core::price::Price;
use crate::core::viewer::Actor;
use crate::domain::audit::{self, Action};
use crate::domain::pricing;
use crate::infra::db::Txn;
use crate::infra::entity::{self, price};

/// Sets the price of a model: for messages that begin from now on. The price that it has already is no new version.
///
/// # Errors
/// FORBIDDEN unless by a superuser; INVALID_INPUT for a part out of range; NOT_FOUND without such a model; CONFLICT for a
/// model of the file.
pub async fn set_price(app: &App, actor: Actor, name: &str, price: Price) -> Result<price::Model, Error> {
    actor.require_superuser()?;
    validate_price(price)?;
    let input = (actor, name.to_owned(), price, model::owner(app, name), app.clock.now());
    let version = app.db.write(input, |txn, (actor, name, price, owner, at)| {
        Box::pin(async move {
            begin(txn, actor).await?;
            let row = model::find(txn, name, *owner).await?;
            let before = pricing::find_in(txn, row.price_id).await?;
            store(txn, actor, &row, &before, *price, *at).await
        })
    });
    let version = version.await?;
    announce(app).await?;
    Ok(version)
}

/// Stores the price of a model as its next version, and records it. The price that it has already is no new version.
///
/// # Errors
/// CONFLICT if another server stores one at the same time; INTERNAL if the database fails.
pub(super) async fn store(
    txn: &Txn,
    actor: &Actor,
    row: &entity::model::Model,
    before: &price::Model,
    price: Price,
    at: DateTime<Utc>,
) -> Result<price::Model, Error> {
    if before.price() == price {
        return Ok(before.clone());
    }
    let after = pricing::insert_next(txn, &row.name, price, actor.id(), at).await?;
    let changed = entity::model::ActiveModel {
        id: Set(row.id),
        price_id: Set(after.id),
        updated_at: Set(at),
        ..Default::default()
    };
    let row = changed.update(txn).await?;
    let mut details = audit::change(price_as_json(before.price()), price_as_json(after.price()));
    if let Some(details) = details.as_object_mut() {
        details.insert("version".to_owned(), after.version.into());
    }
    model::record(txn, actor, Action::ModelSetPrice, &row, details, at).await?;
    Ok(after)
}
