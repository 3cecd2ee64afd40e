//! The listener: connection limits, timeouts, and the address of the client.
//!
//! A client that sends nothing, sends too slowly, or reads nothing of its response is disconnected. Connections are
//! limited in total and by address, so that no single client takes them all.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{Request, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::BoundListener;
use super::client_address::{client_of, is_trusted};
use super::write_timeout::WriteTimeout;
use crate::app::App;
use crate::core::throttle::ConcurrencyLimit;
use crate::core::viewer::ClientIp;
use crate::infra::config::ClientAddress;

/// Pause after the system failed to accept a connection, for example without free file descriptors.
const PAUSE: Duration = Duration::from_millis(200);
/// Maximum bytes that are buffered per connection, and so of the headers of a request. The library's own limit is 400
/// KiB.
const MAX_BUFFER: usize = 32 << 10;

/// A connection with a write timeout.
type Timed = WriteTimeout<TcpStream>;

/// Send buffer of a connection, in bytes. The system's own grows to some MB, which a client that never reads would
/// hold, and of which the system reports no progress before a third is read: too coarse to distinguish slow clients
/// from absent ones.
const SEND_BUFFER: u32 = 256 * 1024;

/// Binds a listening socket to an address.
///
/// # Errors
/// As [`TcpListener::bind`].
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart need not wait for the expiry of earlier connections. On other systems the option has another meaning.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Serves until `stop` is cancelled, and then until every connection has sent its last response.
pub async fn serve(app: &App, listener: BoundListener, router: Router, stop: CancellationToken) {
    let BoundListener { socket, certificate } = listener;
    let acceptor = match certificate.map(|certificate| certificate.acceptor()).transpose() {
        Ok(acceptor) => acceptor,
        Err(error) => {
            tracing::error!(?error, "listener failed to set up TLS");
            return;
        }
    };
    let http = &app.config().http;
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(http.header_timeout).max_buf_size(MAX_BUFFER);
    // Some clients match header names case-sensitively, in title case or in the case that they sent.
    builder.preserve_header_case(true).title_case_headers(true);
    let connections = Arc::new(Semaphore::new(http.max_connections));
    let by_address = ConcurrencyLimit::new(http.max_connections_per_address, usize::MAX);
    let tasks = TaskTracker::new();
    let trusted: Arc<[IpNet]> = http.trusted_proxies.clone().into();
    loop {
        // When all are taken, further clients wait in the backlog of the socket.
        let accepted = async {
            let place = connections.clone().acquire_owned().await;
            (socket.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "listener failed to accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let is_proxy = is_trusted(&trusted, peer);
        let own_place = if is_proxy { None } else { Some(by_address.take(ClientIp::from(peer))) };
        if matches!(own_place, Some(Err(_))) {
            tracing::debug!(%peer, "listener rejected a connection: too many from this address");
            continue;
        }
        let service = service(router.clone(), peer, trusted.clone(), http.client_address);
        let (builder, header_timeout, stop, acceptor) =
            (builder.clone(), http.header_timeout, stop.clone(), acceptor.clone());
        let write_timeout = http.write_timeout;
        tasks.spawn(app.connections.track_future(async move {
            let _places = (place, own_place);
            let ready = tokio::select! {
                ready = timeout(header_timeout, first_byte(stream, acceptor, write_timeout)) => ready,
                () = stop.cancelled() => return,
            };
            let io = match ready {
                Ok(Ok(io)) => io,
                Ok(Err(error)) => return tracing::debug!(%error, "connection setup failed"),
                Err(_) => return,
            };
            let mut connection = pin!(builder.serve_connection(io, service).with_upgrades());
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            // Most errors here are clients that disconnect.
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended with an error");
            }
        }));
    }
    drop(socket);
    tasks.close();
    tasks.wait().await;
}

/// Returns the connection once the client has sent its first byte: the library's own timeout starts only then.
async fn first_byte(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    write_timeout: Duration,
) -> std::io::Result<TokioIo<Either<Timed, Box<TlsStream<Timed>>>>> {
    // Chunks of streams are small, and must not be buffered until more of them follow.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection failed to set TCP_NODELAY");
    }
    let stream = match acceptor {
        Some(acceptor) => Either::Right(Box::new(acceptor.accept(WriteTimeout::new(stream, write_timeout)).await?)),
        None => {
            stream.peek(&mut [0]).await?;
            Either::Left(WriteTimeout::new(stream, write_timeout))
        }
    };
    Ok(TokioIo::new(stream))
}

/// Returns the router as the service of one connection: each request carries the address of its client.
fn service(
    router: Router,
    peer: IpAddr,
    trusted: Arc<[IpNet]>,
    header: ClientAddress,
) -> impl Service<
    Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future = impl Future<Output = Result<Response, Infallible>> + Send,
> + Send {
    service_fn(move |mut request: Request<Incoming>| {
        let routed = has_host(&request).then(|| {
            let address = ClientIp::from(client_of(peer, request.headers(), &trusted, header));
            request.extensions_mut().insert(address);
            router.clone().oneshot(request.map(Body::new))
        });
        async move {
            match routed {
                Some(routed) => routed.await,
                None => {
                    Ok((StatusCode::BAD_REQUEST, "A request must have exactly one valid `Host` header.\n")
                        .into_response())
                }
            }
        }
    })
}

/// Returns whether a request names its host as RFC 9112, section 3.2, requires: once, and in HTTP/1.0 at most once.
/// With two, a proxy and this server could take it for requests to different hosts.
fn has_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.as_bytes().is_empty() || Authority::try_from(host.as_bytes()).is_ok(),
        (None, _) => request.version() == Version::HTTP_10,
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests;
