//! The text of `mirror:state`: how far Redis follows, and whose stream that is.

use std::num::ParseIntError;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::position::{Epoch, Lsn, Version};
use super::{CLOCKS_AGREE_WITHIN, FRESHNESS_LEAST, FRESHNESS_MOST};
use crate::time::Timestamp;

/// No watermark is longer; what is found under its key may be.
pub const STATE_MOST_BYTES: usize = 1024;

/// The watermark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Text", try_from = "Text")]
pub struct Watermark {
    /// Epoch and position: Redis holds everything committed before.
    pub version: Version,
    /// Unix ms, by the slowest of Postgres', Redis' and the mirror's clocks: that was everything there
    /// was as of then. 0 while an epoch is new.
    pub complete_at_ms: i64,
    /// Identifier of the cluster that the stream comes from.
    pub system: String,
    /// Its timeline.
    pub timeline: u32,
    /// Which mirror wrote it; empty once that one has ended well.
    pub leader: String,
    /// How many documents that mirror leaves to Postgres: too large, or not to be read or written.
    pub apart: u64,
    /// The version of the settings at that position, or a later one: what was made under an earlier
    /// one does not count.
    pub settings: i64,
    /// Seconds after that instant for which a reader may rely on it while the mirror is silent, of
    /// which [`FRESHNESS_MOST`] count.
    pub good_for_seconds: u32,
}

/// Why a reader may not rely on a watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// There is none, or what is there is none.
    #[error("no mirror has written to this Redis")]
    Missing,
    /// Older than it said it is good for.
    #[error("the mirror does not keep up")]
    Old,
    /// Further ahead of the reader's clock than clocks differ: no mirror wrote that.
    #[error("the mirror's instant is ahead of the clock")]
    Ahead,
}

impl Watermark {
    /// Reads the text; `None` when it is none of a mirror's.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_ours = text.len() <= STATE_MOST_BYTES;
        is_ours.then(|| serde_json::from_slice(text).ok()).flatten()
    }

    /// How long ago it was all there was; zero when clocks differ the other way.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Duration {
        let ms = unix_ms(now).saturating_sub(self.complete_at_ms).max(0);
        Duration::from_millis(ms.unsigned_abs())
    }

    /// How long after its instant a reader may rely on it. What was written holds no reader longer than
    /// [`FRESHNESS_MOST`].
    #[must_use]
    pub fn good_for(&self) -> Duration {
        Duration::from_secs(self.good_for_seconds.into()).min(FRESHNESS_MOST)
    }

    /// The version, while a reader may rely on it.
    ///
    /// # Errors
    /// When it may not.
    pub fn trusted(&self, now: Timestamp) -> Result<Version, Untrusted> {
        let ahead = self.complete_at_ms.saturating_sub(unix_ms(now)).max(0);
        if Duration::from_millis(ahead.unsigned_abs()) > CLOCKS_AGREE_WITHIN {
            Err(Untrusted::Ahead)
        } else if self.age(now) > self.good_for() {
            Err(Untrusted::Old)
        } else {
            Ok(self.version)
        }
    }

    /// Its text around the instant, for Redis to fill in.
    ///
    /// # Errors
    /// Never for this type; the signature of JSON cannot say so.
    pub fn parts(&self) -> Result<Parts, serde_json::Error> {
        let without = Self {
            complete_at_ms: 0,
            ..self.clone()
        };
        let text = serde_json::to_string(&without)?;
        // Before it come hexadecimal digits alone.
        let (before, after) = text.split_once(r#""ts":0"#).unwrap_or_default();
        Ok(Parts {
            before: format!(r#"{before}"ts":"#),
            complete_at_ms: self.complete_at_ms,
            after: after.to_owned(),
        })
    }
}

const fn unix_ms(Timestamp(micros): Timestamp) -> i64 {
    micros.div_euclid(1000)
}

/// The text of a watermark.
#[derive(Debug)]
pub struct Parts {
    /// Up to the instant.
    pub before: String,
    /// The instant, as in [`Watermark`].
    pub complete_at_ms: i64,
    /// From there on.
    pub after: String,
}

impl Parts {
    /// The whole, with an instant in Unix ms.
    #[must_use]
    pub fn at(&self, complete_at_ms: i64) -> String {
        format!("{}{complete_at_ms}{}", self.before, self.after)
    }
}

/// Its fields as they are written.
#[derive(Serialize, Deserialize)]
struct Text {
    epoch: String,
    lsn: String,
    ts: i64,
    system: String,
    timeline: u32,
    leader: String,
    #[serde(default)]
    apart: u64,
    #[serde(default)]
    settings: i64,
    #[serde(default = "unsaid")]
    good_for: u32,
}

/// Of a mirror that did not say how long its word is good for.
const fn unsaid() -> u32 {
    FRESHNESS_LEAST.as_secs() as u32
}

impl From<Watermark> for Text {
    fn from(watermark: Watermark) -> Self {
        let Version { epoch, lsn } = watermark.version;
        Self {
            epoch: format!("{:08x}", epoch.0),
            lsn: format!("{:016x}", lsn.0),
            ts: watermark.complete_at_ms,
            system: watermark.system,
            timeline: watermark.timeline,
            leader: watermark.leader,
            apart: watermark.apart,
            settings: watermark.settings,
            good_for: watermark.good_for_seconds,
        }
    }
}

impl TryFrom<Text> for Watermark {
    type Error = ParseIntError;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        Ok(Self {
            version: Version {
                epoch: Epoch(u32::from_str_radix(&text.epoch, 16)?),
                lsn: Lsn(u64::from_str_radix(&text.lsn, 16)?),
            },
            complete_at_ms: text.ts,
            system: text.system,
            timeline: text.timeline,
            leader: text.leader,
            apart: text.apart,
            settings: text.settings,
            good_for_seconds: text.good_for,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;
    const NOW: Timestamp = Timestamp(NOW_MS * 1000 + 999);

    fn at(complete_at_ms: i64) -> Watermark {
        Watermark {
            version: Version {
                epoch: Epoch(7),
                lsn: Lsn(9),
            },
            complete_at_ms,
            system: "1".into(),
            timeline: 1,
            leader: "one".into(),
            apart: 0,
            settings: 0,
            good_for_seconds: 5,
        }
    }

    fn good_for(seconds: u32, complete_at_ms: i64) -> Watermark {
        Watermark {
            good_for_seconds: seconds,
            ..at(complete_at_ms)
        }
    }

    #[test]
    fn an_instant_that_is_too_old_or_ahead_of_the_clock_is_not_believed() {
        let oldest = i64::try_from(FRESHNESS_LEAST.as_millis()).unwrap_or_default();
        for ts in [NOW_MS, NOW_MS - oldest, NOW_MS + 1000] {
            assert!(at(ts).trusted(NOW).is_ok(), "{ts}");
        }
        let day = 24 * 60 * 60 * 1000;
        for ts in [0, NOW_MS - oldest - 1, i64::MIN] {
            assert_eq!(at(ts).trusted(NOW), Err(Untrusted::Old), "{ts}");
        }
        for ts in [NOW_MS + 1001, NOW_MS + day, i64::MAX] {
            assert_eq!(at(ts).trusted(NOW), Err(Untrusted::Ahead), "{ts}");
        }
        for now in [i64::MIN, i64::MAX] {
            assert!(at(NOW_MS).trusted(Timestamp(now)).is_err(), "{now}");
        }
    }

    #[test]
    fn a_silent_mirror_is_trusted_for_as_long_as_it_said_and_never_beyond_a_bound() {
        for (said, counts) in [
            (0, 0),
            (5, 5),
            (60, 60),
            (300, 300),
            (301, 300),
            (u32::MAX, 300),
        ] {
            let oldest = NOW_MS - counts * 1000;
            assert!(good_for(said, oldest).trusted(NOW).is_ok(), "{said}");
            let older = good_for(said, oldest - 1).trusted(NOW);
            assert_eq!(older, Err(Untrusted::Old), "{said}");
            let ahead = good_for(said, NOW_MS + 1001).trusted(NOW);
            assert_eq!(ahead, Err(Untrusted::Ahead), "{said}");
        }
    }

    #[test]
    fn its_text_is_put_together_again_around_the_instant() -> Result<(), serde_json::Error> {
        let whole = serde_json::to_string(&at(NOW_MS))?;
        assert_eq!(at(0).parts()?.at(NOW_MS), whole);
        assert_eq!(
            whole,
            r#"{"epoch":"00000007","lsn":"0000000000000009","ts":1700000000000,"system":"1","timeline":1,"leader":"one","apart":0,"settings":0,"good_for":5}"#
        );
        Ok(())
    }

    #[test]
    fn its_text_is_read_as_it_was_written_and_no_other_is() -> Result<(), serde_json::Error> {
        let text = serde_json::to_string(&at(NOW_MS))?;
        assert_eq!(Watermark::parse(text.as_bytes()), Some(at(NOW_MS)));
        let former = text.replace(r#","apart":0,"settings":0,"good_for":5"#, "");
        assert_eq!(Watermark::parse(former.as_bytes()), Some(at(NOW_MS)));
        let settings = text.replace(r#""settings":0"#, r#""settings":3"#);
        let read = Watermark::parse(settings.as_bytes()).map(|watermark| watermark.settings);
        assert_eq!(read, Some(3));
        for other in [
            String::new(),
            "null".to_owned(),
            text.replace("00000007", "0000000g"),
            text.replace("00000007", "100000000"),
            text.replace("1700000000000", "null"),
            text.replace(r#""settings":0"#, r#""settings":"3""#),
            text.replace(r#""good_for":5"#, r#""good_for":"60""#),
            text.replace(r#""good_for":5"#, r#""good_for":-1"#),
            text.replace(r#""good_for":5"#, r#""good_for":4294967296"#),
            format!("{text:STATE_MOST_BYTES$} "),
        ] {
            assert_eq!(Watermark::parse(other.as_bytes()), None, "{other}");
        }
        Ok(())
    }
}
