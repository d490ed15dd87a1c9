//! When a reader may serve what Redis holds: one rule for whoever reads it.
//!
//! Two texts are judged: the watermark, which was read first, and the value. The mirror writes them
//! the other way round, so that a value is never older than the watermark that it is judged by: it
//! holds everything before the watermark, and everything before its own version. Settings are no
//! part of that, since they would make everybody's values stale at once: both texts name their
//! version, and a value of a lower one than the watermark's does not count.

use super::envelope::Envelope;
use super::position::{Lsn, Version};
use super::watermark::{Untrusted, Watermark};
use super::{CLOCKS_AGREE_WITHIN, Document, NEGATIVE_TTL};
use crate::time::Timestamp;

/// The mirror writes documents before it moves the watermark; hardly ever is it 4 GiB of log ahead of
/// it, and then Postgres is read. As in the worker's `cache/lua/versions.lua`.
const MOST_AHEAD_BYTES: u64 = 4 << 30;

/// What is to be done with a value.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// It is served.
    Serve {
        /// It.
        value: Envelope<'a>,
        /// Most of its life is over: it is time to fill it anew.
        expires_soon: bool,
        /// What a fill would replace.
        seen: Seen,
    },
    /// Postgres is read instead.
    Miss(Miss),
}

/// Why Redis has nothing to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// Nothing in Redis counts now.
    Untrusted(Untrusted),
    /// There is no value that counts; one may be filled in.
    Absent(Absent, Seen),
    /// Redis does not keep this document.
    Apart,
    /// It may lack a commit that was asked for; in a moment it may have it.
    Behind,
}

/// Why a document has no value that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// There is none, or what is there is none.
    NoValue,
    /// It is of another epoch: nothing says what it lacks.
    OtherEpoch,
    /// Its version is further than any mirror can be by now.
    VersionAhead,
    /// It is exact as of an instant that is still to come.
    InstantAhead,
    /// It was made under settings that have changed since.
    OtherSettings,
    /// It has changed by time alone.
    Expired,
}

/// What a reader saw of Redis, for the right to fill: that is given only if the value still is as it
/// was seen, and what is filled in carries the watermark, which was read before the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How far Redis follows.
    pub watermark: Version,
    /// Of the value that was there, whether or not it counts.
    pub version: Option<Version>,
}

impl Miss {
    /// Every name of a reason.
    pub const CODES: [&str; 11] = [
        "no_watermark",
        "watermark_old",
        "watermark_ahead",
        "no_value",
        "other_epoch",
        "version_ahead",
        "instant_ahead",
        "other_settings",
        "expired",
        "apart",
        "behind",
    ];

    /// A stable name of the reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Untrusted(Untrusted::Missing) => "no_watermark",
            Self::Untrusted(Untrusted::Old) => "watermark_old",
            Self::Untrusted(Untrusted::Ahead) => "watermark_ahead",
            Self::Absent(Absent::NoValue, _) => "no_value",
            Self::Absent(Absent::OtherEpoch, _) => "other_epoch",
            Self::Absent(Absent::VersionAhead, _) => "version_ahead",
            Self::Absent(Absent::InstantAhead, _) => "instant_ahead",
            Self::Absent(Absent::OtherSettings, _) => "other_settings",
            Self::Absent(Absent::Expired, _) => "expired",
            Self::Apart => "apart",
            Self::Behind => "behind",
        }
    }
}

/// Judges what Redis holds of a document: the text of [`STATE_KEY`](super::STATE_KEY), and the text
/// of the document's key, which was read after it; empty where there is none. With `min_lsn` a value
/// counts only if it holds every commit before that position.
#[must_use]
pub fn judge<'a>(
    document: Document,
    watermark: &[u8],
    value: &'a [u8],
    min_lsn: Option<Lsn>,
    now: Timestamp,
) -> Verdict<'a> {
    let parsed = Watermark::parse(watermark).ok_or(Untrusted::Missing);
    let trusted = parsed.and_then(|parsed| Ok((parsed.trusted(now)?, parsed.settings)));
    let (watermark, settings) = match trusted {
        Ok(trusted) => trusted,
        Err(why) => return Verdict::Miss(Miss::Untrusted(why)),
    };
    let value = Envelope::parse(value);
    let seen = Seen {
        watermark,
        version: value.as_ref().map(|value| value.v),
    };
    let value = match counting(value, watermark, settings, now) {
        Ok(value) => value,
        Err(why) => return Verdict::Miss(Miss::Absent(why, seen)),
    };
    if value.is_apart() {
        return Verdict::Miss(Miss::Apart);
    }
    if min_lsn.is_some_and(|least| value.v.lsn.max(watermark.lsn) < least) {
        return Verdict::Miss(Miss::Behind);
    }
    let life = if value.data.get() == "null" {
        NEGATIVE_TTL
    } else {
        document.ttl()
    };
    let expires_soon = now.since(value.as_of) > life * 3 / 4;
    Verdict::Serve {
        value,
        expires_soon,
        seen,
    }
}

/// The value, if it counts beside this watermark and its version of the settings.
fn counting(
    value: Option<Envelope<'_>>,
    watermark: Version,
    settings: i64,
    now: Timestamp,
) -> Result<Envelope<'_>, Absent> {
    let value = value.ok_or(Absent::NoValue)?;
    if value.v.epoch != watermark.epoch {
        return Err(Absent::OtherEpoch);
    }
    if value.v.lsn.0 > watermark.lsn.0.saturating_add(MOST_AHEAD_BYTES) {
        return Err(Absent::VersionAhead);
    }
    if value.as_of > now.plus(CLOCKS_AGREE_WITHIN) {
        return Err(Absent::InstantAhead);
    }
    // Nothing is said of the document, and so nothing that settings or time could change.
    if value.is_apart() {
        return Ok(value);
    }
    if value.settings < settings {
        return Err(Absent::OtherSettings);
    }
    if value.until.is_some_and(|until| until <= now) {
        return Err(Absent::Expired);
    }
    Ok(value)
}

#[cfg(test)]
mod tests;
