#![allow(clippy::unwrap_used)]

mod cases;

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::super::{FRESHNESS_MOST, instant};
use super::*;
use cases::{
    Case, DAY, DOCUMENT, NOW, SECOND, at, former, told, value, value_of, watermark,
    watermark_good_for,
};

fn hold(cases: &[Case]) {
    for case in cases {
        let Case {
            watermark, value, ..
        } = case;
        assert_eq!(told(case), case.verdict, "{watermark} {value}");
    }
}

#[test]
fn nothing_counts_without_a_watermark_that_is_fresh_and_not_made_up() {
    hold(&cases::of_watermarks());
}

#[test]
fn a_mirror_that_is_silent_is_trusted_for_as_long_as_its_watermark_says() {
    hold(&cases::of_silence());
}

#[test]
fn a_value_of_another_epoch_or_past_its_instant_is_absent() {
    hold(&cases::of_epochs_and_ends());
}

#[test]
fn a_value_made_under_settings_that_have_changed_since_is_absent_and_may_be_filled() {
    hold(&cases::of_settings());
    let (mark, value) = (
        watermark(at(1, 9), 0),
        former(&value(at(1, 5), 0, None, "[]")),
    );
    let verdict = judge(DOCUMENT, mark.as_bytes(), value.as_bytes(), None, NOW);
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
    hold(&cases::of_what_is_ahead());
}

#[test]
fn what_the_reader_wrote_is_there_by_the_values_version_or_the_watermarks() {
    hold(&cases::of_what_was_written());
}

#[test]
fn a_document_that_redis_does_not_keep_is_told_from_one_that_is_not_there() {
    hold(&cases::of_what_is_not_kept());
}

#[test]
fn a_value_near_its_end_is_served_and_a_new_one_is_due() {
    hold(&cases::of_ends_that_are_near());
}

#[test]
fn every_reason_has_a_case() {
    let verdicts: BTreeSet<_> = cases::all().iter().map(|case| case.verdict).collect();
    let reasons: BTreeSet<_> = Miss::CODES.into_iter().collect();
    let served = BTreeSet::from(["serve", "serve, expires soon"]);
    assert_eq!(verdicts, &reasons | &served);
}

/// More than a case for other hosts can say: these are about lengths.
const SHOWN_BYTES: usize = 4096;

#[test]
fn the_cases_for_other_hosts_are_these() {
    const FILE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../conformance/golden/trust.tsv"
    );
    let cases = cases::all();
    let shown = cases
        .iter()
        .filter(|case| case.value.len() < SHOWN_BYTES)
        .map(|case| {
            let min_lsn = case.min_lsn.map(|lsn| Lsn(lsn).to_string());
            [
                case.verdict,
                &min_lsn.unwrap_or_default(),
                &case.watermark,
                &case.value,
            ]
            .join("\t")
        });
    let header = format!(
        "verdict of {} at {}\tmin_lsn\twatermark\tvalue",
        DOCUMENT.name(),
        instant::render(NOW)
    );
    let lines: Vec<_> = std::iter::once(header).chain(shown).collect();
    if std::env::var_os("GOLDEN").is_some() {
        return std::fs::write(FILE, lines.join("\n") + "\n").unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap();
    assert_eq!(committed.lines().collect::<Vec<_>>(), lines);
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
    let around = |at: i64| (at - 1) * SECOND..(at + 1) * SECOND;
    prop_oneof![
        -2 * SECOND..2 * SECOND,
        around(5),
        around(60),
        around(300),
        -DAY..DAY
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The promise, put as a reader needs it.
    #[test]
    fn whatever_is_served_is_of_a_fresh_mirrors_epoch_and_holds_what_was_asked_for(
        (mark, mark_age) in (versions(), spans()),
        (version, age, left) in (versions(), spans(), proptest::option::of(spans())),
        (mark_settings, settings) in (0..4_i64, 0..4_i64),
        good_for in prop_oneof![Just(5_u32), Just(60), Just(300), any::<u32>()],
        min_lsn in proptest::option::of(0..25_u64),
        data in prop_oneof![Just("null"), Just("[]")],
    ) {
        let (state, text) = (
            watermark_good_for(mark, mark_age, mark_settings, good_for),
            value_of(version, age, left, settings, data),
        );
        let (state, text) = (state.as_bytes(), text.as_bytes());
        let oldest = i64::from(good_for) * SECOND;
        let oldest = oldest.min(i64::try_from(FRESHNESS_MOST.as_micros()).unwrap());
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
