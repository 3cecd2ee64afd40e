//! Loading the catalog from the database: at the start, after own changes, and when another server has made one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::keys;
use crate::app::App;
use crate::core::error::Error;
use crate::infra::catalog::{DatabaseModel, Models, Rows};
use crate::infra::cluster::TO_ALL;
use crate::infra::entity::{breaker_reset, catalog_epoch, model, model_route, price, provider};

/// The topic of notifications that the catalog has changed.
pub(super) const TOPIC: &str = "all:catalog";
const _: () = assert!(TO_ALL.len() == 4, "the topic begins with the prefix of broadcasts");

/// The interval at which the epoch is read where servers have no common bus, so that a change is in force within a
/// second; and where they have one, in case that a notification was lost.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
const POLL_INTERVAL_WITH_BUS: Duration = Duration::from_secs(5);
/// Maximum number of reads while others change the catalog.
const MAX_READS: usize = 3;

/// Follows the changes of other servers until this one stops.
pub async fn run_watcher(app: App) {
    let mut changes = app.bus.subscribe(TOPIC);
    let mut is_failing = false;
    loop {
        let has_bus = app.bus.health().is_some_and(|health| health.is_up);
        let interval = if has_bus { POLL_INTERVAL_WITH_BUS } else { POLL_INTERVAL };
        tokio::select! {
            _ = changes.next() => {}
            () = tokio::time::sleep(interval) => {}
            () = app.stopping.cancelled() => return,
        }
        match refresh(&app).await {
            Ok(()) => is_failing = false,
            Err(error) if !is_failing => {
                is_failing = true;
                tracing::warn!(?error, "the catalog can't be read; the models stay as they are");
            }
            Err(_) => {}
        }
    }
}

/// Loads the catalog if it has changed since the snapshot of this server.
///
/// # Errors
/// INTERNAL if the database fails; then the snapshot stays.
pub async fn refresh(app: &App) -> Result<(), Error> {
    // An epoch that is read before this one's turn would be older than the snapshot made meanwhile.
    let _turn = app.catalog.lock().await;
    let mut epoch = read_epoch(app.db.read()).await?;
    if app.models().epoch() == Some(epoch) {
        return Ok(());
    }
    for _ in 0..MAX_READS {
        let mut rows = read(app).await?;
        rows.epoch = epoch;
        let now = read_epoch(app.db.read()).await?;
        // Rows of two epochs are replaced at the next read.
        app.catalog.replace(rows);
        if now == epoch {
            break;
        }
        epoch = now;
    }
    Ok(())
}

/// A change of the configured models that is prepared: no other change is made until it is dropped.
pub struct PendingModels<'a> {
    app: &'a App,
    rows: Rows,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

/// Prepares a change of the configured models, so that making it can't fail.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn prepare(app: &App) -> Result<PendingModels<'_>, Error> {
    let turn = app.catalog.lock().await;
    // In this order, so that rows that are changed meanwhile are read again.
    let epoch = read_epoch(app.db.read()).await?;
    let rows = Rows { epoch, ..read(app).await? };
    Ok(PendingModels { app, rows, _turn: turn })
}

impl PendingModels<'_> {
    /// Makes these the configured models.
    pub fn apply(self, configured: Models) {
        self.app.catalog.replace_all(Arc::new(configured), self.rows);
    }
}

/// Returns the epoch.
///
/// # Errors
/// INTERNAL if the database fails.
pub(super) async fn read_epoch(db: &impl ConnectionTrait) -> Result<i64, Error> {
    Ok(read_row(db).await?.map_or(0, |row| row.epoch))
}

pub(super) async fn read_row(db: &impl ConnectionTrait) -> Result<Option<catalog_epoch::Model>, Error> {
    Ok(catalog_epoch::Entity::find_by_id(catalog_epoch::ROW).one(db).await?)
}

async fn read(app: &App) -> Result<Rows, Error> {
    let db = app.db.read();
    // The rows of models last: those that they refer to are there then, unless they are deleted meanwhile.
    let models = model::Entity::find().order_by_asc(model::Column::Id).all(db).await?;
    let routes = model_route::Entity::find();
    let routes = routes.order_by_asc(model_route::Column::Position).order_by_asc(model_route::Column::Id);
    let mut by_model: HashMap<_, Vec<_>> = HashMap::new();
    for route in routes.all(db).await? {
        by_model.entry(route.model_id).or_default().push(route);
    }
    let named = model::Entity::find().select_only().column(model::Column::PriceId).into_query();
    let prices = price::Entity::find().filter(price::Column::Id.in_subquery(named)).all(db).await?;
    let prices: HashMap<_, _> = prices.into_iter().map(|price| (price.id, price)).collect();
    let with_price = |row: model::Model| {
        let routes = by_model.remove(&row.id).unwrap_or_default();
        // Without its price, it was changed meanwhile, and is read again.
        Some(DatabaseModel { price: prices.get(&row.price_id)?.clone(), routes, row })
    };
    let models = models.into_iter().filter_map(with_price).collect();
    let rows = provider::Entity::find().order_by_asc(provider::Column::Id).all(db).await?;
    // A server that has just started has no open breaker.
    let resets = match app.models().epoch() {
        Some(epoch) => breaker_reset::Entity::find().filter(breaker_reset::Column::Epoch.gt(epoch)).all(db).await?,
        None => Vec::new(),
    };
    let default_model = read_row(db).await?.and_then(|row| row.default_model);
    Ok(Rows { epoch: 0, models, providers: keys::connect(app, rows).await, resets, default_model })
}

/// Returns the problems of the catalog as lines for the readiness probe; empty if there are none.
pub fn readiness_notes(app: &App) -> String {
    let models = app.models();
    let unreadable = models.providers().filter(|provider| provider.key.is_err());
    let unreadable = note("providers with an API key that can't be decrypted", unreadable.map(|one| &one.row.name));
    let shadowed = models.entries().values().filter(|entry| entry.is_shadowed());
    let shadowed = note("models of jeton.toml in place of one of the database", shadowed.map(|one| &one.model.name));
    unreadable + &shadowed
}

/// Returns a line with the number of elements and the first of them, of which there may be many.
fn note<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let mut names = names.peekable();
    let Some(first) = names.peek().copied() else { return String::new() };
    format!("{what}: {}, the first is {first}\n", names.count())
}
