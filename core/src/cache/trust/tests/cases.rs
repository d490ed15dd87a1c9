//! Cases of the rule by what they are about. `conformance/golden/trust.tsv` has them for hosts that
//! speak another language; `GOLDEN=write cargo test -p bondhu-core --lib trust` writes it anew.
#![allow(clippy::unwrap_used)]

use serde_json::value::RawValue;

use super::super::super::envelope::{VALUE_MOST_BYTES, render, render_apart};
use super::super::super::position::Epoch;
use super::super::super::watermark::STATE_MOST_BYTES;
use super::super::*;

pub(super) const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
pub(super) const DAY: i64 = 24 * 60 * MINUTE;
pub(super) const NOW: Timestamp = Timestamp(1_700_000_000 * SECOND);
pub(super) const DOCUMENT: Document = Document::ChatHistory;

/// The version of the settings, where a case is about something else.
pub(super) const SETTINGS: i64 = 3;

/// What is held, what is asked for, and what is to be said of it.
pub(super) struct Case {
    pub(super) watermark: String,
    pub(super) value: String,
    pub(super) min_lsn: Option<u64>,
    pub(super) verdict: &'static str,
}

pub(super) const fn at(epoch: u32, lsn: u64) -> Version {
    Version {
        epoch: Epoch(epoch),
        lsn: Lsn(lsn),
    }
}

/// The text of a watermark that was complete so many µs ago.
pub(super) fn watermark(version: Version, age: i64) -> String {
    watermark_of(version, age, SETTINGS)
}

pub(super) fn watermark_of(version: Version, age: i64, settings: i64) -> String {
    watermark_good_for(version, age, settings, 5)
}

/// One that says for how many seconds it is good.
pub(super) fn watermark_good_for(
    version: Version,
    age: i64,
    settings: i64,
    good_for_seconds: u32,
) -> String {
    let watermark = Watermark {
        version,
        complete_at_ms: (NOW.0 - age).div_euclid(1000),
        system: "1".to_owned(),
        timeline: 1,
        leader: "one".to_owned(),
        apart: 0,
        settings,
        good_for_seconds,
    };
    serde_json::to_string(&watermark).unwrap()
}

/// The text of a value made so many µs ago, with so many left until it is over.
pub(super) fn value(version: Version, age: i64, left: Option<i64>, data: &str) -> String {
    value_of(version, age, left, SETTINGS, data)
}

pub(super) fn value_of(
    version: Version,
    age: i64,
    left: Option<i64>,
    settings: i64,
    data: &str,
) -> String {
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

/// A text of a worker that knew nothing of versions of the settings, nor said how long it is good for.
pub(super) fn former(text: &str) -> String {
    text.replace(r#","settings":3"#, "")
        .replace(r#","good_for":5"#, "")
}

pub(super) fn told(case: &Case) -> &'static str {
    let (watermark, value) = (case.watermark.as_bytes(), case.value.as_bytes());
    match judge(DOCUMENT, watermark, value, case.min_lsn.map(Lsn), NOW) {
        Verdict::Serve {
            expires_soon: true, ..
        } => "serve, expires soon",
        Verdict::Serve { .. } => "serve",
        Verdict::Miss(miss) => miss.code(),
    }
}

fn case(
    watermark: impl Into<String>,
    value: impl Into<String>,
    min_lsn: Option<u64>,
    verdict: &'static str,
) -> Case {
    Case {
        watermark: watermark.into(),
        value: value.into(),
        min_lsn,
        verdict,
    }
}

pub(super) fn of_watermarks() -> Vec<Case> {
    let value = value(at(1, 5), 0, None, "[]");
    [
        (watermark(at(1, 9), 0), "serve"),
        (watermark(at(1, 9), 5 * SECOND), "serve"),
        (watermark(at(1, 9), 5 * SECOND + 1000), "watermark_old"),
        (watermark(at(1, 9), -SECOND), "serve"),
        (watermark(at(1, 9), -SECOND - 1000), "watermark_ahead"),
        (String::new(), "no_watermark"),
        ("null".to_owned(), "no_watermark"),
        (" ".repeat(STATE_MOST_BYTES) + "{}", "no_watermark"),
    ]
    .map(|(text, verdict)| case(text, &value, None, verdict))
    .into()
}

/// However long a mirror was silent: it said for how long that is all right, within a bound.
pub(super) fn of_silence() -> Vec<Case> {
    let value = value(at(1, 5), 0, None, "[]");
    let silent = |said, seconds: i64, verdict| {
        let mark = watermark_good_for(at(1, 9), seconds * SECOND, SETTINGS, said);
        case(mark, &value, None, verdict)
    };
    let unsaid = |seconds: i64, verdict| {
        case(
            former(&watermark(at(1, 9), seconds * SECOND)),
            &value,
            None,
            verdict,
        )
    };
    let told = |good_for: &str| {
        let mark = watermark(at(1, 9), 0).replace(r#""good_for":5"#, good_for);
        case(mark, &value, None, "no_watermark")
    };
    vec![
        silent(60, 6, "serve"),
        silent(60, 60, "serve"),
        silent(60, 61, "watermark_old"),
        silent(60, -2, "watermark_ahead"),
        silent(0, 1, "watermark_old"),
        silent(300, 300, "serve"),
        silent(u32::MAX, 300, "serve"),
        silent(u32::MAX, 301, "watermark_old"),
        unsaid(5, "serve"),
        unsaid(6, "watermark_old"),
        told(r#""good_for":-60"#),
        told(r#""good_for":"60""#),
    ]
}

pub(super) fn of_epochs_and_ends() -> Vec<Case> {
    let judged = |version, left, mark, verdict| {
        let value = value(version, 0, left, "[]");
        case(watermark(mark, 0), value, None, verdict)
    };
    let nothing = |text: &str| case(watermark(at(1, 9), 0), text, None, "no_value");
    let long = value(at(1, 5), 0, None, "[]") + &" ".repeat(VALUE_MOST_BYTES);
    vec![
        judged(at(1, 5), None, at(1, 9), "serve"),
        judged(at(1, 5), None, at(2, 9), "other_epoch"),
        judged(at(1, 5), Some(1), at(1, 9), "serve"),
        judged(at(1, 5), Some(0), at(1, 9), "expired"),
        nothing(""),
        nothing("null"),
        nothing("{}"),
        nothing(&long),
    ]
}

pub(super) fn of_settings() -> Vec<Case> {
    let mut cases: Vec<_> = [
        (3, 3, "serve"),
        (3, 4, "serve"),
        (3, 2, "other_settings"),
        (1, 0, "other_settings"),
        (0, 0, "serve"),
        (i64::MAX, 3, "other_settings"),
        (3, i64::MIN, "other_settings"),
    ]
    .map(|(mark, made, verdict)| {
        let value = value_of(at(1, 5), 0, None, made, "[]");
        case(watermark_of(at(1, 9), 0, mark), value, Some(7), verdict)
    })
    .into();
    // Of a worker that knew nothing of versions, whichever of the two it wrote.
    let (mark, value) = (watermark(at(1, 9), 0), value(at(1, 5), 0, None, "[]"));
    cases.extend([
        case(&mark, former(&value), None, "other_settings"),
        case(former(&mark), &value, None, "serve"),
        case(former(&mark), former(&value), None, "serve"),
    ]);
    cases
}

pub(super) fn of_what_is_ahead() -> Vec<Case> {
    [
        (9 + MOST_AHEAD_BYTES, 0, "serve"),
        (10 + MOST_AHEAD_BYTES, 0, "version_ahead"),
        (u64::MAX, 0, "version_ahead"),
        (9, -DAY, "instant_ahead"),
        (9, -SECOND, "serve"),
    ]
    .map(|(lsn, age, verdict)| {
        let value = value(at(1, lsn), age, None, "[]");
        case(watermark(at(1, 9), 0), value, None, verdict)
    })
    .into()
}

pub(super) fn of_what_was_written() -> Vec<Case> {
    [(7, 3, "serve"), (3, 7, "serve"), (6, 6, "behind")]
        .map(|(version, mark, verdict)| {
            let value = value(at(1, version), 0, None, "[]");
            case(watermark(at(1, mark), 0), value, Some(7), verdict)
        })
        .into()
}

pub(super) fn of_what_is_not_kept() -> Vec<Case> {
    let apart = |epoch| render_apart(at(epoch, 5), Timestamp(NOW.0 - MINUTE)).unwrap();
    let fresh = watermark(at(1, 9), 0);
    vec![
        case(&fresh, apart(1), Some(99), "apart"),
        case(&fresh, apart(2), None, "other_epoch"),
    ]
}

pub(super) fn of_ends_that_are_near() -> Vec<Case> {
    let judged = |age, data, verdict| {
        let value = value(at(1, 5), age, None, data);
        case(watermark(at(1, 9), 0), value, None, verdict)
    };
    let mut cases = Vec::new();
    for (data, life) in [("[]", DOCUMENT.ttl()), ("null", NEGATIVE_TTL)] {
        let due = i64::try_from(life.as_micros()).unwrap() / 4 * 3;
        cases.extend([
            judged(due, data, "serve"),
            judged(due + 1, data, "serve, expires soon"),
        ]);
    }
    cases
}

pub(super) fn all() -> Vec<Case> {
    [
        of_watermarks(),
        of_silence(),
        of_epochs_and_ends(),
        of_settings(),
        of_what_is_ahead(),
        of_what_was_written(),
        of_what_is_not_kept(),
        of_ends_that_are_near(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
