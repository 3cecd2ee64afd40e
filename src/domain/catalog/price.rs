//! Setting the price of a model: each is a new, immutable version.

use chrono::{DateTime, Utc};
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};

use super::change::{announce, begin};
use super::model;
use super::model_input::validate_price;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::UserId;
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
            if before.price() == *price {
                return Ok(before);
            }
            let after = store(txn, name, *price, actor.id(), *at).await?;
            let changed = entity::model::ActiveModel {
                id: Set(row.id),
                price_id: Set(after.id),
                updated_at: Set(*at),
                ..Default::default()
            };
            let row = changed.update(txn).await?;
            let mut details = audit::change(as_json(before.price()), as_json(after.price()));
            if let Some(details) = details.as_object_mut() {
                details.insert("version".to_owned(), after.version.into());
            }
            model::record(txn, actor, Action::ModelSetPrice, &row, details, *at).await?;
            Ok(after)
        })
    });
    let version = version.await?;
    announce(app).await?;
    Ok(version)
}

/// Stores a new version of the price of a model.
pub(super) async fn store(
    txn: &Txn,
    model: &str,
    price: Price,
    changed_by: Option<UserId>,
    at: DateTime<Utc>,
) -> Result<price::Model, Error> {
    pricing::insert_next(txn, model, price, changed_by, at).await
}

/// Returns the parts of a price for the audit trail.
pub(super) fn as_json(price: Price) -> Value {
    let Price { per_message, input, cache_read, cache_write, output, reasoning } = price;
    json!({
        "per_message": per_message,
        "per_million_input": input,
        "per_million_cache_read": cache_read,
        "per_million_cache_write": cache_write,
        "per_million_output": output,
        "per_million_reasoning": reasoning,
    })
}
