#![allow(clippy::unwrap_used)]
use std::time::Duration;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::super::STATE_MAX_AGE;
use super::super::envelope::VALUE_MOST_BYTES;
use super::super::envelope::{render, render_apart};
use super::super::position::Epoch;
use super::super::watermark::STATE_MOST_BYTES;
use super::*;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;
const NOW: Timestamp = Timestamp(1_700_000_000 * SECOND);
const DOCUMENT: Document = Document::ChatHistory;

const fn at(epoch: u32, lsn: u64) -> Version {
    Version {
        epoch: Epoch(epoch),
        lsn: Lsn(lsn),
    }
}

/// The version of the settings, where a test is about something else.
const SETTINGS: i64 = 3;

/// The text of a watermark that was complete so many µs ago.
fn watermark(version: Version, age: i64) -> String {
    watermark_of(version, age, SETTINGS)
}

fn watermark_of(version: Version, age: i64, settings: i64) -> String {
    let watermark = Watermark {
        version,
        complete_at_ms: (NOW.0 - age).div_euclid(1000),
        system: "1".to_owned(),
        timeline: 1,
        leader: "one".to_owned(),
        apart: 0,
        settings,
    };
    serde_json::to_string(&watermark).unwrap()
}

/// The text of a value made so many µs ago, with so many left until it is over.
fn value(version: Version, age: i64, left: Option<i64>, data: &str) -> String {
    value_of(version, age, left, SETTINGS, data)
}

fn value_of(version: Version, age: i64, left: Option<i64>, settings: i64, data: &str) -> String {
    let data = RawValue::from_string(data.to_owned()).unwrap();
    let until = left.map(|left| Timestamp(NOW.0 + left));
    render(
        version,
        Timestamp(NOW.0 - age),
        until,
        settings,
        Some(&data),
    )
    .unwrap()
}

fn told(watermark: &str, value: &str, min_lsn: Option<u64>) -> &'static str {
    let (watermark, value) = (watermark.as_bytes(), value.as_bytes());
    match judge(DOCUMENT, watermark, value, min_lsn.map(Lsn), NOW) {
        Verdict::Serve {
            expires_soon: true, ..
        } => "serve, expires soon",
        Verdict::Serve { .. } => "serve",
        Verdict::Miss(miss) => miss.code(),
    }
}

#[test]
fn nothing_counts_without_a_watermark_that_is_fresh_and_not_made_up() {
    let value = value(at(1, 5), 0, None, "[]");
    for (text, verdict) in [
        (watermark(at(1, 9), 0), "serve"),
        (watermark(at(1, 9), 5 * SECOND), "serve"),
        (watermark(at(1, 9), 5 * SECOND + 1000), "watermark_old"),
        (watermark(at(1, 9), -SECOND), "serve"),
        (watermark(at(1, 9), -SECOND - 1000), "watermark_ahead"),
        (String::new(), "no_watermark"),
        ("null".to_owned(), "no_watermark"),
        (" ".repeat(STATE_MOST_BYTES) + "{}", "no_watermark"),
    ] {
        assert_eq!(told(&text, &value, None), verdict, "{text}");
    }
}

#[test]
fn a_value_of_another_epoch_or_past_its_instant_is_absent() {
    let judged = |version, left, mark| {
        let value = value(version, 0, left, "[]");
        told(&watermark(mark, 0), &value, None)
    };
    assert_eq!(judged(at(1, 5), None, at(1, 9)), "serve");
    assert_eq!(judged(at(1, 5), None, at(2, 9)), "other_epoch");
    assert_eq!(judged(at(1, 5), Some(1), at(1, 9)), "serve");
    assert_eq!(judged(at(1, 5), Some(0), at(1, 9)), "expired");
    let fresh = watermark(at(1, 9), 0);
    for text in ["", "null", "{}"] {
        assert_eq!(told(&fresh, text, None), "no_value", "{text}");
    }
    let long = value(at(1, 5), 0, None, "[]") + &" ".repeat(VALUE_MOST_BYTES);
    assert_eq!(told(&fresh, &long, None), "no_value");
}

#[test]
fn a_value_made_under_settings_that_have_changed_since_is_absent_and_may_be_filled() {
    for (mark, made, verdict) in [
        (3, 3, "serve"),
        (3, 4, "serve"),
        (3, 2, "other_settings"),
        (1, 0, "other_settings"),
        (0, 0, "serve"),
        (i64::MAX, 3, "other_settings"),
        (3, i64::MIN, "other_settings"),
    ] {
        let value = value_of(at(1, 5), 0, None, made, "[]");
        let judged = told(&watermark_of(at(1, 9), 0, mark), &value, Some(7));
        assert_eq!(judged, verdict, "{mark} {made}");
    }
    // Of a worker that knew nothing of versions, whichever of the two it wrote.
    let (mark, value) = (watermark(at(1, 9), 0), value(at(1, 5), 0, None, "[]"));
    let former = |text: &str| text.replace(r#","settings":3"#, "");
    assert_eq!(told(&mark, &former(&value), None), "other_settings");
    assert_eq!(told(&former(&mark), &value, None), "serve");
    assert_eq!(told(&former(&mark), &former(&value), None), "serve");

    let (mark, value) = (mark.as_bytes(), former(&value));
    let verdict = judge(DOCUMENT, mark, value.as_bytes(), None, NOW);
    let Verdict::Miss(Miss::Absent(Absent::OtherSettings, seen)) = verdict else {
        unreachable!("{verdict:?}");
    };
    assert_eq!(
        (seen.watermark, seen.version),
        (at(1, 9), Some(at(1, 5))),
        "what a fill replaces"
    );
}

#[test]
fn a_value_that_no_mirror_can_have_written_by_now_is_absent() {
    let judged = |lsn, age| {
        let value = value(at(1, lsn), age, None, "[]");
        told(&watermark(at(1, 9), 0), &value, None)
    };
    assert_eq!(judged(9 + MOST_AHEAD_BYTES, 0), "serve");
    for lsn in [10 + MOST_AHEAD_BYTES, u64::MAX] {
        assert_eq!(judged(lsn, 0), "version_ahead");
    }
    assert_eq!(judged(9, -DAY), "instant_ahead");
    assert_eq!(judged(9, -SECOND), "serve");
}

#[test]
fn what_the_reader_wrote_is_there_by_the_values_version_or_the_watermarks() {
    for (version, mark, verdict) in [(7, 3, "serve"), (3, 7, "serve"), (6, 6, "behind")] {
        let value = value(at(1, version), 0, None, "[]");
        let judged = told(&watermark(at(1, mark), 0), &value, Some(7));
        assert_eq!(judged, verdict, "{version} {mark}");
    }
}

#[test]
fn a_document_that_redis_does_not_keep_is_told_from_one_that_is_not_there() {
    let apart = |epoch| render_apart(at(epoch, 5), Timestamp(NOW.0 - MINUTE)).unwrap();
    let fresh = watermark(at(1, 9), 0);
    assert_eq!(told(&fresh, &apart(1), Some(99)), "apart");
    assert_eq!(told(&fresh, &apart(2), None), "other_epoch");
}

#[test]
fn a_value_near_its_end_is_served_and_a_new_one_is_due() {
    let fresh = watermark(at(1, 9), 0);
    let judged = |age, data| told(&fresh, &value(at(1, 5), age, None, data), None);
    for (data, life) in [("[]", DOCUMENT.ttl()), ("null", NEGATIVE_TTL)] {
        let due = i64::try_from(life.as_micros()).unwrap() / 4 * 3;
        assert_eq!(judged(due, data), "serve", "{data}");
        assert_eq!(judged(due + 1, data), "serve, expires soon", "{data}");
    }
}

fn versions() -> impl Strategy<Value = Version> {
    let lsn = prop_oneof![
        0..20_u64,
        MOST_AHEAD_BYTES..MOST_AHEAD_BYTES + 20,
        any::<u64>()
    ];
    (0..3_u32, lsn).prop_map(|(epoch, lsn)| at(epoch, lsn))
}

fn spans() -> impl Strategy<Value = i64> {
    prop_oneof![-2 * SECOND..2 * SECOND, 4 * SECOND..6 * SECOND, -DAY..DAY]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The promise, put as a reader needs it.
    #[test]
    fn whatever_is_served_is_of_a_fresh_mirrors_epoch_and_holds_what_was_asked_for(
        (mark, mark_age) in (versions(), spans()),
        (version, age, left) in (versions(), spans(), proptest::option::of(spans())),
        (mark_settings, settings) in (0..4_i64, 0..4_i64),
        min_lsn in proptest::option::of(0..25_u64),
        data in prop_oneof![Just("null"), Just("[]")],
    ) {
        let (state, text) = (
            watermark_of(mark, mark_age, mark_settings),
            value_of(version, age, left, settings, data),
        );
        let (state, text) = (state.as_bytes(), text.as_bytes());
        let oldest = i64::try_from(STATE_MAX_AGE.as_micros()).unwrap();
        let ms = |micros: i64| micros.div_euclid(1000);
        let trusted = ms(NOW.0) - ms(NOW.0 - mark_age) <= ms(oldest)
            && ms(NOW.0 - mark_age) - ms(NOW.0) <= 1000;
        let counts = version.epoch == mark.epoch
            && version.lsn.0.saturating_sub(mark.lsn.0) <= MOST_AHEAD_BYTES
            && age >= -SECOND
            && settings >= mark_settings
            && left.is_none_or(|left| left > 0);
        let holds = min_lsn.is_none_or(|least| version.lsn.0 >= least || mark.lsn.0 >= least);
        match judge(DOCUMENT, state, text, min_lsn.map(Lsn), NOW) {
            Verdict::Serve { value, expires_soon, seen } => {
                prop_assert!(trusted && counts && holds);
                prop_assert_eq!((value.v, value.data.get()), (version, data));
                let life = if data == "null" { NEGATIVE_TTL } else { DOCUMENT.ttl() };
                let age = Duration::from_micros(age.max(0).unsigned_abs());
                prop_assert_eq!(expires_soon, age * 4 > life * 3);
                prop_assert_eq!(seen, Seen { watermark: mark, version: Some(version) });
            }
            Verdict::Miss(Miss::Untrusted(_)) => prop_assert!(!trusted),
            Verdict::Miss(Miss::Absent(_, seen)) => {
                prop_assert!(trusted && !counts);
                prop_assert_eq!(seen, Seen { watermark: mark, version: Some(version) });
            }
            Verdict::Miss(Miss::Behind) => prop_assert!(trusted && counts && !holds),
            // An end at the very instant it is of: such a value was made to say so.
            Verdict::Miss(Miss::Apart) => prop_assert!(data == "null" && left == Some(-age)),
        }
    }

    #[test]
    fn no_text_makes_it_panic_or_is_served_beside_no_watermark(
        state in "\\PC{0,60}",
        text in proptest::collection::vec(any::<u8>(), 0..200),
        now in any::<i64>(),
    ) {
        let verdict = judge(DOCUMENT, state.as_bytes(), &text, None, Timestamp(now));
        prop_assert!(matches!(verdict, Verdict::Miss(Miss::Untrusted(Untrusted::Missing))));
        let fresh = watermark(at(1, 9), 0);
        let verdict = judge(DOCUMENT, fresh.as_bytes(), &text, None, NOW);
        prop_assert!(matches!(verdict, Verdict::Miss(Miss::Absent(Absent::NoValue, _))));
    }
}
