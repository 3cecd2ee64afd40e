//! A server's life: it serves, does its background work, and shuts down gracefully.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{BoundListener, control, router, serve};
use crate::app::App;
use crate::core::error::Error;
use crate::domain::reload::ReloadSource;
use crate::domain::{catalog, chat, ledger, membership, retention, webhook};

/// Maximum time that turns, and then their responses, may take to end after they are cancelled.
const FINAL_GRACE: Duration = Duration::from_secs(5);

/// How often the files of the certificate and of the signing keys are checked for changes.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Serves until SIGINT or SIGTERM, then lets open turns finish within `http.shutdown_grace`. A turn that is still open
/// after that is marked INTERRUPTED, and its hold released. SIGHUP, and a command at the control socket, reload the
/// configuration.
pub async fn run(app: App, listener: BoundListener, source: ReloadSource) {
    let stop = CancellationToken::new();
    let certificate = listener.certificate.clone();
    let address = listener.socket.local_addr().map_or_else(|_| String::new(), |address| address.to_string());
    let serving = serve(&app, listener, router(&app), stop.clone());
    let reloading = async {
        // At the start, there may be keys that a rotation has left.
        let mut is_outdated = true;
        let mut looks = tokio::time::interval(POLL_INTERVAL);
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            is_outdated |= app.reload_keys().await;
            if is_outdated {
                let encrypted = async { Ok(catalog::reencrypt(&app).await? + webhook::reencrypt(&app).await?) };
                match encrypted.await {
                    Ok::<_, Error>(_) => is_outdated = false,
                    Err(error) => tracing::warn!(?error, "keys at rest can't be encrypted again; retrying"),
                }
            }
            if let Some(certificate) = &certificate {
                certificate.reload().await;
            }
        }
    };
    let ending = async {
        shutdown_signal().await;
        tracing::info!(open_turns = app.turn_permits.taken(), "shutting down");
        app.tasks.close();
        // By now, load balancers have seen that this server is not ready, and send no more requests.
        tokio::time::sleep(app.config().http.shutdown_delay).await;
        stop.cancel();
        if timeout(app.config().http.shutdown_grace, app.tasks.wait()).await.is_err() {
            tracing::warn!(
                open_turns = app.turn_permits.taken(),
                "shutdown grace exceeded; open turns are marked INTERRUPTED"
            );
        }
        app.stopping.cancel();
        timeout(FINAL_GRACE, app.tasks.wait()).await.ok();
        app.streams.close();
        timeout(FINAL_GRACE, app.streams.wait()).await.ok();
        // Connections that are still open now have no client that reads.
        tokio::time::sleep(FINAL_GRACE).await;
    };
    tokio::select! {
        served = async {
            let swept = chat::run_sweeper(app.clone());
            let indexed = chat::run_indexer(app.clone());
            let retained = retention::run_scheduler(app.clone());
            let checkpoints = ledger::proof::run_scheduler(app.clone());
            let watched = catalog::run_watcher(app.clone());
            let notified = webhook::run(app.clone());
            let beating = membership::run_heartbeat(&app, address);
            let controlled = control::run(&app, &source, &stop);
            tokio::join!(
                serving, swept, indexed, retained, checkpoints, watched, notified, beating, reloading, controlled
            );
            // WebSockets are no longer connections of the listener, and are notified that the server stops.
            app.streams.close();
            app.streams.wait().await;
        } => served,
        () = ending => {}
    }
}

async fn shutdown_signal() {
    let interrupt = async { tokio::signal::ctrl_c().await.ok() };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = interrupt => {}
        _ = terminate => {}
    }
}
