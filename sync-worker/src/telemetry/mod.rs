//! What the worker says about itself: its log and its metrics. It knows nothing of those who use it.

mod log;
mod metrics;

pub use log::{LogConfig, LogFormat, start_logging};
pub use metrics::{
    HotMetrics, Metrics, MirrorMetrics, ProviderBudget, ProviderMetrics, RedisMetrics, RedisUse,
    SyncMetrics, SyncQueue,
};
