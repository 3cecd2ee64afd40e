//! The job that delivers: one of the servers sends what is due, to several webhooks at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::outages::Outages;
use super::outcome::Outcome;
use super::send::attempt;
use super::snapshot::refresh;
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::ids::{WebhookDeliveryId, WebhookId};
use crate::domain::job::Claim;
use crate::infra::entity::webhook_delivery::{self, Column, State};

/// The job's name in the database.
const JOB: &str = "webhooks";
/// Interval at which a server checks what is due, and whether webhooks or providers have changed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of concurrent attempts for one webhook, so that a slow receiver delays only its own events.
const PER_WEBHOOK: usize = 4;
/// Maximum number of concurrent attempts.
const IN_ALL: usize = 32;

/// Delivers, and follows changes of webhooks and providers, until the server stops.
pub async fn run(app: App) {
    let mut outages = Outages::default();
    // Beside the deliveries, which may take long.
    let watching = every_second(&app, "webhooks can't be read", async || watch(&app, &mut outages).await);
    let delivering = every_second(&app, "webhooks can't be delivered", async || {
        let is_due = !app.tasks.is_closed() && is_any_due(&app).await?;
        if is_due { deliver_due(&app).await.map(drop) } else { Ok(()) }
    });
    tokio::join!(watching, delivering);
}

/// Repeats some work until the server stops. The first of several failures in a row is logged.
async fn every_second(app: &App, problem: &str, mut work: impl AsyncFnMut() -> Result<(), Error>) {
    let mut is_failing = false;
    while !app.stopping.is_cancelled() {
        match work().await {
            Ok(()) => is_failing = false,
            Err(error) if error.code == Code::Conflict => {
                tracing::warn!(?error, "webhooks are delivered by another server");
            }
            Err(error) if !is_failing => {
                is_failing = true;
                tracing::error!(?error, "{problem}; retrying");
            }
            Err(_) => {}
        }
        app.stopping.run_until_cancelled(tokio::time::sleep(POLL_INTERVAL)).await;
    }
}

/// Reads the webhooks and the length of the queue, and compares the state of providers.
async fn watch(app: &App, outages: &mut Outages) -> Result<(), Error> {
    refresh(app).await?;
    outages.look(app).await?;
    if app.webhooks.all().is_empty() {
        app.webhooks.queue().set(0, 0);
        return Ok(());
    }
    let pending = webhook_delivery::Entity::find().filter(Column::State.eq(State::Pending));
    let length = pending.clone().count(app.db.read()).await?;
    let oldest = pending.order_by_asc(Column::Id).one(app.db.read()).await?;
    let age = oldest.map_or(0, |oldest| (app.clock.now() - oldest.created_at).num_seconds());
    app.webhooks.queue().set(length, age);
    Ok(())
}

async fn is_any_due(app: &App) -> Result<bool, Error> {
    let now = app.clock.now();
    for webhook in app.webhooks.all().iter() {
        let due = match webhook.row.enabled {
            true => due(webhook.row.id, now),
            false => given_up(webhook.row.id, now),
        };
        if due.one(app.db.read()).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the deliveries of an enabled webhook that are due.
fn due(id: WebhookId, now: DateTime<Utc>) -> sea_orm::Select<webhook_delivery::Entity> {
    webhook_delivery::Entity::find()
        .filter(Column::State.eq(State::Pending))
        .filter(Column::WebhookId.eq(id))
        .filter(Column::NextAttemptAt.lte(now))
}

/// Returns the deliveries of a disabled webhook that are not retried any more.
fn given_up(id: WebhookId, now: DateTime<Utc>) -> sea_orm::Select<webhook_delivery::Entity> {
    webhook_delivery::Entity::find()
        .filter(Column::State.eq(State::Pending))
        .filter(Column::WebhookId.eq(id))
        .filter(Column::GiveUpAt.lt(now))
}

/// Sends all deliveries that are due, and those that become due meanwhile, unless another server does. Returns the number
/// of attempts.
///
/// # Errors
/// CONFLICT if another server took over; INTERNAL if the database fails. What was sent and not recorded is sent again.
pub async fn deliver_due(app: &App) -> Result<usize, Error> {
    let Some(claim) = Claim::take(app, JOB, None).await? else { return Ok(0) };
    let delivered = deliver(app, &claim).await;
    claim.release(app, false).await?;
    delivered
}

type Sent = (WebhookId, WebhookDeliveryId, Result<Outcome, Error>);

async fn deliver(app: &App, claim: &Claim) -> Result<usize, Error> {
    let mut in_flight: FuturesUnordered<BoxFuture<'_, Sent>> = FuturesUnordered::new();
    let mut busy: BTreeMap<WebhookId, BTreeSet<WebhookDeliveryId>> = BTreeMap::new();
    let mut attempts = 0;
    expire(app, claim).await?;
    loop {
        // A server that shuts down ends what it has begun.
        if !app.tasks.is_closed() {
            for (webhook, delivery) in next(app, &busy).await? {
                attempts += 1;
                busy.entry(webhook.id).or_default().insert(delivery.id);
                in_flight.push(Box::pin(async move {
                    let (webhook_id, id) = (webhook.id, delivery.id);
                    (webhook_id, id, attempt(app, &webhook, delivery, Some(claim.clone())).await)
                }));
            }
        }
        let ended = tokio::select! {
            ended = in_flight.next() => ended,
            // Events of other webhooks may be due by now.
            () = tokio::time::sleep(POLL_INTERVAL) => continue,
            () = app.stopping.cancelled() => return Ok(attempts),
        };
        let Some((webhook_id, id, outcome)) = ended else { return Ok(attempts) };
        if let Some(busy) = busy.get_mut(&webhook_id) {
            busy.remove(&id);
        }
        outcome?;
        // It may have been disabled.
        refresh(app).await?;
    }
}

/// Returns what is to be sent next: of each enabled webhook what was due first, as far as it has free permits.
async fn next(
    app: &App,
    busy: &BTreeMap<WebhookId, BTreeSet<WebhookDeliveryId>>,
) -> Result<Vec<(crate::infra::entity::webhook::Model, webhook_delivery::Model)>, Error> {
    let mut free = IN_ALL.saturating_sub(busy.values().map(BTreeSet::len).sum());
    let (now, mut found) = (app.clock.now(), Vec::new());
    for webhook in app.webhooks.all().iter().filter(|webhook| webhook.row.enabled) {
        let own = busy.get(&webhook.row.id);
        let most = PER_WEBHOOK.saturating_sub(own.map_or(0, BTreeSet::len)).min(free);
        if most == 0 {
            continue;
        }
        let rows = due(webhook.row.id, now)
            .filter(Column::Id.is_not_in(own.into_iter().flatten().copied()))
            .order_by_asc(Column::NextAttemptAt)
            .order_by_asc(Column::Id)
            .limit(most as u64)
            .all(app.db.read())
            .await?;
        free -= rows.len();
        found.extend(rows.into_iter().map(|row| (webhook.row.clone(), row)));
    }
    Ok(found)
}

/// Gives up the deliveries of disabled webhooks that would not be retried any more.
async fn expire(app: &App, claim: &Claim) -> Result<(), Error> {
    let disabled: Vec<_> = app.webhooks.all().iter().filter(|one| !one.row.enabled).map(|one| one.row.id).collect();
    if disabled.is_empty() {
        return Ok(());
    }
    let expired = app.db.write((claim.clone(), disabled, app.clock.now()), |txn, (claim, disabled, now)| {
        Box::pin(async move {
            claim.renew(txn, *now).await?;
            webhook_delivery::Entity::update_many()
                .col_expr(Column::State, Expr::value(State::Failed))
                .col_expr(Column::LastError, Expr::value("The webhook was disabled."))
                .col_expr(Column::FinishedAt, Expr::value(Some(*now)))
                .filter(Column::State.eq(State::Pending))
                .filter(Column::WebhookId.is_in(disabled.iter().copied()))
                .filter(Column::GiveUpAt.lt(*now))
                .exec(txn)
                .await?;
            Ok(())
        })
    });
    expired.await
}
