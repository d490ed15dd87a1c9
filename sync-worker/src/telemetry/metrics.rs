//! Every metric, its name written once.

use std::time::Duration;

use bondhu_core::retry::Failure;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use crate::provider::Provider;

use crate::hot::Source;

/// From a millisecond to a minute, in seconds.
const LAG_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
];

/// What a provider's budget and queue look like.
#[derive(Clone, Copy, Debug)]
pub struct ProviderLoad {
    /// Requests that the budget's present window leaves.
    pub requests_left: i64,
    /// Unix time, in seconds, until which the provider is stopped for everybody; 0 when it is not.
    pub blocked_until: i64,
    /// Connections that wait for a worker.
    pub queued: i64,
    /// Connections that a worker is at.
    pub syncing: i64,
    /// Connections that wait after a failure or a refusal.
    pub backing_off: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    provider: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    provider: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lost {
    provider: &'static str,
    resource: &'static str,
    field: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    provider: &'static str,
    outcome: &'static str,
}

/// The metrics of one worker.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    mirror_lag: Histogram,
    mirror_transactions: Counter,
    mirror_documents: Counter,
    mirror_restarts: Counter,
    mirror_apart: Gauge,
    mirror_leading: Gauge,
    mirror_epoch: Gauge,
    mirror_watermark: Gauge,
    mirror_slot_behind: Gauge,
    mirror_slot_held: Gauge,
    provider_requests: Family<Answered, Counter>,
    provider_fields_lost: Family<Lost, Counter>,
    sync_pulls: Family<Ended, Counter>,
    requests_left: Family<Of, Gauge>,
    blocked_until: Family<Of, Gauge>,
    queued: Family<Of, Gauge>,
    syncing: Family<Of, Gauge>,
    backing_off: Family<Of, Gauge>,
    hot_reads: Family<[(&'static str, &'static str); 1], Counter>,
    hot_fills: Counter,
    hot_failures: Counter,
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
        let mirror_apart = gauge(
            &mut registry,
            "mirror_apart",
            "Documents left to Postgres: too large, or not to be read or written",
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
        let mirror_slot_behind = gauge(
            &mut registry,
            "mirror_slot_behind_bytes",
            "Write-ahead log that the slot is not acknowledged for",
        );
        let mirror_slot_held = gauge(
            &mut registry,
            "mirror_slot_held_bytes",
            "Write-ahead log that the slot keeps on the server's disk",
        );
        let provider_requests = family(
            &mut registry,
            "provider_requests",
            "Pages asked for, by outcome: ok or the failure's code",
        );
        let provider_fields_lost = family(
            &mut registry,
            "provider_fields_lost",
            "Fields of items that could not be read, or items for want of them",
        );
        let sync_pulls = family(
            &mut registry,
            "sync_pulls",
            "Pulls that ended, by the connection's status after it",
        );
        let requests_left = family(
            &mut registry,
            "provider_requests_left",
            "Requests that the present window of the provider's budget leaves",
        );
        let blocked_until = family(
            &mut registry,
            "provider_blocked_until_timestamp_seconds",
            "Unix time until which the provider is stopped for everybody, or 0",
        );
        let queued = family(
            &mut registry,
            "sync_queued",
            "Connections that wait for a worker",
        );
        let syncing = family(
            &mut registry,
            "sync_under_way",
            "Connections that a worker is at",
        );
        let backing_off = family(
            &mut registry,
            "sync_backing_off",
            "Connections that wait after a failure or a refusal",
        );
        let hot_reads = Family::default();
        registry.register(
            "hot_reads",
            "Documents served, by where they came from",
            hot_reads.clone(),
        );
        let hot_fills = counter(
            &mut registry,
            "hot_fills",
            "Documents read from Postgres to be kept in Redis",
        );
        let hot_failures = counter(
            &mut registry,
            "hot_failures",
            "Documents that could not be served",
        );
        Self {
            registry,
            provider_requests,
            provider_fields_lost,
            sync_pulls,
            requests_left,
            blocked_until,
            queued,
            syncing,
            backing_off,
            mirror_lag,
            mirror_transactions,
            mirror_documents,
            mirror_restarts,
            mirror_apart,
            mirror_leading,
            mirror_epoch,
            mirror_watermark,
            mirror_slot_behind,
            mirror_slot_held,
            hot_reads,
            hot_fills,
            hot_failures,
        }
    }
}

fn family<L, M>(registry: &mut Registry, name: &str, help: &str) -> Family<L, M>
where
    Family<L, M>: Metric + Clone + Default,
{
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
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

    /// The slot is so many bytes behind, and keeps so many.
    pub fn mirror_slot(&self, behind: i64, held: i64) {
        self.mirror_slot_behind.set(behind);
        self.mirror_slot_held.set(held);
    }

    /// So many documents have changed in Redis.
    pub fn mirror_documents(&self, changed: u64) {
        self.mirror_documents.inc_by(changed);
    }

    /// So many documents are left to Postgres.
    pub fn mirror_apart(&self, documents: u64) {
        self.mirror_apart
            .set(i64::try_from(documents).unwrap_or(i64::MAX));
    }

    /// A stream broke.
    pub fn mirror_restart(&self) {
        self.mirror_restarts.inc();
    }

    /// A page was asked for.
    pub fn provider_answered(&self, provider: Provider, failure: Option<Failure>) {
        let answered = Answered {
            provider: provider.name(),
            outcome: failure.map_or("ok", Failure::code),
        };
        self.provider_requests.get_or_create(&answered).inc();
    }

    /// A field of a resource's items could not be read so many times.
    pub fn provider_fields_lost(
        &self,
        provider: Provider,
        resource: &'static str,
        field: &'static str,
        times: u64,
    ) {
        let lost = Lost {
            provider: provider.name(),
            resource,
            field,
        };
        self.provider_fields_lost.get_or_create(&lost).inc_by(times);
    }

    /// A pull ended and left its connection with this status.
    pub fn sync_ended(&self, provider: Provider, status: &'static str) {
        let ended = Ended {
            provider: provider.name(),
            status,
        };
        self.sync_pulls.get_or_create(&ended).inc();
    }

    /// How a provider's budget and queue look now.
    pub fn provider_load(&self, provider: Provider, load: ProviderLoad) {
        let of = Of {
            provider: provider.name(),
        };
        for (gauge, value) in [
            (&self.requests_left, load.requests_left),
            (&self.blocked_until, load.blocked_until),
            (&self.queued, load.queued),
            (&self.syncing, load.syncing),
            (&self.backing_off, load.backing_off),
        ] {
            gauge.get_or_create(&of).set(value);
        }
    }

    /// Whether this worker's mirror holds the slot.
    pub fn mirror_leads(&self, leads: bool) {
        self.mirror_leading.set(leads.into());
    }

    /// A document was served.
    pub fn hot_read(&self, source: Source) {
        self.hot_reads
            .get_or_create(&[("source", source.name())])
            .inc();
    }

    /// A document was read from Postgres to be kept.
    pub fn hot_fill(&self) {
        self.hot_fills.inc();
    }

    /// A document could not be served.
    pub fn hot_failure(&self) {
        self.hot_failures.inc();
    }
}
