//! `jeton serve`: opens everything, says what there is, and serves.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::net::TcpListener;

use super::{banner, bring_up_to_date, connect, load, output};
use crate::app::Models;
use crate::config::Config;
use crate::error::{Code, Error};
use crate::random::Random;
use crate::{server, telemetry};

pub(super) async fn run(file: Option<&Path>) -> Result<(), Error> {
    let config = load(file)?;
    telemetry::start(&config.log)?;
    let (models, missing) = Models::open(&config, &Random::system())?;
    let app = connect(config, models).await?;
    bring_up_to_date(&app).await?;
    check_signing_key(&app.config)?;
    let listener = listen(app.config.http.listen).await?;
    let address = listener.local_addr().map_err(Error::internal)?;
    output::print(&banner::text(&app.config, &app.models, &missing, address))?;
    tracing::info!(%address, database = app.db.name(), "serving");
    server::run(app, listener).await;
    Ok(())
}

/// Whoever reads the signing key is whoever they want to be. On this machine alone that is the owner's affair; on a
/// network it is everybody's.
#[cfg(unix)]
fn check_signing_key(config: &Config) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    if !config.auth.secret.is_empty() {
        return Ok(());
    }
    let path = config.data.dir.join("signing.key");
    let mode = std::fs::metadata(&path).map_err(Error::internal)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("{} can be read by others (mode {:o}); run chmod 600 on it", path.display(), mode & 0o777);
    if config.http.listen.ip().is_loopback() {
        tracing::warn!("{message}");
        return Ok(());
    }
    Err(Error::new(Code::Conflict, format!("{message}, or listen on a loopback address")))
}

#[cfg(not(unix))]
fn check_signing_key(_: &Config) -> Result<(), Error> {
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| {
        let (ip, port) = (address.ip(), address.port());
        let (why, other) = match error.kind() {
            ErrorKind::AddrInUse => ("something, perhaps another jeton, listens there already", (ip, port ^ 1)),
            ErrorKind::PermissionDenied => ("ports below 1024 are not for everybody", (ip, 8000)),
            ErrorKind::AddrNotAvailable => ("this machine has no such address", (Ipv4Addr::LOCALHOST.into(), port)),
            _ => ("the address will not do", (Ipv4Addr::LOCALHOST.into(), 8000)),
        };
        let message = format!(
            "cannot listen on {address}: {error}: {why}; choose another address with `http.listen` in jeton.toml, or \
             with JETON_HTTP__LISTEN={}",
            SocketAddr::from(other)
        );
        Error::new(Code::Conflict, message)
    })
}
