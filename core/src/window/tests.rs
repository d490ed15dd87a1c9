#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Trend, Window};
use crate::message::Message;
use crate::mood::Mood;
use crate::personality::Personality;
use crate::settings::Settings;
use crate::state::State;
use crate::style::{CommunicationStyle, EmotionalStability};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

/// `(minutes ago, score, mood)`.
fn state(messages: &[(i64, i64, Mood)]) -> State {
    let messages: Vec<_> = messages
        .iter()
        .map(|&(minutes, score, mood)| Message {
            created_at: Timestamp(NOW.0 - minutes * 60_000_000),
            score,
            mood,
            crisis: false,
            counts: true,
        })
        .collect();
    State::recount(&messages, NOW, &Settings::default()).unwrap()
}

fn scores(scores: &[i64]) -> State {
    state(
        &scores
            .iter()
            .map(|&score| (0, score, Mood::Neutral))
            .collect::<Vec<_>>(),
    )
}

fn personality(state: &State) -> Personality {
    Personality::of(state, &Settings::default())
}

#[test]
fn four_messages_conclude_nothing_and_five_do() {
    let four = personality(&scores(&[0, 0, 0, 0]));
    assert_eq!((four.window, four.message_count), (None, 4));
    assert_eq!(four.style.communication, CommunicationStyle::Balanced);
    assert_eq!(four.style.stability, None);
    assert!(!four.style.needs_support);
    let five = personality(&scores(&[0, 0, 0, 0, 0]));
    assert_eq!(five.window.unwrap().mean, 0);
    assert!(five.style.needs_support);
}

#[test]
fn mean_and_deviation_are_rounded_to_ten_thousandths() {
    let window = personality(&scores(&[0, 10, 20, 30, 41, 100]))
        .window
        .unwrap();
    // 201 / 6 = 33.5; sample deviation √1269.5 = 35.6300… hundredths.
    assert_eq!(window.mean, 3_350);
    assert_eq!(window.volatility, 3_563);
}

#[test]
fn thresholds_themselves_are_balanced_and_stable() {
    let style = |values: &[i64]| personality(&scores(values)).style;
    assert_eq!(style(&[30; 5]).communication, CommunicationStyle::Balanced);
    assert_eq!(
        style(&[30, 30, 30, 30, 29]).communication,
        CommunicationStyle::EmpatheticSupportive
    );
    assert_eq!(style(&[70; 5]).communication, CommunicationStyle::Balanced);
    assert_eq!(
        style(&[70, 70, 70, 70, 71]).communication,
        CommunicationStyle::EnthusiasticEnergetic
    );
    // Deviation exactly 0.30: 20, 20, 50, 80, 80.
    assert_eq!(
        style(&[20, 20, 50, 80, 80]).stability,
        Some(EmotionalStability::Stable)
    );
    assert_eq!(
        style(&[20, 20, 50, 80, 81]).stability,
        Some(EmotionalStability::Variable)
    );
}

#[test]
fn a_tie_of_moods_goes_to_the_most_recent_and_then_to_the_alphabet() {
    use Mood::{Anxious, Joy, Sad};
    let dominant =
        |messages: &[(i64, i64, Mood)]| personality(&state(messages)).window.unwrap().dominant_mood;
    assert_eq!(
        dominant(&[
            (5, 50, Sad),
            (4, 50, Sad),
            (3, 50, Joy),
            (2, 50, Joy),
            (9, 50, Anxious)
        ]),
        Joy
    );
    assert_eq!(
        dominant(&[
            (5, 50, Sad),
            (1, 50, Sad),
            (3, 50, Joy),
            (2, 50, Joy),
            (9, 50, Anxious)
        ]),
        Sad
    );
    assert_eq!(
        dominant(&[
            (5, 50, Sad),
            (2, 50, Sad),
            (3, 50, Joy),
            (2, 50, Joy),
            (9, 50, Anxious)
        ]),
        Joy
    );
}

#[test]
fn the_trend_needs_both_windows_and_more_than_the_threshold() {
    let with_before = |before: &[i64], now: i64| {
        let yesterday = before.iter().map(|&score| (25 * 60, score, Mood::Neutral));
        let today = std::iter::repeat_n((0, now, Mood::Neutral), 5);
        Window::of(
            &state(&yesterday.chain(today).collect::<Vec<_>>()),
            &Settings::default(),
        )
        .unwrap()
        .trend
    };
    assert_eq!(with_before(&[50; 4], 100), None);
    assert_eq!(with_before(&[50; 5], 60), Some(Trend::Steady));
    assert_eq!(with_before(&[50; 5], 61), Some(Trend::Rising));
    assert_eq!(with_before(&[50; 5], 39), Some(Trend::Falling));
}

#[test]
fn a_crisis_message_needs_support_for_its_period_whatever_the_count() {
    let settings = Settings::default();
    let crisis = Message {
        created_at: NOW,
        score: 50,
        mood: Mood::Sad,
        crisis: true,
        counts: true,
    };
    let at = |hours| {
        let state = State::recount(&[crisis], NOW.plus_hours(hours), &settings).unwrap();
        personality(&state).style.needs_support
    };
    assert!(at(0) && at(71));
    assert!(!at(72));
}
