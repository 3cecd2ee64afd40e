//! How operators on the same machine have a running server reload its configuration: SIGHUP, and the control socket, which
//! also tells the outcome.
//!
//! The socket is a file in the data directory, which only the owner of the server can open. No port and no credential is
//! needed, and it is out of reach from the network.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::core::error::{Code, Error};
use crate::domain::reload::{ReloadSource, Reloaded};
use crate::infra::config::Config;

/// The response at the control socket, as JSON.
#[derive(Deserialize, Serialize)]
enum Response {
    /// What has changed.
    Reloaded(Reloaded),
    /// Why nothing has changed.
    Failed(String),
}

/// Returns the path of the control socket: one for each configured port.
fn socket(config: &Config) -> PathBuf {
    config.data.dir.join(format!("control-{}.sock", config.http.listen.port()))
}

/// Reloads the configuration on SIGHUP and on requests at the control socket, one after the other, until the server
/// stops. Without the socket, for which the file system or the length of the path may be the reason, signals are left.
pub async fn run(app: &App, source: &ReloadSource, stop: &CancellationToken) {
    #[cfg(unix)]
    unix::run(app, source, stop).await;
    #[cfg(not(unix))]
    let _ = (app, source, stop);
}

/// Has the server of this configuration reload its file.
///
/// # Errors
/// PROVIDER_UNAVAILABLE if no server answers at the control socket; INVALID_INPUT if the file has an error.
pub async fn request_reload(config: &Config) -> Result<Reloaded, Error> {
    #[cfg(unix)]
    let response = unix::request(config).await?;
    #[cfg(not(unix))]
    let response = Response::Failed("this system has no control sockets; restart the server".to_owned());
    match response {
        Response::Reloaded(reloaded) => Ok(reloaded),
        Response::Failed(why) => Err(Error::new(Code::InvalidInput, format!("nothing has changed: {why}"))),
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::{Permissions, remove_file, set_permissions};
    use std::io;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::time::timeout;
    use tokio_util::sync::CancellationToken;

    use super::{Response, socket};
    use crate::app::App;
    use crate::core::error::{Code, Error};
    use crate::core::private_files;
    use crate::domain::reload::{ReloadSource, reload};
    use crate::infra::config::Config;

    const COMMAND: &[u8] = b"reload\n";
    /// The timeout of reading the command, and of writing the response.
    const IO_TIMEOUT: Duration = Duration::from_secs(5);
    /// The timeout of a reload, which may read the weights of a model.
    const RELOAD_TIMEOUT: Duration = Duration::from_secs(600);
    /// The maximum size of a response, in bytes.
    const MAX_RESPONSE_BYTES: u64 = 16 << 20;
    /// The pause after an error of the socket.
    const PAUSE: Duration = Duration::from_secs(1);

    pub(super) async fn run(app: &App, source: &ReloadSource, stop: &CancellationToken) {
        let signals = async {
            match signal(SignalKind::hangup()) {
                // Its log lines tell the outcome.
                Ok(mut hangups) => {
                    while hangups.recv().await.is_some() {
                        reload(app, source).await.ok();
                    }
                }
                Err(error) => tracing::warn!(%error, "SIGHUP can't be handled"),
            }
        };
        let requests = async {
            let path = socket(&app.config());
            match bind(app) {
                Ok(listener) => serve(app, source, &listener).await,
                Err(error) => {
                    let path = path.display();
                    tracing::warn!(%error, %path, "no control socket: `jeton config reload` can't reach this server");
                }
            }
        };
        if stop.run_until_cancelled(async { tokio::join!(signals, requests) }).await.is_none() {
            remove_file(socket(&app.config())).ok();
        }
    }

    /// Binds the control socket. One that a killed server has left is replaced: the port belongs to this server.
    fn bind(app: &App) -> io::Result<UnixListener> {
        let config = app.config();
        private_files::create_dir(&config.data.dir)?;
        let path = socket(&config);
        match remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    async fn serve(app: &App, source: &ReloadSource, listener: &UnixListener) {
        loop {
            let answered = match listener.accept().await {
                Ok((stream, _)) => answer(app, source, stream).await,
                Err(error) => {
                    tokio::time::sleep(PAUSE).await;
                    Err(error)
                }
            };
            if let Err(error) = answered {
                tracing::warn!(%error, "a request at the control socket failed");
            }
        }
    }

    async fn answer(app: &App, source: &ReloadSource, mut stream: UnixStream) -> io::Result<()> {
        let mut command = [0; COMMAND.len()];
        timeout(IO_TIMEOUT, stream.read_exact(&mut command)).await??;
        if command != COMMAND {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an unknown command"));
        }
        let response = match reload(app, source).await {
            Ok(reloaded) => Response::Reloaded(reloaded),
            Err(error) if error.code == Code::InvalidInput => Response::Failed(error.message),
            Err(error) => Response::Failed(format!("{error:?}")),
        };
        let response = serde_json::to_vec(&response).map_err(io::Error::other)?;
        timeout(IO_TIMEOUT, stream.write_all(&response)).await??;
        Ok(())
    }

    pub(super) async fn request(config: &Config) -> Result<Response, Error> {
        let path = socket(config);
        let failed = |error: io::Error| {
            let path = path.display();
            let message =
                format!("no server answers at {path} (with this data.dir and this port in http.listen): {error}");
            Error::new(Code::ProviderUnavailable, message)
        };
        let mut stream = UnixStream::connect(&path).await.map_err(failed)?;
        stream.write_all(COMMAND).await.map_err(failed)?;
        let mut response = Vec::new();
        let mut reader = stream.take(MAX_RESPONSE_BYTES);
        timeout(RELOAD_TIMEOUT, reader.read_to_end(&mut response))
            .await
            .map_err(|error| failed(error.into()))?
            .map_err(failed)?;
        serde_json::from_slice(&response).map_err(|error| failed(error.into()))
    }
}
