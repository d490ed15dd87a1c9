//! The mirror.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{counter, gauge};

/// From a millisecond to a minute, in seconds.
const LAG_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

/// How the mirror does.
#[derive(Debug)]
pub struct MirrorMetrics {
    lag: Histogram,
    transactions: Counter,
    documents: Counter,
    restarts: Counter,
    apart: Gauge,
    leading: Gauge,
    epoch: Gauge,
    watermark: Gauge,
    slot_behind: Gauge,
    slot_held: Gauge,
}

impl MirrorMetrics {
    pub(super) fn register(to: &mut Registry) -> Self {
        let lag = Histogram::new(LAG_BUCKETS);
        to.register(
            "mirror_lag_seconds",
            "From a transaction's commit until Redis holds what it changed",
            lag.clone(),
        );
        Self {
            lag,
            transactions: counter(to, "mirror_transactions", "Transactions brought to Redis"),
            documents: counter(
                to,
                "mirror_documents",
                "Documents written to or deleted from Redis",
            ),
            restarts: counter(
                to,
                "mirror_restarts",
                "Streams that broke and were started anew",
            ),
            apart: gauge(
                to,
                "mirror_apart",
                "Documents left to Postgres: too large, or not to be read or written",
            ),
            leading: gauge(
                to,
                "mirror_leading",
                "1 while this worker's mirror holds the slot",
            ),
            epoch: gauge(to, "mirror_epoch", "Epoch of the versions being written"),
            watermark: gauge(
                to,
                "mirror_watermark_timestamp_seconds",
                "Unix time at which Redis last held everything that had arrived",
            ),
            slot_behind: gauge(
                to,
                "mirror_slot_behind_bytes",
                "Write-ahead log that the slot is not acknowledged for",
            ),
            slot_held: gauge(
                to,
                "mirror_slot_held_bytes",
                "Write-ahead log that the slot keeps on the server's disk",
            ),
        }
    }

    /// A batch has reached Redis at this Unix second, in this epoch.
    pub fn batch(&self, unix_seconds: i64, epoch: u32) {
        self.watermark.set(unix_seconds);
        self.epoch.set(epoch.into());
    }

    /// A transaction has reached Redis so long after its commit.
    pub fn transaction(&self, lag: Duration) {
        self.transactions.inc();
        self.lag.observe(lag.as_secs_f64());
    }

    /// The slot is so many bytes behind, and keeps so many.
    pub fn slot(&self, behind: i64, held: i64) {
        self.slot_behind.set(behind);
        self.slot_held.set(held);
    }

    /// So many documents have changed in Redis.
    pub fn documents(&self, changed: u64) {
        self.documents.inc_by(changed);
    }

    /// So many documents are left to Postgres.
    pub fn apart(&self, documents: u64) {
        self.apart.set(i64::try_from(documents).unwrap_or(i64::MAX));
    }

    /// A stream broke.
    pub fn restart(&self) {
        self.restarts.inc();
    }

    /// Whether this worker's mirror holds the slot.
    pub fn leads(&self, leads: bool) {
        self.leading.set(leads.into());
    }
}
