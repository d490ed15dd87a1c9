#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Repairs, Span, State};
use crate::decay::HORIZON_DAYS;
use crate::message::Message;
use crate::mood::Mood;
use crate::personality::Personality;
use crate::settings::Settings;
use crate::tally::Tally;
use crate::time::{Day, HOUR, Timestamp};
use crate::traits::Traits;

const START: Timestamp = Timestamp(1_700_000_000_000_000);

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Write {
        age: i64,
        score: i64,
        mood: usize,
        crisis: bool,
        counts: bool,
    },
    Delete(usize),
    Edit {
        which: usize,
        score: i64,
        mood: usize,
        crisis: bool,
        counts: bool,
    },
    SetWindow(i64),
}

/// Ages and waits from microseconds to beyond the horizon, with the edges likely.
fn span() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => 0..HOUR,
        3 => prop_oneof![Just(0), Just(1), Just(24 * HOUR - 1), Just(24 * HOUR), Just(24 * HOUR + 1), Just(48 * HOUR)],
        3 => 0..60 * HOUR,
        1 => 0..200 * 24 * HOUR,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let said = || {
        (
            0..=100_i64,
            0..Mood::ALL.len(),
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.8),
        )
    };
    prop_oneof![
        4 => span().prop_map(Step::Wait),
        8 => (span(), said()).prop_map(|(age, (score, mood, crisis, counts))| Step::Write { age, score, mood, crisis, counts }),
        3 => any::<prop::sample::Index>().prop_map(|index| Step::Delete(index.index(1_000))),
        3 => (any::<prop::sample::Index>(), said())
            .prop_map(|(index, (score, mood, crisis, counts))| Step::Edit { which: index.index(1_000), score, mood, crisis, counts }),
        1 => (1..=168_i64).prop_map(Step::SetWindow),
    ]
}

const ASSESSED: Traits = Traits::from_values([7_000, 100, 9_900, 5_000, 4_321]);

/// What the glue does for one user, over a list instead of a table.
struct Host {
    now: Timestamp,
    settings: Settings,
    messages: Vec<Message>,
    state: State,
}

impl Host {
    fn new() -> Self {
        let settings = Settings::default();
        Self {
            now: START,
            settings,
            messages: Vec::new(),
            state: State {
                baseline: ASSESSED,
                ..State::empty(START, &settings)
            },
        }
    }

    fn within(&self, span: Span) -> Vec<Message> {
        let inside = |message: &&Message| {
            message.created_at > span.after && message.created_at <= span.through
        };
        let counted = self.messages.iter().filter(|message| message.counts);
        counted.filter(inside).copied().collect()
    }

    fn days(&self) -> Vec<(Day, Tally)> {
        let mut days: BTreeMap<Day, Tally> = BTreeMap::new();
        for message in self.messages.iter().filter(|message| message.counts) {
            days.entry(message.created_at.day())
                .or_default()
                .put(message.score, message.mood, 1)
                .unwrap();
        }
        days.into_iter().collect()
    }

    fn fold(&mut self, removed: Option<usize>, added: Option<Message>) {
        let moving = self.state.moving(self.now, &self.settings);
        let moving: Vec<_> = moving
            .into_iter()
            .flatten()
            .flat_map(|span| self.within(span))
            .collect();
        let days = if self.state.needs_days(self.now) {
            self.days()
        } else {
            Vec::new()
        };
        let mut repairs = Repairs::default();
        self.state
            .advance(self.now, &self.settings, &moving, &days, &mut repairs)
            .unwrap();
        self.repair(&repairs);

        let mut repairs = Repairs::default();
        if let Some(index) = removed {
            let message = self.messages.remove(index);
            self.state.take(&message, &mut repairs).unwrap();
        }
        if let Some(message) = added {
            self.messages.push(message);
            self.state.put(&message).unwrap();
        }
        self.repair(&repairs);
    }

    fn repair(&mut self, repairs: &Repairs) {
        let window = self.within(self.state.current_span());
        let oldest = |messages: &[Message]| messages.iter().map(|message| message.created_at).min();
        for mood in repairs.moods() {
            let of_mood = window.iter().filter(|message| message.mood == mood);
            self.state.latest[mood.index()] = of_mood.map(|message| message.created_at).max();
        }
        if repairs.oldest {
            self.state.oldest = oldest(&window);
        }
        if repairs.previous_oldest {
            self.state.previous_oldest = oldest(&self.within(self.state.previous_span()));
        }
        if repairs.crisis {
            let crises = self.messages.iter().filter(|message| message.crisis);
            self.state.last_crisis_at = crises.map(|message| message.created_at).max();
        }
    }

    fn step(&mut self, step: &Step) {
        let which = |index: usize| (!self.messages.is_empty()).then(|| index % self.messages.len());
        match *step {
            Step::Wait(span) => self.now = Timestamp(self.now.0 + span),
            Step::SetWindow(hours) => self.settings.window_hours = hours,
            Step::Write {
                age,
                score,
                mood,
                crisis,
                counts,
            } => {
                let created_at = Timestamp(self.now.0 - age);
                self.fold(
                    None,
                    Some(Message {
                        created_at,
                        score,
                        mood: Mood::ALL[mood],
                        crisis,
                        counts,
                    }),
                );
            }
            Step::Delete(index) => {
                if let Some(index) = which(index) {
                    self.fold(Some(index), None);
                }
            }
            Step::Edit {
                which: index,
                score,
                mood,
                crisis,
                counts,
            } => {
                if let Some(index) = which(index) {
                    let created_at = self.messages[index].created_at;
                    self.fold(
                        Some(index),
                        Some(Message {
                            created_at,
                            score,
                            mood: Mood::ALL[mood],
                            crisis,
                            counts,
                        }),
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn folding_equals_counting_anew_after_any_history(steps in prop::collection::vec(step(), 1..40)) {
        let mut host = Host::new();
        for step in &steps {
            host.step(step);
        }
        host.fold(None, None);
        let counted = State { baseline: ASSESSED, ..State::recount(&host.messages, host.now, &host.settings).unwrap() };
        prop_assert_eq!(&host.state, &counted);
        prop_assert_eq!(Personality::of(&host.state, &host.settings), Personality::of(&counted, &host.settings));

        let recent: Vec<_> = [counted.current_span(), counted.previous_span()].into_iter().flat_map(|span| host.within(span)).collect();
        let rebuilt = State::rebuild(host.now, &host.settings, &recent, &host.days(), counted.last_crisis_at, counted.baseline).unwrap();
        prop_assert_eq!(&rebuilt, &counted);
    }

    #[test]
    fn nothing_changes_before_the_next_change_and_something_may_then(steps in prop::collection::vec(step(), 1..20)) {
        let mut host = Host::new();
        for step in &steps {
            host.step(step);
        }
        host.fold(None, None);
        let next = host.state.next_change(&host.settings);
        let now = Personality::of(&host.state, &host.settings);
        let last_moment = next.map_or(Timestamp(host.now.0 + 400 * 24 * HOUR), |at| Timestamp(at.0 - 1));
        prop_assert!(last_moment >= host.now);
        let later = State { baseline: ASSESSED, ..State::recount(&host.messages, last_moment, &host.settings).unwrap() };
        prop_assert_eq!(now, Personality::of(&later, &host.settings));
    }
}

fn said(created_at: Timestamp, score: i64) -> Message {
    Message {
        created_at,
        score,
        mood: Mood::Neutral,
        crisis: false,
        counts: true,
    }
}

#[test]
fn the_window_is_open_at_its_old_end_and_closed_at_its_new_end() {
    let settings = Settings::default();
    let messages = [
        said(START.plus_hours(-24), 10),
        said(START, 20),
        said(START.plus_hours(-48), 40),
    ];
    let state = State::recount(&messages, START, &settings).unwrap();
    assert_eq!((state.window.count, state.window.sum), (1, 20));
    assert_eq!((state.previous_count, state.previous_sum), (1, 10));
}

#[test]
fn what_was_never_added_cannot_be_taken_out() {
    let mut state = State::empty(START, &Settings::default());
    assert!(
        state
            .take(&said(START, 10), &mut Repairs::default())
            .is_err()
    );
}

#[test]
fn messages_older_than_the_horizon_carry_no_weight() {
    let settings = Settings::default();
    let old = said(START.plus_hours(-24 * HORIZON_DAYS), 10);
    assert_eq!(
        State::recount(&[old], START, &settings).unwrap().traits,
        Tally::EMPTY
    );
}

#[test]
fn the_state_never_goes_back() {
    let settings = Settings::default();
    let mut state = State::recount(&[said(START, 10)], START, &settings).unwrap();
    let before = state.clone();
    state
        .advance(
            START.plus_hours(-5),
            &settings,
            &[],
            &[],
            &mut Repairs::default(),
        )
        .unwrap();
    assert_eq!(state, before);
}
