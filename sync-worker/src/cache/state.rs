//! The text of `mirror:state`: how far Redis follows, and whose stream that is.

use std::time::Duration;

use bondhu_core::cache::{CLOCKS_AGREE_WITHIN, STATE_MAX_AGE};
use serde::{Deserialize, Serialize};

use crate::mirror::position::{Epoch, Lsn, Version};

/// No watermark is longer; what is found under its key may be.
pub(crate) const STATE_MOST_BYTES: isize = 1024;

/// The watermark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    epoch: String,
    lsn: String,
    /// Unix ms, by the slowest of Postgres', Redis' and the mirror's clocks: that was everything there
    /// was as of then. 0 while an epoch is new.
    pub ts: i64,
    /// Identifier of the cluster that the stream comes from.
    pub system: String,
    /// Its timeline.
    pub timeline: u32,
    /// Which mirror wrote it.
    pub leader: String,
    /// How many documents that mirror leaves to Postgres: too large, or not to be read or written.
    #[serde(default)]
    pub apart: u64,
}

impl State {
    pub(crate) fn new(
        version: Version,
        ts: i64,
        system: String,
        timeline: u32,
        leader: String,
        apart: u64,
    ) -> Self {
        Self {
            epoch: format!("{:08x}", version.epoch.0),
            lsn: format!("{:016x}", version.lsn.0),
            ts,
            system,
            timeline,
            leader,
            apart,
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

    /// Whether the instant lies further ahead than clocks differ: no mirror wrote that.
    #[must_use]
    pub fn is_ahead(&self, now_unix_ms: i64) -> bool {
        let ahead = self.ts.saturating_sub(now_unix_ms).max(0).unsigned_abs();
        Duration::from_millis(ahead) > CLOCKS_AGREE_WITHIN
    }

    /// The version, while a reader may rely on it.
    #[must_use]
    pub fn trusted(&self, now_unix_ms: i64) -> Option<Version> {
        (!self.is_ahead(now_unix_ms) && self.age(now_unix_ms) <= STATE_MAX_AGE)
            .then(|| self.version())
            .flatten()
    }

    /// Its text around the instant, for Redis to fill in.
    ///
    /// # Errors
    /// Never for this type; the signature of JSON cannot say so.
    pub(crate) fn parts(&self) -> Result<Parts, serde_json::Error> {
        let without = Self {
            ts: 0,
            ..self.clone()
        };
        let text = serde_json::to_string(&without)?;
        // Before it come hexadecimal digits alone.
        let (before, after) = text.split_once(r#""ts":0"#).unwrap_or_default();
        Ok(Parts {
            before: format!(r#"{before}"ts":"#),
            ts: self.ts,
            after: after.to_owned(),
        })
    }
}

/// The text of a watermark.
#[derive(Debug)]
pub(crate) struct Parts {
    pub before: String,
    pub ts: i64,
    pub after: String,
}

impl Parts {
    /// The whole, with an instant.
    pub(crate) fn at(&self, ts: i64) -> String {
        format!("{}{ts}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::{Epoch, Lsn, STATE_MAX_AGE, State, Version};

    const NOW: i64 = 1_700_000_000_000;

    fn at(ts: i64) -> State {
        let version = Version {
            epoch: Epoch(7),
            lsn: Lsn(9),
        };
        State::new(version, ts, "1".into(), 1, "one".into(), 0)
    }

    #[test]
    fn an_instant_that_is_too_old_or_ahead_of_the_clock_is_not_believed() {
        let oldest = i64::try_from(STATE_MAX_AGE.as_millis()).unwrap_or_default();
        for ts in [NOW, NOW - oldest, NOW + 1000] {
            assert!(at(ts).trusted(NOW).is_some(), "{ts}");
        }
        let day = 24 * 60 * 60 * 1000;
        for ts in [
            0,
            NOW - oldest - 1,
            NOW + 1001,
            NOW + day,
            i64::MAX,
            i64::MIN,
        ] {
            assert!(at(ts).trusted(NOW).is_none(), "{ts}");
        }
    }

    #[test]
    fn its_text_is_put_together_again_around_the_instant() -> Result<(), serde_json::Error> {
        let whole = serde_json::to_string(&at(NOW))?;
        assert_eq!(at(0).parts()?.at(NOW), whole);
        Ok(())
    }
}
