//! Which servers share the database. Each leaves a sign of life there now and then; one that left none for the time of a
//! lease is dead, and forgotten.
//!
//! Servers need nobody's leave to share a database: it decides about money and the ends of chats. Without a common bus they
//! hear of each other's replies late and count rates for themselves, which is worth a warning.

use std::sync::atomic::Ordering::Relaxed;

use chrono::TimeDelta;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::infra::entity::cluster_member::{self, Column};

/// Leaves signs of life, twice in the time of a lease, and warns of others without a common bus, until the server stops.
pub async fn run_heartbeat(app: &App, address: String) {
    let now = app.clock.now();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let me = cluster_member::Model { id: app.id.clone(), started_at: now, seen_at: now, version, address };
    loop {
        match send_heartbeat(app, &me).await {
            Ok(others) => warn_about_peers(app, &others),
            Err(error) => tracing::warn!(?error, "no sign of life could be left for other servers"),
        }
        tokio::select! {
            () = tokio::time::sleep(app.config.turns.lease / 2) => {}
            () = app.stopping.cancelled() => break,
        }
    }
    if let Err(error) = deregister(app).await {
        tracing::warn!(?error, "the others are not told that this server has stopped");
    }
}

/// Leaves a sign of life, and forgets the dead. The others that left one since this server has started.
///
/// # Errors
/// INTERNAL where the database fails.
pub async fn send_heartbeat(app: &App, me: &cluster_member::Model) -> Result<Vec<cluster_member::Model>, Error> {
    let now = app.clock.now();
    let lease = TimeDelta::from_std(app.config.turns.lease).unwrap_or(TimeDelta::MAX);
    let dead = now.checked_sub_signed(lease).unwrap_or_default();
    let seen = cluster_member::Model { seen_at: now, ..me.clone() };
    app.db
        .write((seen, dead), |txn, (seen, dead)| {
            Box::pin(async move {
                let again = OnConflict::column(Column::Id).update_column(Column::SeenAt).to_owned();
                cluster_member::Entity::insert(seen.clone().into_active_model()).on_conflict(again).exec(txn).await?;
                cluster_member::Entity::delete_many().filter(Column::SeenAt.lt(*dead)).exec(txn).await?;
                // One that was killed before this one started looks alive for a while.
                let others = cluster_member::Entity::find().filter(Column::Id.ne(seen.id.as_str()));
                Ok(others.filter(Column::SeenAt.gt(seen.started_at)).all(txn).await?)
            })
        })
        .await
}

/// What is wrong between servers, in lines for whoever asks whether this one is ready; empty where all is well.
pub fn readiness_notes(app: &App) -> String {
    let others = app.peer_count.load(Relaxed);
    match app.bus.health() {
        Some(health) if !health.is_up => {
            "the bus is down: Redis does not answer, and replies of other servers come late\n".to_owned()
        }
        None if others > 0 => {
            format!("other servers on this database: {others}, without a common bus (cluster.redis is empty)\n")
        }
        _ => String::new(),
    }
}

/// Warns, once, of servers that come without a common bus.
fn warn_about_peers(app: &App, others: &[cluster_member::Model]) {
    let before = app.peer_count.swap(others.len(), Relaxed);
    if app.bus.health().is_some() {
        return;
    }
    if let Some(other) = others.first().filter(|_| before == 0) {
        tracing::warn!(
            others = others.len(),
            address = other.address,
            version = other.version,
            started = %other.started_at,
            "another server uses this database without a common bus: what goes on at one is seen late at the other, and \
             each counts rates for itself; give both the same cluster.redis"
        );
    } else if others.is_empty() && before > 0 {
        tracing::info!("no other server uses this database any more");
    }
}

/// This server uses the database no longer.
async fn deregister(app: &App) -> Result<(), Error> {
    app.db
        .write(app.id.clone(), |txn, id| {
            Box::pin(async move {
                cluster_member::Entity::delete_by_id(id.as_str()).exec(txn).await?;
                Ok(())
            })
        })
        .await
}
