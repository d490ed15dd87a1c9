#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Change, Identified, fold};
use crate::message::Message;
use crate::mood::Mood;
use crate::personality::Personality;
use crate::settings::Settings;
use crate::state::State;
use crate::time::{HOUR, Timestamp};

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

type Messages = BTreeMap<u32, Message>;

mod in_memory;

use in_memory::{InMemory, counted_buckets};

impl InMemory {
    /// Does to the messages what a statement does, each in a transaction of its own.
    fn run(&mut self, now: Timestamp, after: Messages) {
        self.run_in_parts(now, after, &[|_| true]);
    }

    /// The same by several commands of one statement, each of which changes the messages it names.
    fn run_in_parts(&mut self, now: Timestamp, after: Messages, parts: &[fn(u32) -> bool]) {
        self.recounted = false;
        let was = |id: &u32| self.messages.get(id) != after.get(id);
        let rows = |messages: &Messages, part: fn(u32) -> bool| -> Vec<_> {
            let changed = messages.iter().filter(|(id, _)| was(id) && part(**id));
            let row = |(id, message): (&u32, &Message)| Identified {
                id: *id,
                message: *message,
            };
            changed.map(row).collect()
        };
        let changes: Vec<_> = parts
            .iter()
            .map(|part| Change {
                removed: rows(&self.messages, *part),
                added: rows(&after, *part),
            })
            .collect();
        self.committed = std::mem::replace(&mut self.messages, after);
        for change in changes {
            fold(self, &change, now, &Settings::default()).unwrap();
        }
    }
}

fn message(now: Timestamp) -> impl Strategy<Value = Message> {
    let age = prop_oneof![0..HOUR, 0..60 * HOUR, 0..200 * 24 * HOUR];
    let mood = 0..Mood::ALL.len();
    let counts = prop::bool::weighted(0.8);
    (age, 0..=100_i64, mood, prop::bool::weighted(0.1), counts).prop_map(
        move |(age, score, mood, crisis, counts)| Message {
            created_at: Timestamp(now.0 - age),
            score,
            mood: Mood::ALL[mood],
            crisis,
            counts,
        },
    )
}

/// A wait, for some of twelve ids what the message becomes (another one, or none), and whether
/// the profile is from before settings changed by then.
type Statement = (i64, BTreeMap<u32, Option<Message>>, bool);

fn statements() -> impl Strategy<Value = Vec<Statement>> {
    let wait = prop_oneof![Just(0), 0..HOUR, 0..30 * HOUR, 0..100 * 24 * HOUR];
    let becomes = prop::option::weighted(0.7, message(NOW));
    let becomes = prop::collection::btree_map(0..12_u32, becomes, 0..5);
    let statement = (wait, becomes, prop::bool::weighted(0.2));
    prop::collection::vec(statement, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn folding_in_order_leaves_what_counting_anew_makes(statements in statements()) {
        let (mut ledger, mut now) = (InMemory::default(), NOW);
        for (wait, becomes, outdated) in statements {
            now = Timestamp(now.0 + wait);
            let mut after = ledger.messages.clone();
            for (id, message) in becomes {
                match message {
                    Some(message) => after.insert(id, message),
                    None => after.remove(&id),
                };
            }
            match &mut ledger.profile {
                Some(profile) if outdated => {
                    profile.settings_version = 0;
                    ledger.run_in_parts(now, after, &[|id| id % 2 == 0, |id| id % 2 == 1]);
                }
                _ => ledger.run(now, after),
            }

            let Some(profile) = &ledger.profile else {
                prop_assert!(ledger.messages.is_empty());
                continue;
            };
            let counted = State::recount(ledger.messages.values(), now, &Settings::default()).unwrap();
            prop_assert_eq!(&profile.state, &counted);
            prop_assert_eq!(ledger.concluded.unwrap(), Personality::of(&counted, &Settings::default()));

            prop_assert_eq!(&ledger.buckets, &counted_buckets(&ledger.messages));

            let crises = ledger.messages.iter().filter(|(_, said)| said.crisis);
            prop_assert_eq!(&ledger.crises, &crises.map(|(id, _)| *id).collect());

            let mut named = ledger.history.iter().flat_map(|entry| &entry.evidence);
            prop_assert!(named.all(|(id, _)| ledger.messages.get(id).is_some_and(|said| said.counts)));
        }
    }
}

fn said(created_at: Timestamp, crisis: bool) -> Message {
    Message {
        created_at,
        score: 50,
        mood: Mood::Neutral,
        crisis,
        counts: true,
    }
}

#[test]
fn the_writes_come_in_the_order_that_is_documented() {
    let mut ledger = InMemory::default();
    let sad = |id| {
        (
            id,
            Message {
                score: 0,
                ..said(NOW, false)
            },
        )
    };
    ledger.run(NOW, (0..40).map(sad).collect());
    let first = [
        "lock", "create", "buckets", "release", "withdraw", "note", "append", "save",
    ];
    assert_eq!(std::mem::take(&mut ledger.writes), first);

    ledger.run(NOW, (0..39).map(sad).collect());
    let second = ["lock", "buckets", "release", "withdraw", "note", "save"];
    assert_eq!(ledger.writes, second);
}

#[test]
fn who_only_loses_messages_and_has_no_profile_keeps_nothing() {
    let mut ledger = InMemory {
        messages: Messages::from([(1, said(NOW, false))]),
        ..InMemory::default()
    };
    ledger.run(NOW, Messages::new());
    assert_eq!(ledger.writes, ["lock"]);
}

#[test]
fn a_message_newer_than_the_transaction_carries_the_profile_along() {
    let (mut ledger, later) = (InMemory::default(), NOW.plus_hours(1));
    ledger.run(NOW, Messages::from([(1, said(later, false))]));
    assert_eq!(ledger.profile.unwrap().state.as_of, later);
}

#[test]
fn an_edit_that_ends_a_crisis_takes_the_note_back() {
    let mut ledger = InMemory::default();
    ledger.run(
        NOW,
        Messages::from([(1, said(NOW, true)), (2, said(NOW, true))]),
    );
    ledger.run(
        NOW,
        Messages::from([(1, said(NOW, false)), (2, said(NOW, true))]),
    );
    assert_eq!(ledger.crises, BTreeSet::from([2]));
}
