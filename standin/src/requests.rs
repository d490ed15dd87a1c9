//! The log of what was asked, and the place where faults strike.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::state::{Shared, lock};

/// More than any answer of the catalogue; a guard, not a limit that is met.
pub(super) const LARGEST_BODY: usize = 4 << 20;

/// Decoded `name=value` pairs of a query or a form, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query or a form.
    pub fn parse(encoded: &str) -> Self {
        Self(
            url::form_urlencoded::parse(encoded.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values of a list parameter, given repeatedly, comma-separated or both.
    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }
}

/// A request as it arrived, with the status it got.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// HTTP method.
    pub method: Method,
    /// Path as seen by the stand-in, as in `/spotify/v1/me`.
    pub path: String,
    /// Query parameters.
    pub query: Params,
    /// Headers.
    pub headers: HeaderMap,
    /// Form fields of a POST.
    pub form: Params,
    /// Status of the answer.
    pub status: StatusCode,
    /// The answer, where it is JSON and [`StandinConfig::keep_answers`] is set.
    ///
    /// [`StandinConfig::keep_answers`]: super::StandinConfig::keep_answers
    pub answer: Option<Value>,
}

impl RecordedRequest {
    /// The access token of the `Authorization` header.
    pub fn bearer(&self) -> Option<&str> {
        bearer(&self.headers)
    }
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// Calls of the providers' APIs; tokens and consent apart.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    arrived: AtomicU64,
    in_flight: AtomicU64,
}

impl Traffic {
    /// How many came, those that were given up by their caller too.
    pub(super) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// How many are being answered.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn call(&self) -> Call<'_> {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Call(self)
    }
}

/// One of them; dropped with its answer, or when its caller is gone.
struct Call<'a>(&'a Traffic);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts the calls of an API under way and lets each take its time.
pub(super) async fn pace(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let _call = shared.traffic.call();
    let latency = *lock(&shared.latency);
    tokio::time::sleep(latency).await;
    next.run(request).await
}

/// Logs every request and lays the fault plan over the answer.
pub(super) async fn observe(
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

    let fault = lock(&shared.faults).strike(&record.path);
    let answer = next.run(Request::from_parts(parts, Body::from(body)));
    let response = match fault {
        None => answer.await,
        Some(outcome) => outcome.strike(answer).await,
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
