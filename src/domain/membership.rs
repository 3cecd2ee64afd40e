//! Cluster membership: the servers that share the database. Each sends a heartbeat there periodically; a server without
//! one for the time of a lease is dead, and its row is deleted.
//!
//! Servers need no permission to share a database: it decides about money and the closing of chats. Without a common
//! bus they receive each other's replies late and count rates separately, which is worth a warning.

use std::sync::atomic::Ordering::Relaxed;

use chrono::TimeDelta;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use crate::app::App;
use crate::core::error::Error;
use crate::infra::entity::cluster_member::{self, Column};

/// Sends heartbeats, twice per lease, and warns about peers without a common bus, until the server stops.
pub async fn run_heartbeat(app: &App, address: String) {
    let now = app.clock.now();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let me = cluster_member::Model { id: app.id.clone(), started_at: now, seen_at: now, version, address };
    loop {
        match send_heartbeat(app, &me).await {
            Ok(others) => warn_about_peers(app, &others),
            Err(error) => tracing::warn!(?error, "cluster heartbeat failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(app.config().turns.lease / 2) => {}
            () = app.stopping.cancelled() => break,
        }
    }
    if let Err(error) = deregister(app).await {
        tracing::warn!(?error, "cluster deregistration failed");
    }
}

/// Sends a heartbeat and deletes dead members. Returns the peers that have sent one since this server started.
///
/// # Errors
/// INTERNAL if the database fails.
pub async fn send_heartbeat(app: &App, me: &cluster_member::Model) -> Result<Vec<cluster_member::Model>, Error> {
    let now = app.clock.now();
    let lease = TimeDelta::from_std(app.config().turns.lease).unwrap_or(TimeDelta::MAX);
    let dead = now.checked_sub_signed(lease).unwrap_or_default();
    let seen = cluster_member::Model { seen_at: now, ..me.clone() };
    app.db
        .write((seen, dead), |txn, (seen, dead)| {
            Box::pin(async move {
                let again = OnConflict::column(Column::Id).update_column(Column::SeenAt).to_owned();
                cluster_member::Entity::insert(seen.clone().into_active_model()).on_conflict(again).exec(txn).await?;
                cluster_member::Entity::delete_many().filter(Column::SeenAt.lt(*dead)).exec(txn).await?;
                // A server that was killed before this one started looks alive for a while.
                let others = cluster_member::Entity::find().filter(Column::Id.ne(seen.id.as_str()));
                Ok(others.filter(Column::SeenAt.gt(seen.started_at)).all(txn).await?)
            })
        })
        .await
}

/// Returns the problems between servers as lines for the readiness probe; empty if there are none.
pub fn readiness_notes(app: &App) -> String {
    let others = app.peer_count.load(Relaxed);
    match app.bus.health() {
        Some(health) if !health.is_up => {
            "the bus is down: Redis does not respond, and replies of other servers arrive late\n".to_owned()
        }
        None if others > 0 => {
            format!("other servers on this database: {others}, without a common bus (cluster.redis is empty)\n")
        }
        _ => String::new(),
    }
}

/// Warns once about peers without a common bus.
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
            "another server uses this database without a common bus: replies of one arrive late at the other, and \
             each counts rates separately; give both the same cluster.redis"
        );
    } else if others.is_empty() && before > 0 {
        tracing::info!("no other server uses this database any more");
    }
}

/// Removes this server from the cluster members.
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
