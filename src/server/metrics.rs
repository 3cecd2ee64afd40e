//! The listener of `[metrics]`: the values that are gathered on each scrape, and the count of every request.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::BoundListener;
use crate::app::App;
use crate::core::error::Code;
use crate::core::password::Lane;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A gauge by state.
type ByState = Family<[(&'static str, &'static str); 1], Gauge>;

/// Serves `/metrics` until it is dropped, at the end of a shutdown. Connections have the limits and timeouts of
/// `http.listen`.
pub async fn serve(app: App, socket: TcpListener) {
    let listener = BoundListener { socket, certificate: None };
    super::serve(&app, listener, router(app.clone()), CancellationToken::new()).await;
}

/// Returns the router of `/metrics`.
pub fn router(app: App) -> Router {
    Router::new().route("/metrics", get(page)).with_state(app)
}

async fn page(State(app): State<App>) -> Response {
    match app.metrics.page(&[gathered(&app), process()]) {
        Ok(page) => ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics encoding failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Counts a request by its route, never by its path, which clients choose freely. Also counts its error code, if the
/// responses of its transport carry one: those of GraphQL do not, and GraphQL counts its own errors.
pub(super) async fn count(State(app): State<App>, request: Request<Body>, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(other)", MatchedPath::as_str);
    let (method, transport) = (name(request.method()), transport(request.uri().path()));
    // A client that disconnects before the response begins is not counted.
    let response = next.run(request).await;
    app.metrics.request(route, method, response.status().as_u16(), began.elapsed());
    if let Some(transport) = transport {
        let told = response.extensions().get::<Code>().copied();
        let by_status = || if transport == "graphql" { None } else { code(response.status()) };
        if let Some(code) = told.or_else(by_status) {
            app.metrics.error(transport, code.as_str());
        }
    }
    response
}

/// Returns the label of a method; clients may invent others than these.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "(other)",
    }
}

fn transport(path: &str) -> Option<&'static str> {
    let first = path.split('/').nth(1).unwrap_or_default();
    match first {
        "graphql" => Some("graphql"),
        "api" => Some("rest"),
        "v1" => Some("openai"),
        _ => None,
    }
}

/// Returns the error code of a status that a transport chose itself; `None` for a status that is no error.
fn code(status: StatusCode) -> Option<Code> {
    Some(match status.as_u16() {
        401 => Code::Unauthenticated,
        402 => Code::InsufficientTokens,
        403 => Code::Forbidden,
        404 => Code::NotFound,
        408 => Code::RequestTimeout,
        409 => Code::Conflict,
        413 => Code::PayloadTooLarge,
        429 => Code::RateLimited,
        400..500 => Code::InvalidInput,
        502 | 503 => Code::ProviderUnavailable,
        504 => Code::Timeout,
        500.. => Code::Internal,
        _ => return None,
    })
}

/// Gathers the metrics that have a current value.
fn gathered(app: &App) -> Registry {
    let mut registry = Registry::with_prefix("jeton");
    let mut gauge = |name: &str, help: &str, value: usize| register(&mut registry, name, help, value as u64);
    gauge("open_turns", "Open turns", app.turn_permits.taken());
    gauge("http_connections", "Open HTTP connections, WebSockets excluded", app.connections.len());
    gauge("open_sockets", "Open WebSockets", app.sockets.taken());
    gauge("open_streams", "Open WebSockets and streams of users", app.user_streams.taken());
    gauge("replay_bytes", "Bytes of responses kept for retries", app.replay_cache.bytes());
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
    let lanes = Lane::ALL.map(|lane| (lane, app.hasher.waiting(lane)));
    let waiting = lanes.iter().map(|(_, waiting)| waiting).sum();
    by_state("password_hashes", "Password hashes, by state", [("running", app.hasher.running()), ("waiting", waiting)]);
    let queued = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    for (lane, waiting) in lanes {
        queued.get_or_create(&[("lane", lane.name())]).set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
    registry.register("queued_password_hashes", "Password hashes queued for a thread, by lane", queued);
    let resting = Family::<[(&'static str, String); 2], Gauge>::default();
    for model in app.models.iter() {
        for (place, rests) in model.provider.resting().into_iter().enumerate() {
            let labels = [("model", model.name.clone()), ("upstream", (place + 1).to_string())];
            resting.get_or_create(&labels).set(i64::from(rests));
        }
    }
    let help = "Whether an upstream cools down after repeated failures, by model and upstream number";
    registry.register("upstream_resting", help, resting);
    let build = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
    registry.register("build_info", "The running version", build);
    registry
}

/// Gathers the standard metrics of a process, by their standard names. On Linux only.
#[cfg(target_os = "linux")]
fn process() -> Registry {
    use procfs::WithCurrentSystemInfo;
    use procfs::process::{LimitValue, Process};
    use prometheus_client::metrics::counter::Counter;

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
fn process() -> Registry {
    Registry::default()
}
