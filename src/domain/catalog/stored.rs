//! The catalog as the database has it, read without a server and without decrypting a key.

use std::collections::HashMap;

use sea_orm::{EntityTrait, QueryOrder};

use super::load;
use crate::core::error::Error;
use crate::infra::db::Db;
use crate::infra::entity::{model, model_route, provider};

/// The catalog of a database.
pub struct StoredCatalog {
    /// The providers, by name.
    pub providers: Vec<provider::Model>,
    /// The models, by name.
    pub models: Vec<StoredModel>,
    /// The default model that a superuser has chosen.
    pub default_model: Option<String>,
}

/// A model of the database.
pub struct StoredModel {
    /// The name.
    pub name: String,
    /// Whether it can be used.
    pub enabled: bool,
    /// The names of the providers of its routes, in the order in which they are tried.
    pub providers: Vec<String>,
}

/// Reads the catalog; nothing is written.
///
/// # Errors
/// INTERNAL if the database fails, or if its schema is another one.
pub async fn read_stored(db: &Db) -> Result<StoredCatalog, Error> {
    let db = db.read();
    let providers = provider::Entity::find().order_by_asc(provider::Column::Name).all(db).await?;
    let names: HashMap<_, _> = providers.iter().map(|provider| (provider.id, provider.name.as_str())).collect();
    let routes = model_route::Entity::find();
    let routes = routes.order_by_asc(model_route::Column::Position).order_by_asc(model_route::Column::Id);
    let mut by_model: HashMap<_, Vec<String>> = HashMap::new();
    for route in routes.all(db).await? {
        let name = names.get(&route.provider_id).copied().unwrap_or_default();
        by_model.entry(route.model_id).or_default().push(name.to_owned());
    }
    let models = model::Entity::find().order_by_asc(model::Column::Name).all(db).await?;
    let stored = |row: model::Model| StoredModel {
        name: row.name,
        enabled: row.enabled,
        providers: by_model.remove(&row.id).unwrap_or_default(),
    };
    let models = models.into_iter().map(stored).collect();
    let default_model = load::read_row(db).await?.and_then(|row| row.default_model);
    Ok(StoredCatalog { providers, models, default_model })
}
