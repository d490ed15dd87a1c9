//! The text of `mirror:state`: how far Redis follows, and whose stream that is.

use std::time::Duration;

use bondhu_core::cache::STATE_MAX_AGE;
use serde::{Deserialize, Serialize};

use crate::mirror::position::{Epoch, Lsn, Version};

/// The watermark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    epoch: String,
    lsn: String,
    /// Unix ms, the mirror's clock: that was everything there was as of then. 0 while an epoch is new.
    pub ts: i64,
    /// Identifier of the cluster that the stream comes from.
    pub system: String,
    /// Its timeline.
    pub timeline: u32,
    /// Which mirror wrote it.
    pub leader: String,
}

impl State {
    pub(crate) fn new(
        version: Version,
        ts: i64,
        system: String,
        timeline: u32,
        leader: String,
    ) -> Self {
        Self {
            epoch: format!("{:08x}", version.epoch.0),
            lsn: format!("{:016x}", version.lsn.0),
            ts,
            system,
            timeline,
            leader,
        }
    }

    /// Epoch and position: Redis holds everything committed before. `None` when it cannot be read.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        Some(Version {
            epoch: Epoch(u32::from_str_radix(&self.epoch, 16).ok()?),
            lsn: Lsn(u64::from_str_radix(&self.lsn, 16).ok()?),
        })
    }

    /// How long ago it was all there was; zero when clocks differ the other way.
    #[must_use]
    pub fn age(&self, now_unix_ms: i64) -> Duration {
        Duration::from_millis(now_unix_ms.saturating_sub(self.ts).max(0).unsigned_abs())
    }

    /// The version, while a reader may rely on it.
    #[must_use]
    pub fn trusted(&self, now_unix_ms: i64) -> Option<Version> {
        (self.age(now_unix_ms) <= STATE_MAX_AGE)
            .then(|| self.version())
            .flatten()
    }
}
