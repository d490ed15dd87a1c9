//! Every metric, its name written once, by what it is of.

mod hot;
mod mirror;
mod providers;
mod redis;
mod sync;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

use crate::provider::Provider;

pub use hot::HotMetrics;
pub use mirror::MirrorMetrics;
pub use providers::{ProviderBudget, ProviderMetrics};
pub use redis::{RedisMetrics, RedisUse};
pub use sync::{SyncMetrics, SyncQueue};

/// The metrics of one worker.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Of the mirror.
    pub mirror: MirrorMetrics,
    /// Of what providers are asked, and answer.
    pub providers: ProviderMetrics,
    /// Of pulls.
    pub sync: SyncMetrics,
    /// Of hot reads.
    pub hot: HotMetrics,
    /// Of what Redis is asked.
    pub redis: RedisMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("bondhu");
        Self {
            mirror: MirrorMetrics::register(&mut registry),
            providers: ProviderMetrics::register(&mut registry),
            sync: SyncMetrics::register(&mut registry),
            hot: HotMetrics::register(&mut registry),
            redis: RedisMetrics::register(&mut registry),
            registry,
        }
    }
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
}

/// Of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    provider: &'static str,
}

impl From<Provider> for Of {
    fn from(provider: Provider) -> Self {
        Self {
            provider: provider.name(),
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
