//! How long a value lives in Redis.

use std::time::Duration;

use bondhu_core::cache::{Document, NEGATIVE_TTL};
use chrono::{DateTime, Utc};
use rand::Rng as _;

/// Keys that were written together shall not expire together: each loses up to this part.
const JITTER: f64 = 0.1;

/// The lifetime of a value; `None` when its time is over already. A session's document ends with
/// the session. That there is none is remembered for [`NEGATIVE_TTL`], never shorter.
pub(crate) fn lifetime(
    document: Document,
    exists: bool,
    as_of: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) -> Option<Duration> {
    if !exists {
        return Some(NEGATIVE_TTL);
    }
    let longest = document
        .ttl()
        .mul_f64(1.0 - rand::rng().random_range(0.0..JITTER));
    let lifetime = match until {
        // Both instants are of Postgres' clock, so that no clock here matters.
        Some(until) if document == Document::SessionActive => {
            longest.min((until - as_of).to_std().unwrap_or_default())
        }
        _ => longest,
    };
    (lifetime >= Duration::from_millis(1)).then_some(lifetime)
}
