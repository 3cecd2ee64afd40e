//! Queries of keys: the viewer's own, and, for staff, all users'.

use sea_orm::sea_query::{Expr, Func};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::secret;
use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::{ApiKeyId, UserId};
use crate::core::pagination::{self, Page, PageRequest, check_search};
use crate::core::viewer::{Actor, Caller, Owner};
use crate::infra::entity::api_key::{self, AllowedModels, Column, Model};

/// Returns the viewer's own keys, invalid ones included, newest first.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn list(app: &App, owner: Owner, page: PageRequest) -> Result<Page<api_key::Entity>, Error> {
    page.load(app.db.read(), api_key::Entity::owned_by(owner.id), Column::Id).await
}

/// A filter of API keys for operators; unset fields match all.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyFilter {
    /// Keys of this user.
    pub user_id: Option<UserId>,
    /// A substring of the name, or a prefix of the key. Of a whole key the secret part is ignored.
    pub search: Option<String>,
}

/// Returns the keys of all users, newest first.
///
/// # Errors
/// INVALID_INPUT for a search that is too long; INTERNAL if the database fails.
pub async fn all(
    app: &App,
    actor: Actor,
    filter: ApiKeyFilter,
    page: PageRequest,
) -> Result<Page<api_key::Entity>, Error> {
    actor.require_operator()?;
    let mut keys = filter.user_id.map_or_else(api_key::Entity::find, api_key::Entity::owned_by);
    check_search(filter.search.as_deref().unwrap_or_default())?;
    if let Some(search) = filter.search.as_deref().map(str::trim).filter(|search| !search.is_empty()) {
        let prefix = if secret::is_one(search) { secret::prefix(search).unwrap_or(search) } else { search };
        // SQLite folds the case of ASCII only.
        let name = pagination::contains(Func::lower(Expr::col(Column::Name)), &search.to_lowercase());
        keys = keys.filter(Condition::any().add(name).add(pagination::begins_with(Expr::col(Column::Prefix), prefix)));
    }
    page.load(app.db.read(), keys, Column::Id).await
}

/// Returns one key: the viewer's own or, for staff, any user's.
///
/// # Errors
/// NOT_FOUND also for a key of another user.
pub async fn one(app: &App, owner: Owner, key_id: ApiKeyId) -> Result<Model, Error> {
    let key = api_key::Entity::find_by_id(key_id).one(app.db.read()).await?;
    key.filter(|key| key.user_id == owner.id || owner.staff().is_some()).ok_or_else(|| Error::not_found("API key"))
}

/// Returns the models that the viewer may use; `None` for all.
///
/// # Errors
/// UNAUTHENTICATED if the key is deleted.
pub async fn models(app: &App, caller: Caller) -> Result<Option<AllowedModels>, Error> {
    let Some(id) = caller.api_key() else { return Ok(None) };
    let key = api_key::Entity::find_by_id(id).one(app.db.read()).await?;
    Ok(key.ok_or_else(Error::unauthenticated)?.models)
}

/// Returns the keys with these ids, in no particular order; deleted ones are omitted. The caller has checked that the
/// viewer may see them.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn by_ids(app: &App, ids: &[ApiKeyId]) -> Result<Vec<Model>, Error> {
    Ok(api_key::Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?)
}
