//! Who may connect, how many at once, and for how long without saying anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::client_address::TrustedProxies;
use super::connection_permits::ConnectionPermits;
use super::limits::Limits;
use super::patience::LONGEST_REQUEST;
use crate::error::Error;

/// Request line and headers together; an access token is some KB at most.
const LARGEST_HEAD: usize = 32 * 1024;
const MOST_HEADERS: usize = 64;

/// No connection lasts longer, however slowly it takes its answers.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);

/// After a failure to accept, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(250);

/// Answers until `stop`, then finishes what is under way.
///
/// # Errors
/// None at present; a listener that cannot accept tries again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    proxies: TrustedProxies,
    stop: CancellationToken,
) -> Result<(), Error> {
    let by_address = ConnectionPermits::new(limits.connections, proxies);
    let permits = Arc::new(Semaphore::new(limits.connections as usize));
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => {
                let Some(of_address) = by_address.take(peer.ip()) else {
                    tracing::debug!(%peer, "closed: its address has its part of the connections");
                    continue;
                };
                let served = serve_connection(tcp, peer, router.clone(), limits, stop.clone());
                tokio::spawn(async move {
                    served.await;
                    drop((permit, of_address));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    // All permits are given back once everybody is gone.
    let _ = timeout(LONGEST_REQUEST, permits.acquire_many(limits.connections)).await;
    Ok(())
}

/// One connection, from its first request to its last.
async fn serve_connection(
    tcp: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let _ = tcp.set_nodelay(true);
    let router = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.reading)
        .max_buf_size(LARGEST_HEAD)
        .max_header_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(tcp), TowerToHyperService::new(router));
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
            return;
        }
        () = stop.cancelled() => {}
        () = sleep(LONGEST_CONNECTION) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LONGEST_REQUEST, connection).await;
}
