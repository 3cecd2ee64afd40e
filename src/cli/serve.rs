//! `jeton serve`: opens configuration, models, database and listeners, refuses unsafe setups on a network, prints the
//! banner, and serves.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::net::TcpListener;

use super::{banner, bring_up_to_date, connect, load, output};
use crate::app::App;
use crate::core::error::{Code, Error};
use crate::core::private_files;
use crate::core::random::Random;
use crate::domain::account::admin;
use crate::domain::reload::ReloadSource;
use crate::domain::{catalog, group, pricing};
use crate::infra::ai::ollama_models;
use crate::infra::catalog::{Models, OmittedModel};
use crate::infra::config::{Config, Ollama};
use crate::infra::{db, secrets, telemetry};
use crate::server;
use crate::server::{BoundListener, Certificate};

pub(super) async fn run(file: Option<&Path>) -> Result<(), Error> {
    let mut config = load(file)?;
    let (traces, log_filter) = telemetry::start_with_traces(&config.log, &config.telemetry)?;
    let (models, omitted, ollama) = open_models(&mut config).await?;
    let app = connect(config, models).await?;
    warn_of_deprecated_keys(&app.config());
    bring_up_to_date(&app).await?;
    pricing::store_all(&app).await?;
    catalog::refresh(&app).await?;
    group::ensure_default(&app).await?;
    check_files(&app.config())?;
    check_superusers(&app).await?;
    let certificate = Certificate::open(&app.config())?;
    let socket = listen(app.config().http.listen, "http.listen")?;
    let metrics = metrics(&app)?;
    let address = socket.local_addr().map_err(|error| Error::internal(error))?;
    output::print(&banner::text(&app.config(), &app.models(), &omitted, &ollama, address))?;
    tracing::info!(%address, database = app.db.name(), "serving");
    tokio::select! {
        () = server::run(app, BoundListener { socket, certificate }, ReloadSource::new(file, log_filter)) => {}
        () = metrics => {}
    }
    traces.end().await;
    Ok(())
}

/// Opens the configured models, and meanwhile looks for an Ollama and adds its models. Returns the models, the omitted
/// ones, and the names of those of the Ollama.
async fn open_models(config: &mut Config) -> Result<(Models, Vec<OmittedModel>, Vec<String>), Error> {
    let url = ollama_models::base_url(&Ollama::host());
    let detecting = async { if config.ollama.detect { ollama_models::list(&url).await } else { Vec::new() } };
    let configured = config.clone();
    let opening = tokio::task::spawn_blocking(move || Models::open(&configured, &Random::system()));
    let (opened, found) = tokio::join!(opening, detecting);
    let (mut models, omitted) = opened.map_err(|error| Error::internal(error))??;
    let added = models.add_ollama(config, &url, &found, &Random::system());
    Ok((models, omitted, added))
}

/// Warns of configuration keys that have another name by now, and still mean the same.
fn warn_of_deprecated_keys(config: &Config) {
    for (name, model) in &config.models {
        for (former, new) in model.price.deprecated_keys() {
            tracing::warn!(
                "models.{name}.price: {former} is now {new}, for a million model tokens; multiply it by 1000"
            );
        }
    }
}

/// Checks that other users of the machine can access neither the signing key nor the database. Read access to the key
/// is enough to impersonate any user; access to the database gives away or changes all data. On a loopback address this
/// is only a warning; on a network it is an error.
///
/// # Errors
/// CONFLICT that lists the exposures; INTERNAL if a file can't be checked.
fn check_files(config: &Config) -> Result<(), Error> {
    let database = db::sqlite_file(&config.database_url());
    let parts = database.iter().flat_map(|file| private_files::of_database(file));
    let mut exposures = BTreeSet::new();
    for file in secrets::file(config).into_iter().chain(parts) {
        let found = private_files::exposures(&file);
        exposures.extend(found.map_err(|error| Error::internal(format!("{}: {error}", file.display())))?);
    }
    if config.http.listen.ip().is_loopback() {
        exposures.iter().for_each(|exposure| tracing::warn!("{exposure}"));
        return Ok(());
    }
    if exposures.is_empty() {
        return Ok(());
    }
    let all = exposures.into_iter().collect::<Vec<_>>().join("; ");
    Err(Error::new(Code::Conflict, format!("{all}; or listen on a loopback address")))
}

/// Checks that no superuser has a common password, which an attacker would try first. The rules for new passwords
/// reject such passwords, but an account may be older than the rules. On a network only, since it computes password
/// hashes for each superuser.
///
/// # Errors
/// CONFLICT that names these superusers.
async fn check_superusers(app: &App) -> Result<(), Error> {
    if app.config().http.listen.ip().is_loopback() {
        return Ok(());
    }
    let named = admin::superusers_with_common_passwords(app).await?;
    let Some(first) = named.first() else { return Ok(()) };
    let names: Vec<_> = named.iter().map(|name| output::plain(name)).collect();
    let message = format!(
        "superusers with a common password: {}; set another one with `jeton user set-password {}`, or listen on a \
         loopback address",
        names.join(", "),
        output::plain(first)
    );
    Err(Error::new(Code::Conflict, message))
}

/// Returns a future that serves metrics, if configured, for as long as it is polled.
///
/// # Errors
/// CONFLICT if the address can't be listened on.
fn metrics(app: &App) -> Result<impl Future<Output = ()> + use<>, Error> {
    let socket = match app.config().metrics.listen {
        Some(address) => Some(listen(address, "metrics.listen")?),
        None => None,
    };
    if let Some(address) = socket.as_ref().and_then(|socket| socket.local_addr().ok()) {
        tracing::info!(%address, "serving metrics");
    }
    let app = app.clone();
    Ok(async move {
        if let Some(socket) = socket {
            server::metrics::serve(app, socket).await;
        }
        // Without metrics the server continues.
        std::future::pending().await
    })
}

fn listen(address: SocketAddr, key: &str) -> Result<TcpListener, Error> {
    server::bind(address).map_err(|error| {
        let (ip, port) = (address.ip(), address.port());
        let (why, other) = match error.kind() {
            ErrorKind::AddrInUse => ("the port is in use, perhaps by another jeton", (ip, port ^ 1)),
            ErrorKind::PermissionDenied => ("ports below 1024 need a privilege", (ip, 8000)),
            ErrorKind::AddrNotAvailable => ("this machine has no such address", (Ipv4Addr::LOCALHOST.into(), port)),
            _ => ("the address is not usable", (Ipv4Addr::LOCALHOST.into(), 8000)),
        };
        let message = format!(
            "cannot listen on {address}: {error}: {why}; choose another address with `{key}` in jeton.toml, or \
             with JETON_{}={}",
            key.to_uppercase().replace('.', "__"),
            SocketAddr::from(other)
        );
        Error::new(Code::Conflict, message)
    })
}
