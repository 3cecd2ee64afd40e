//! Reading the catalog, for staff.

use sea_orm::sea_query::{Expr, Func};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::core::ids::ProviderId;
use crate::core::pagination::{KeyedPage, Page, PageRequest, check_search, contains};
use crate::core::viewer::Staff;
use crate::infra::ai::route_state::RouteState;
use crate::infra::catalog::{Entry, Source};
use crate::infra::entity::{price, provider};

/// A filter of models; unset fields match all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A part of the name or the title.
    pub search: Option<String>,
    /// Where the model comes from.
    pub source: Option<Source>,
    /// Whether it can be used.
    pub enabled: Option<bool>,
    /// A provider of one of its routes.
    pub provider_id: Option<ProviderId>,
    /// Whether this server has called it in the last hour, or a circuit breaker is not closed.
    pub in_use: Option<bool>,
}

impl Filter {
    fn matches(&self, entry: &Entry) -> bool {
        let found = |text: &str, part: &str| text.to_lowercase().contains(part);
        let routes = entry.row.as_ref().map(|row| row.routes.as_slice()).unwrap_or_default();
        self.search.as_ref().is_none_or(|part| found(&entry.model.name, part) || found(&entry.model.title, part))
            && self.source.is_none_or(|source| entry.model.origin.source == source)
            && self.enabled.is_none_or(|enabled| entry.enabled == enabled)
            && self.provider_id.is_none_or(|id| routes.iter().any(|route| route.provider_id == id))
            && self
                .in_use
                .is_none_or(|in_use| in_use == entry.model.provider.routes().iter().any(RouteState::is_in_use))
    }
}

/// Returns a page of all models of the catalog by name, and the number of those on all pages.
///
/// # Errors
/// INVALID_INPUT for a search that is too long, or a cursor of another list.
pub fn page(app: &App, _: Staff, mut filter: Filter, page: PageRequest) -> Result<(KeyedPage<Entry>, u64), Error> {
    check_search(filter.search.as_deref().unwrap_or_default())?;
    filter.search = filter.search.map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
    let models = app.models();
    let rows = page.of_map(models.entries(), |_, entry| filter.matches(entry))?;
    let total = models.entries().values().filter(|entry| filter.matches(entry)).count();
    Ok((rows, total as u64))
}

/// Returns the entry of a model.
///
/// # Errors
/// NOT_FOUND without such a model.
pub fn entry(app: &App, _: Staff, name: &str) -> Result<Entry, Error> {
    app.models().entry(name).cloned().ok_or_else(|| Error::not_found("model"))
}

/// Returns the providers of the database, the newest first.
///
/// # Errors
/// INVALID_INPUT for a search that is too long; INTERNAL if the database fails.
pub async fn providers(
    app: &App,
    _: Staff,
    search: Option<&str>,
    page: PageRequest,
) -> Result<Page<provider::Entity>, Error> {
    let search = search.unwrap_or_default();
    check_search(search)?;
    let part = search.trim().to_lowercase();
    let mut found = provider::Entity::find();
    if !part.is_empty() {
        let name = Func::lower(Expr::col((provider::Entity, provider::Column::Name)));
        found = found.filter(contains(Expr::expr(name), &part));
    }
    page.load(app.db.read(), found, provider::Column::Id).await
}

/// Returns a provider.
///
/// # Errors
/// NOT_FOUND without such a provider.
pub async fn find_provider(app: &App, _: Staff, id: ProviderId) -> Result<provider::Model, Error> {
    let row = provider::Entity::find_by_id(id).one(app.db.read()).await?;
    row.ok_or_else(|| Error::not_found("provider"))
}

/// Returns the versions of the price of a model, the newest first.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn price_changes(app: &App, _: Staff, model: &str, page: PageRequest) -> Result<Page<price::Entity>, Error> {
    let versions = price::Entity::find().filter(price::Column::Model.eq(model));
    page.load(app.db.read(), versions, price::Column::Id).await
}
