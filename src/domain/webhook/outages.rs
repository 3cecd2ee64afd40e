//! Outages of providers, as the circuit breakers of this server report them: an upstream that failed several times in a
//! row, and one that responds again.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::emit::{NewEvent, row};
use crate::app::App;
use crate::core::error::Error;
use crate::infra::catalog::Entry;
use crate::infra::db::Txn;
use crate::infra::entity::webhook::{self, Event};
use crate::infra::entity::webhook_delivery;
use crate::infra::webhook::Outbox;

/// The upstreams that failed at the last look: the model, and the number of the upstream from 1.
#[derive(Default)]
pub struct Outages {
    failing: BTreeMap<(String, usize), Value>,
}

impl Outages {
    /// Compares the upstreams of all models with the last look, and writes an event for each that changed.
    ///
    /// # Errors
    /// INTERNAL if the database fails; the change is written at the next look.
    pub async fn look(&mut self, app: &App) -> Result<(), Error> {
        let now = failing(app);
        let began = now.iter().filter(|(key, _)| !self.failing.contains_key(*key));
        let ended = self.failing.iter().filter(|(key, _)| !now.contains_key(*key));
        let changed: Vec<_> = began
            .map(|(key, data)| (Event::ProviderDown, key.clone(), data.clone()))
            .chain(ended.map(|(key, data)| (Event::ProviderRecovered, key.clone(), data.clone())))
            .collect();
        let outbox = app.webhooks.outbox();
        for (event, (model, upstream), data) in changed {
            if outbox.wants(Event::ProviderDown) || outbox.wants(Event::ProviderRecovered) {
                let new = NewEvent { event, data: data.clone(), at: app.clock.now() };
                let subject = format!("upstream {upstream} of {model}");
                let work = (outbox.clone(), new, subject);
                app.db.write(work, |txn, (outbox, new, subject)| Box::pin(emit(txn, outbox, new, subject))).await?;
            }
            match event {
                Event::ProviderDown => self.failing.insert((model, upstream), data),
                _ => self.failing.remove(&(model, upstream)),
            };
        }
        Ok(())
    }
}

/// Returns the upstreams that fail, each with the data of its event.
fn failing(app: &App) -> BTreeMap<(String, usize), Value> {
    let models = app.models();
    let mut failing = BTreeMap::new();
    for entry in models.entries().values().filter(|entry| entry.enabled) {
        for (place, _) in entry.model.provider.failing().into_iter().enumerate().filter(|(_, fails)| *fails) {
            let (model, provider) = (entry.model.name.clone(), provider(app, entry, place));
            let data = json!({ "model": model, "upstream": place + 1, "provider": provider });
            failing.insert((model, place + 1), data);
        }
    }
    failing
}

/// Returns the name of the provider of an upstream; `None` for a model of the configuration file.
fn provider(app: &App, entry: &Entry, place: usize) -> Option<String> {
    let row = entry.row.as_ref().filter(|_| !entry.is_shadowed())?;
    Some(app.models().provider(row.routes.get(place)?.provider_id)?.row.name.clone())
}

/// Writes the event for each webhook that receives it, unless that is what the last event of the subject says: several
/// servers notice the same outage.
async fn emit(txn: &Txn, outbox: &Outbox, new: &NewEvent, subject: &str) -> Result<(), Error> {
    let (id, mut rows) = (outbox.new_id(), Vec::new());
    for webhook in outbox.receivers(new.event) {
        // One server after the other.
        let locked = webhook::Entity::find_by_id(webhook.id).lock_exclusive().one(txn).await?;
        let last = webhook_delivery::Entity::find()
            .filter(webhook_delivery::Column::Subject.eq(subject))
            .filter(webhook_delivery::Column::WebhookId.eq(webhook.id))
            .order_by_desc(webhook_delivery::Column::Id)
            .one(txn)
            .await?;
        if locked.is_some() && last.is_none_or(|last| last.event != new.event) {
            rows.push(row(webhook.id, &id, new, Some(subject)));
        }
    }
    if !rows.is_empty() {
        webhook_delivery::Entity::insert_many(rows).exec_without_returning(txn).await?;
    }
    Ok(())
}
