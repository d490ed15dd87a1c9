//! What Redis is asked, as those who are billed by command have to know it.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::family;

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisUse {
    /// Documents and the watermark are written.
    Mirror,
    /// A hot read, and the fill that may follow it.
    Hot,
    /// `/readyz` asks, or a person's requests to a provider are counted.
    Other,
}

impl RedisUse {
    const fn name(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Hot => "hot",
            Self::Other => "other",
        }
    }
}

/// What Redis is asked.
#[derive(Debug)]
pub struct RedisMetrics {
    commands: Family<[(&'static str, &'static str); 1], Counter>,
}

impl RedisMetrics {
    pub(super) fn register(to: &mut Registry) -> Self {
        Self {
            commands: family(
                to,
                "redis_commands",
                "Commands sent to Redis, each of a pipeline and a script as one, by what they are for; not those that open a connection",
            ),
        }
    }

    /// Counts the commands of one use.
    #[must_use]
    pub fn commands(&self, of: RedisUse) -> Counter {
        self.commands.get_or_create(&[("use", of.name())]).clone()
    }
}
