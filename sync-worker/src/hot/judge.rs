//! Whether a value of Redis counts.

use bondhu_core::cache::{CLOCKS_AGREE_WITHIN, Document, NEGATIVE_TTL};
use chrono::{DateTime, Utc};

use crate::cache::Envelope;
use crate::mirror::position::{Lsn, Version};

/// The mirror writes documents before it moves the watermark; hardly ever is it 4 GiB of log ahead of
/// it, and then Postgres is read. As in `cache/lua/versions.lua`.
const MOST_AHEAD_BYTES: u64 = 4 << 30;

/// What a value is worth.
#[derive(Debug)]
pub(super) enum Judgement<'a> {
    /// It counts.
    Good(&'a Envelope<'a>),
    /// It counts, and most of its life is over.
    StaleSoon(&'a Envelope<'a>),
    /// There is none that counts: it is missing, of another epoch, or over by time alone.
    Missing,
    /// Redis does not keep this document.
    Apart,
    /// It may lack a commit that was asked for.
    Behind,
}

/// Judges a value by a watermark that was read before it.
///
/// The value holds everything before the watermark, since the mirror has written all of that; it
/// also holds everything before its own version.
pub(super) fn judge<'a>(
    value: Option<&'a Envelope<'a>>,
    document: Document,
    watermark: Version,
    min_lsn: Option<Lsn>,
    now: DateTime<Utc>,
) -> Judgement<'a> {
    let counts = |value: &&Envelope<'_>| {
        value.v.epoch == watermark.epoch
            && value.v.lsn.0 <= watermark.lsn.0.saturating_add(MOST_AHEAD_BYTES)
            && value.as_of <= now + CLOCKS_AGREE_WITHIN
            && (value.is_apart() || value.until.is_none_or(|until| now < until))
    };
    let Some(value) = value.filter(counts) else {
        return Judgement::Missing;
    };
    if value.is_apart() {
        return Judgement::Apart;
    }
    if min_lsn.is_some_and(|least| value.v.lsn.max(watermark.lsn) < least) {
        return Judgement::Behind;
    }
    let life = if value.data.get() == "null" {
        NEGATIVE_TTL
    } else {
        document.ttl()
    };
    let soon = life.mul_f64(0.75);
    if (now - value.as_of).to_std().is_ok_and(|age| age > soon) {
        Judgement::StaleSoon(value)
    } else {
        Judgement::Good(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::TimeDelta;
    use serde_json::value::RawValue;

    use super::*;
    use crate::cache::render;
    use crate::mirror::position::Epoch;

    const fn at(epoch: u32, lsn: u64) -> Version {
        Version {
            epoch: Epoch(epoch),
            lsn: Lsn(lsn),
        }
    }

    fn judged(
        version: Version,
        age: TimeDelta,
        left: Option<TimeDelta>,
        watermark: Version,
        min_lsn: Option<u64>,
    ) -> &'static str {
        let now = Utc::now();
        let data = RawValue::from_string("[]".to_owned()).unwrap();
        let until = left.map(|left| now + left);
        let text = render(version, now - age, until, Some(&data)).unwrap();
        let value = Envelope::parse(text.as_bytes());
        let document = Document::ChatHistory;
        match judge(value.as_ref(), document, watermark, min_lsn.map(Lsn), now) {
            Judgement::Good(_) => "good",
            Judgement::StaleSoon(_) => "stale soon",
            Judgement::Missing => "missing",
            Judgement::Apart => "apart",
            Judgement::Behind => "behind",
        }
    }

    #[test]
    fn a_value_of_another_epoch_or_past_its_instant_is_missing() {
        let moment = TimeDelta::zero();
        let minute = TimeDelta::minutes(1);
        assert_eq!(judged(at(1, 5), moment, None, at(1, 9), None), "good");
        assert_eq!(judged(at(1, 5), moment, None, at(2, 9), None), "missing");
        assert_eq!(
            judged(at(1, 5), moment, Some(minute), at(1, 9), None),
            "good"
        );
        assert_eq!(
            judged(at(1, 5), moment, Some(-minute), at(1, 9), None),
            "missing"
        );
    }

    #[test]
    fn a_value_that_no_mirror_can_have_written_by_now_is_missing() {
        let moment = TimeDelta::zero();
        let judged = |lsn, age| judged(at(1, lsn), age, None, at(1, 9), None);
        assert_eq!(judged(9 + MOST_AHEAD_BYTES, moment), "good");
        for lsn in [10 + MOST_AHEAD_BYTES, u64::MAX] {
            assert_eq!(judged(lsn, moment), "missing");
        }
        assert_eq!(judged(9, TimeDelta::days(-1)), "missing");
        assert_eq!(judged(9, TimeDelta::milliseconds(-500)), "good");
    }

    #[test]
    fn what_the_reader_wrote_is_there_by_the_values_version_or_the_watermarks() {
        let moment = TimeDelta::zero();
        for (value, watermark, verdict) in [(7, 3, "good"), (3, 7, "good"), (6, 6, "behind")] {
            let judged = judged(at(1, value), moment, None, at(1, watermark), Some(7));
            assert_eq!(judged, verdict, "{value} {watermark}");
        }
    }

    #[test]
    fn a_value_near_its_end_is_good_and_asks_for_a_new_one() {
        let age = TimeDelta::from_std(Document::ChatHistory.ttl()).unwrap();
        assert_eq!(judged(at(1, 5), age, None, at(1, 9), None), "stale soon");
        assert_eq!(judged(at(1, 5), age / 2, None, at(1, 9), None), "good");
    }
}
