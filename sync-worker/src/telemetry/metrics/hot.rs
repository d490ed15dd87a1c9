//! Hot reads.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::{counter, family};

/// Hot reads.
#[derive(Debug)]
pub struct HotMetrics {
    reads: Family<[(&'static str, &'static str); 1], Counter>,
    fills: Counter,
    failures: Counter,
}

impl HotMetrics {
    pub(super) fn register(to: &mut Registry) -> Self {
        Self {
            reads: family(to, "hot_reads", "Documents served, by where they came from"),
            fills: counter(
                to,
                "hot_fills",
                "Documents read from Postgres to be kept in Redis",
            ),
            failures: counter(to, "hot_failures", "Documents that could not be served"),
        }
    }

    /// A document was served, from `redis` or `postgres`.
    pub fn read(&self, source: &'static str) {
        self.reads.get_or_create(&[("source", source)]).inc();
    }

    /// A document was read from Postgres to be kept.
    pub fn fill(&self) {
        self.fills.inc();
    }

    /// A document could not be served.
    pub fn failure(&self) {
        self.failures.inc();
    }
}
