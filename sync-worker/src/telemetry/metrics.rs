//! Every metric, its name written once.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// From a millisecond to a minute, in seconds.
const LAG_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

/// The metrics of one worker.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    mirror_lag: Histogram,
    mirror_transactions: Counter,
    mirror_documents: Counter,
    mirror_restarts: Counter,
    mirror_leading: Gauge,
    mirror_epoch: Gauge,
    mirror_watermark: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("bondhu");
        let mirror_lag = Histogram::new(LAG_BUCKETS);
        registry.register(
            "mirror_lag_seconds",
            "From a transaction's commit until Redis holds what it changed",
            mirror_lag.clone(),
        );
        let mirror_transactions = counter(
            &mut registry,
            "mirror_transactions",
            "Transactions brought to Redis",
        );
        let mirror_documents = counter(
            &mut registry,
            "mirror_documents",
            "Documents written to or deleted from Redis",
        );
        let mirror_restarts = counter(
            &mut registry,
            "mirror_restarts",
            "Streams that broke and were started anew",
        );
        let mirror_leading = gauge(
            &mut registry,
            "mirror_leading",
            "1 while this worker's mirror holds the slot",
        );
        let mirror_epoch = gauge(
            &mut registry,
            "mirror_epoch",
            "Epoch of the versions being written",
        );
        let mirror_watermark = gauge(
            &mut registry,
            "mirror_watermark_timestamp_seconds",
            "Unix time at which Redis last held everything that had arrived",
        );
        Self {
            registry,
            mirror_lag,
            mirror_transactions,
            mirror_documents,
            mirror_restarts,
            mirror_leading,
            mirror_epoch,
            mirror_watermark,
        }
    }
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

impl Metrics {
    /// All of them in the text format of Prometheus.
    ///
    /// # Errors
    /// When a value cannot be formatted, which would be a fault of this module.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A batch has reached Redis at this Unix second, in this epoch.
    pub fn mirror_batch(&self, unix_seconds: i64, epoch: u32) {
        self.mirror_watermark.set(unix_seconds);
        self.mirror_epoch.set(epoch.into());
    }

    /// A transaction has reached Redis so long after its commit.
    pub fn mirror_transaction(&self, lag: Duration) {
        self.mirror_transactions.inc();
        self.mirror_lag.observe(lag.as_secs_f64());
    }

    /// So many documents have changed in Redis.
    pub fn mirror_documents(&self, changed: u64) {
        self.mirror_documents.inc_by(changed);
    }

    /// A stream broke.
    pub fn mirror_restart(&self) {
        self.mirror_restarts.inc();
    }

    /// Whether this worker's mirror holds the slot.
    pub fn mirror_leads(&self, leads: bool) {
        self.mirror_leading.set(leads.into());
    }
}
