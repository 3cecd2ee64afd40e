//! `jeton serve`: opens everything, says what there is, and serves.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use super::{banner, bring_up_to_date, connect, load, output};
use crate::app::Models;
use crate::error::{Code, Error};
use crate::random::Random;
use crate::{server, telemetry};

pub(super) async fn run(file: Option<&Path>) -> Result<(), Error> {
    let config = load(file)?;
    telemetry::start(&config.log)?;
    let (models, missing) = Models::open(&config, &Random::system())?;
    let app = connect(config, models).await?;
    bring_up_to_date(&app).await?;
    let listener = listen(app.config.http.listen).await?;
    let address = listener.local_addr().map_err(Error::internal)?;
    output::print(&banner::text(&app.config, &app.models, &missing, address))?;
    tracing::info!(%address, database = app.db.name(), "serving");
    server::run(app, listener).await
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => "something, perhaps another jeton, listens there already; stop it, or choose",
            ErrorKind::PermissionDenied => "ports below 1024 are for root; choose",
            ErrorKind::AddrNotAvailable => "this machine has no such address; choose",
            _ => "choose",
        };
        let other = SocketAddr::new(address.ip(), if address.port() < 1024 { 8000 } else { address.port() ^ 1 });
        let message = format!(
            "cannot listen on {address}: {advice} another address with http.listen in jeton.toml or \
             JETON_HTTP__LISTEN={other}"
        );
        Error::new(Code::Conflict, message).with_source(error)
    })
}
