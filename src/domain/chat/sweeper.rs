//! The sweeper: closes the chats of servers that died, whose lease has expired, so that no turn runs for them any more.
//! Periodically it also counts the usage of the days that are over.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::changes::{Change, ChangeKind};
use super::charge::ClosedChat;
use super::close::{CloseJob, close_batch};
use super::events::{ReplyEvent, topic};
use super::usage;
use crate::app::App;
use crate::core::error::Error;
use crate::domain::ledger;
use crate::infra::db::Txn;
use crate::infra::entity::chat::{self, Column, Status};
use crate::infra::webhook::Outbox;

/// Chats closed in one transaction.
const BATCH: u64 = 100;

/// Sweeps now, and then twice per lease, until the server stops.
pub async fn run_sweeper(app: App) {
    loop {
        match sweep(&app).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "swept chats with an expired lease"),
            Err(error) => tracing::error!(?error, "sweep failed"),
        }
        if let Err(error) = usage::count_days(&app).await {
            tracing::error!(?error, "daily usage count failed");
        }
        app.rate_limits.evict_idle();
        app.bodies.evict_idle();
        app.replay_cache.evict_expired();
        tokio::select! {
            () = tokio::time::sleep(app.config().turns.lease / 2) => {}
            () = app.stopping.cancelled() => return,
        }
    }
}

/// Marks the chats with an expired lease as INTERRUPTED, releases their holds, and returns their number.
///
/// # Errors
/// INTERNAL if the database fails; the next sweep closes the remaining chats.
pub async fn sweep(app: &App) -> Result<usize, Error> {
    let mut count = 0;
    loop {
        let swept = app
            .db
            .write((app.webhooks.outbox(), app.clock.now()), |txn, (outbox, now)| {
                Box::pin(sweep_batch(txn, outbox, *now))
            })
            .await?;
        for chat in &swept {
            app.bus.publish(&topic(chat.id), || ReplyEvent::Ended.encode());
            Change::of_chat(ChangeKind::ChatFinished, chat).publish(&app.bus, chat.user_id);
            ledger::notify_balance_changed(&app.bus, chat.user_id);
        }
        count += swept.len();
        app.metrics.swept.inc_by(swept.len() as u64);
        if swept.is_empty() {
            return Ok(count);
        }
    }
}

async fn sweep_batch(txn: &Txn, outbox: &Outbox, now: DateTime<Utc>) -> Result<Vec<chat::Model>, Error> {
    // Locked in the order of their ids: concurrent sweeps of two servers take turns, and the checked lease is the
    // current one, since a turn that is alive after all renews it under the same lock.
    let dead = chat::Entity::find()
        .filter(Column::LeaseUntil.lt(now))
        .filter(Column::Status.eq(Status::Pending))
        .order_by_asc(Column::Id)
        .limit(BATCH)
        .lock_exclusive()
        .all(txn)
        .await?;
    let end = |chat| CloseJob { closing: ClosedChat::interrupted(chat).into(), outbox: outbox.clone(), at: now };
    let ends: Vec<_> = dead.into_iter().map(end).collect();
    let ended = close_batch(txn, &ends).await?;
    Ok(ended.into_iter().map(|ended| ended.chat).collect())
}
