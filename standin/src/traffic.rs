//! What is kept of the requests that came: their log, and how many there are.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;

use super::params::Params;

/// Larger than any answer of the catalogue: a guard, never reached.
pub(super) const LARGEST_BODY: usize = 4 << 20;

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

/// Counts the calls of the providers' APIs, without tokens and consent.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    arrived: AtomicU64,
    in_flight: AtomicU64,
}

impl Traffic {
    /// How many came, those whose caller gave up included.
    pub(super) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// How many are being answered.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts one more, until the returned guard is dropped.
    pub(super) fn enter(&self) -> InFlight<'_> {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }
}

/// A call being answered; dropped with its answer, or when its caller has gone.
pub(super) struct InFlight<'a>(&'a Traffic);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
