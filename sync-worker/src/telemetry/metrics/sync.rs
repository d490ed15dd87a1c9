//! Pulls.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Of, family};
use crate::provider::Provider;

/// How many connections of a provider wait, and for what.
#[derive(Clone, Copy, Debug)]
pub struct SyncQueue {
    /// For a worker.
    pub queued: i64,
    /// For nothing: a worker is at them.
    pub under_way: i64,
    /// After a failure or a refusal.
    pub backing_off: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    provider: &'static str,
    status: &'static str,
}

/// Pulls, and the connections that wait for one.
#[derive(Debug)]
pub struct SyncMetrics {
    pulls: Family<Ended, Counter>,
    queued: Family<Of, Gauge>,
    under_way: Family<Of, Gauge>,
    backing_off: Family<Of, Gauge>,
}

impl SyncMetrics {
    pub(super) fn register(to: &mut Registry) -> Self {
        Self {
            pulls: family(
                to,
                "sync_pulls",
                "Pulls that ended, by the connection's status after it",
            ),
            queued: family(to, "sync_queued", "Connections that wait for a worker"),
            under_way: family(to, "sync_under_way", "Connections that a worker is at"),
            backing_off: family(
                to,
                "sync_backing_off",
                "Connections that wait after a failure or a refusal",
            ),
        }
    }

    /// A pull ended and left its connection with this status.
    pub fn ended(&self, provider: Provider, status: &'static str) {
        let ended = Ended {
            provider: provider.name(),
            status,
        };
        self.pulls.get_or_create(&ended).inc();
    }

    /// How a provider's queue looks now.
    pub fn queue(&self, provider: Provider, queue: SyncQueue) {
        let of = Of::from(provider);
        for (gauge, value) in [
            (&self.queued, queue.queued),
            (&self.under_way, queue.under_way),
            (&self.backing_off, queue.backing_off),
        ] {
            gauge.get_or_create(&of).set(value);
        }
    }
}
