//! Versions of prices: what a model costs at which time. A version is never changed, so that a chat shows the price that
//! was paid, whatever the configuration says now.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Select, SqlErr};

use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{PriceId, UserId};
use crate::core::price::Price;
use crate::infra::catalog::{Model, Models};
use crate::infra::db::Txn;
use crate::infra::entity::price::{self, Column};

/// Maximum number of tries to store a version, if other servers store theirs at the same time.
const MAX_TRIES: usize = 5;

/// Returns the id of the version of a model's price. A price that differs from the newest version becomes a new one.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn version_id(app: &App, model: &Model) -> Result<PriceId, Error> {
    if let Some(id) = model.origin.price_id.or_else(|| app.price_cache.current(&model.name, model.price)) {
        return Ok(id);
    }
    let version = store(app, model).await?;
    app.price_cache.set_current(&version);
    Ok(version.id)
}

/// Stores the prices of all models, so that a change of the configuration is a version from the start on.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn store_all(app: &App) -> Result<(), Error> {
    for model in app.models().iter() {
        version_id(app, model).await?;
    }
    Ok(())
}

/// Stores the prices of the next configured models that the ones before do not have, before they are in force. The
/// versions before stay the current ones meanwhile, so that a message that is being sent is sold at one of them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn store_next(app: &App, before: &Models, next: &mut Models) -> Result<(), Error> {
    for model in next.iter_mut() {
        let is_same = before.entry(&model.name).is_some_and(|before| before.model.price == model.price);
        if !is_same {
            model.origin.price_id = Some(store(app, model).await?.id);
        }
    }
    Ok(())
}

/// Returns a version.
///
/// # Errors
/// NOT_FOUND without such a version.
pub async fn find(app: &App, id: PriceId) -> Result<price::Model, Error> {
    if let Some(known) = app.price_cache.get(id) {
        return Ok(known);
    }
    let found = price::Entity::find_by_id(id).one(app.db.read()).await?.ok_or_else(|| Error::not_found("price"))?;
    app.price_cache.insert(found.clone());
    Ok(found)
}

/// Returns the newest version if it has the price of the model, or else a new one.
async fn store(app: &App, model: &Model) -> Result<price::Model, Error> {
    for _ in 0..MAX_TRIES {
        let newest = newest(&model.name).one(app.db.read()).await?;
        let version = newest.as_ref().map_or(1, |newest| newest.version + 1);
        if let Some(newest) = newest.filter(|newest| newest.price() == model.price) {
            return Ok(newest);
        }
        let new = new_version(model.name.clone(), version, model.price, None, app.clock.now());
        let insert = app
            .db
            .write(new, |txn, new| Box::pin(async move { new.clone().insert(txn).await.map_err(taken_as_conflict) }));
        match insert.await {
            // Another server has stored a version with this number: whether it has the same price is read above.
            Err(Error { code: Code::Conflict, .. }) => {}
            stored => return stored,
        }
    }
    Err(Error::internal("the version of a price could not be stored"))
}

fn taken_as_conflict(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => {
            Error::new(Code::Conflict, "This version exists.").with_source(error)
        }
        _ => error.into(),
    }
}

/// Stores the next version of the price of a model, set by this user.
///
/// # Errors
/// CONFLICT if another server stores one at the same time; INTERNAL if the database fails.
pub async fn insert_next(
    txn: &Txn,
    model: &str,
    price: Price,
    changed_by: Option<UserId>,
    at: DateTime<Utc>,
) -> Result<price::Model, Error> {
    let version = newest(model).one(txn).await?.map_or(1, |newest| newest.version + 1);
    let new = new_version(model.to_owned(), version, price, changed_by, at);
    new.insert(txn).await.map_err(taken_as_conflict)
}

/// Returns a version, within a transaction.
///
/// # Errors
/// NOT_FOUND without such a version.
pub async fn find_in(txn: &Txn, id: PriceId) -> Result<price::Model, Error> {
    price::Entity::find_by_id(id).one(txn).await?.ok_or_else(|| Error::not_found("price"))
}

/// Returns a query of the versions of a model's price, newest first.
fn newest(model: &str) -> Select<price::Entity> {
    price::Entity::find().filter(Column::Model.eq(model)).order_by_desc(Column::Version)
}

fn new_version(
    model: String,
    version: i64,
    price: Price,
    changed_by: Option<UserId>,
    at: DateTime<Utc>,
) -> price::ActiveModel {
    let Price { per_message, input, cache_read, cache_write, output, reasoning, per_image } = price;
    price::ActiveModel {
        id: NotSet,
        model: Set(model),
        version: Set(version),
        per_message: Set(per_message),
        input: Set(input),
        cache_read: Set(cache_read),
        cache_write: Set(cache_write),
        output: Set(output),
        reasoning: Set(reasoning),
        per_image: Set(per_image),
        created_at: Set(at),
        changed_by_id: Set(changed_by),
    }
}
