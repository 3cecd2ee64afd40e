//! Values that are gathered on each scrape.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::app::App;
use crate::core::password::QueueKind;
use crate::infra::catalog::Models;

/// A gauge by state.
type ByState = Family<[(&'static str, &'static str); 1], Gauge>;

/// Gathers the metrics that have a current value.
pub(super) fn gathered(app: &App) -> Registry {
    let mut registry = Registry::with_prefix("jeton");
    let mut gauge = |name: &str, help: &str, value: usize| register(&mut registry, name, help, value as u64);
    gauge("open_turns", "Open turns", app.turn_permits.taken());
    gauge("http_connections", "Open HTTP connections, WebSockets excluded", app.connections.len());
    gauge("open_sockets", "Open WebSockets", app.sockets.taken());
    gauge("open_streams", "Open WebSockets and streams of users", app.user_streams.taken());
    gauge("replay_bytes", "Bytes of responses kept for retries", app.replay_cache.bytes());
    let (length, age) = app.webhooks.queue().get();
    gauge(
        "webhook_queue_length",
        "Events that are not delivered to a webhook yet",
        usize::try_from(length).unwrap_or(0),
    );
    gauge("webhook_queue_age_seconds", "Age of the oldest of them", usize::try_from(age).unwrap_or(0));
    let database = app.db.pool_stats();
    if let Some(waiting) = database.waiting {
        gauge("db_write_queue_length", "Write transactions queued for SQLite's writer", waiting);
    }
    let mut by_state = |name: &str, help: &str, values: [(&'static str, usize); 2]| {
        let family = ByState::default();
        for (state, value) in values {
            family.get_or_create(&[("state", state)]).set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        registry.register(name, help, family);
    };
    let connections = [("used", database.used), ("idle", database.idle)];
    by_state("database_connections", "Connections to the database (readers, on SQLite), by state", connections);
    let (arriving, held) = app.bodies.in_use();
    let bodies = [("arriving", arriving), ("held", held)];
    by_state("request_body_bytes", "Bytes of request bodies: awaited ones, and large ones in memory", bodies);
    let queues = QueueKind::ALL.map(|queue| (queue, app.hasher.waiting(queue)));
    let waiting = queues.iter().map(|(_, waiting)| waiting).sum();
    by_state("password_hashes", "Password hashes, by state", [("running", app.hasher.running()), ("waiting", waiting)]);
    let queued = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    for (queue, waiting) in queues {
        queued.get_or_create(&[("lane", queue.name())]).set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
    registry.register("queued_password_hashes", "Password hashes queued for a thread, by lane", queued);
    let resting = Family::<[(&'static str, String); 2], Gauge>::default();
    let models = app.models();
    for model in models.iter() {
        for (place, rests) in model.provider.resting().into_iter().enumerate() {
            let labels = [("model", model.name.clone()), ("upstream", (place + 1).to_string())];
            resting.get_or_create(&labels).set(i64::from(rests));
        }
    }
    let help = "Whether an upstream cools down after repeated failures, by model and upstream number";
    registry.register("upstream_resting", help, resting);
    upstream_calls(&mut registry, &models);
    let build = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
    registry.register("build_info", "The running version", build);
    registry
}

/// Registers the calls of upstreams. One that was not called has no line: a catalog may have thousands of models.
fn upstream_calls(registry: &mut Registry, models: &Models) {
    let calls = Family::<[(&'static str, String); 2], Counter>::default();
    let errors = Family::<[(&'static str, String); 3], Counter>::default();
    for model in models.iter() {
        for (place, totals) in model.provider.totals().into_iter().enumerate() {
            let Some(totals) = totals else { continue };
            let labels = [("model", model.name.clone()), ("upstream", (place + 1).to_string())];
            let [of_model, upstream] = labels.clone();
            calls.get_or_create(&labels).inc_by(totals.calls);
            for (kind, count) in totals.errors.into_iter().filter(|(_, count)| *count > 0) {
                let labels = [of_model.clone(), upstream.clone(), ("kind", kind.as_str().to_owned())];
                errors.get_or_create(&labels).inc_by(count);
            }
        }
    }
    let help = "Calls of upstreams, retries included, by model and upstream number";
    registry.register("upstream_calls", help, calls);
    let help = "Failed calls of upstreams, by model, upstream number and kind";
    registry.register("upstream_errors", help, errors);
}

/// Gathers the standard metrics of a process, by their standard names. On Linux only.
#[cfg(target_os = "linux")]
pub(super) fn process() -> Registry {
    use procfs::WithCurrentSystemInfo;
    use procfs::process::{LimitValue, Process};

    let mut registry = Registry::with_prefix("process");
    let Ok((process, stat)) = Process::myself().and_then(|process| process.stat().map(|stat| (process, stat))) else {
        return registry;
    };
    let ticks = procfs::ticks_per_second();
    let cpu = Counter::<f64, AtomicU64>::default();
    cpu.inc_by((stat.utime + stat.stime) as f64 / ticks as f64);
    registry.register("cpu_seconds", "CPU time used", cpu);
    let mut gauge = |name: &str, help: &str, value: u64| register(&mut registry, name, help, value);
    gauge("resident_memory_bytes", "Resident memory", stat.rss_bytes().get());
    gauge("virtual_memory_bytes", "Virtual memory", stat.vsize);
    gauge("threads", "Threads", u64::try_from(stat.num_threads).unwrap_or(0));
    if let Ok(booted) = procfs::boot_time_secs() {
        gauge("start_time_seconds", "Start time since the Unix epoch", booted + stat.starttime / ticks);
    }
    if let Ok(open) = process.fd_count() {
        gauge("open_fds", "Open file descriptors", open as u64);
    }
    if let Ok(limits) = process.limits()
        && let LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        gauge("max_fds", "Maximum number of open file descriptors", most);
    }
    registry
}

fn register(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<u64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn process() -> Registry {
    Registry::default()
}
