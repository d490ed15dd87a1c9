//! What happens to every request around its handler: the log, the latency, the faults.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::params::Params;
use super::shared::{Shared, lock};
use super::traffic::{LARGEST_BODY, RecordedRequest};

/// Counts the calls of an API and adds the latency to each.
pub(super) async fn count_and_delay(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let _call = shared.traffic.enter();
    let latency = *lock(&shared.latency);
    tokio::time::sleep(latency).await;
    next.run(request).await
}

/// Records every request, and applies the planned faults to its answer.
pub(super) async fn record_and_fault(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut record = RecordedRequest {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: Params::parse(parts.uri.query().unwrap_or_default()),
        headers: parts.headers.clone(),
        form: Params::parse(&String::from_utf8_lossy(&body)),
        status: StatusCode::OK,
        answer: None,
    };

    let fault = lock(&shared.faults).take(&record.path);
    let answer = next.run(Request::from_parts(parts, Body::from(body)));
    let response = match fault {
        None => answer.await,
        Some(outcome) => outcome.apply(answer).await,
    };

    record.status = response.status();
    let response = if shared.keep_answers {
        let (parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        record.answer = serde_json::from_slice(&body).ok();
        Response::from_parts(parts, Body::from(body))
    } else {
        response
    };
    lock(&shared.requests).push(record);
    response
}
