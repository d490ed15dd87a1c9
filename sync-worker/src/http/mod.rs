//! The worker's HTTP: is it alive, is it ready, what does it count; hot reads; the OAuth callback.

pub mod attempts;
pub mod client_address;
mod connection_permits;
mod hot;
pub mod limits;
mod listener;
mod patience;
mod readiness;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::config::variables::Variable;
use crate::error::Error;
use crate::telemetry::Metrics;

pub use hot::{HotState, router as hot_router};
pub use listener::serve;
pub use patience::bounded;
pub(crate) use patience::{LONGEST_REQUEST, bounded_with, too_slow};
pub use readiness::{Dependency, MirrorReadiness, Readiness};

/// The worker's own routes, and those of `more`, which are [`bounded`] already. The parts of a request's body come within `reading`.
pub fn router(readiness: Readiness, more: Router, reading: Duration) -> Router {
    let own = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(Arc::new(readiness));
    bounded(own)
        .merge(more)
        .layer(RequestBodyTimeoutLayer::new(reading))
}

/// `/metrics`, for a listener that browsers do not reach.
pub fn metrics_router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/metrics", get(show_metrics))
        .with_state(metrics)
}

async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    let report = readiness.report().await;
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        Json(&*report),
    )
        .into_response()
}

async fn show_metrics(State(metrics): State<Arc<Metrics>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Starts to listen where `variable` says.
///
/// # Errors
/// [`Error::AddressInUse`] and the like, each naming the address and the variable that sets it.
pub async fn listen(addr: SocketAddr, variable: &'static Variable) -> Result<TcpListener, Error> {
    let variable = variable.name;
    TcpListener::bind(addr)
        .await
        .map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => Error::AddressInUse { addr, variable },
            _ => Error::Listen {
                addr,
                variable,
                source,
            },
        })
}
