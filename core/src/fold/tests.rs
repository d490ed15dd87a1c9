#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Change, Deltas, HistoryEntry, Identified, Ledger, Profile, StoredMessages, fold};
use crate::evidence::Candidate;
use crate::message::Message;
use crate::mood::Mood;
use crate::personality::{Personality, START};
use crate::settings::Settings;
use crate::state::{Span, State};
use crate::tally::{Inconsistent, Tally};
use crate::time::{Day, HOUR, Timestamp};

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

type Messages = BTreeMap<u32, Message>;

/// Messages as a snapshot shows them, and the days that the buckets make.
struct Snapshot<'a> {
    messages: &'a Messages,
    buckets: &'a Deltas,
}

impl Snapshot<'_> {
    fn within(&self, span: Span) -> impl Iterator<Item = &Message> {
        let inside = move |at: Timestamp| at > span.after && at <= span.through;
        self.messages
            .values()
            .filter(move |message| message.counts && inside(message.created_at))
    }
}

impl StoredMessages for Snapshot<'_> {
    type Error = Inconsistent;

    fn inconsistent(&self, error: Inconsistent) -> Inconsistent {
        error
    }

    fn in_span(&self, span: Span) -> Result<Vec<Message>, Inconsistent> {
        Ok(self.within(span).copied().collect())
    }

    fn oldest(&self, span: Span) -> Result<Option<Timestamp>, Inconsistent> {
        Ok(self.within(span).map(|message| message.created_at).min())
    }

    fn latest_of_mood(
        &self,
        after: Timestamp,
        mood: Mood,
    ) -> Result<Option<Timestamp>, Inconsistent> {
        let of_mood = self.messages.values();
        let of_mood = of_mood.filter(|said| said.counts && said.mood == mood);
        let latest = of_mood.map(|said| said.created_at).max();
        Ok(latest.filter(|at| *at > after))
    }

    fn last_crisis(&self) -> Result<Option<Timestamp>, Inconsistent> {
        let crises = self.messages.values().filter(|message| message.crisis);
        Ok(crises.map(|message| message.created_at).max())
    }

    fn days(&self, first: Day) -> Result<Vec<(Day, Tally)>, Inconsistent> {
        let mut days: BTreeMap<Day, Tally> = BTreeMap::new();
        for (start, tally) in self.buckets.range(first.start()..) {
            days.entry(start.day()).or_default().add(tally, 1)?;
        }
        Ok(days.into_iter().collect())
    }
}

/// A ledger of one user, in memory. `committed` is what `messages` were before the statement.
#[derive(Default)]
struct InMemory {
    committed: Messages,
    messages: Messages,
    buckets: Deltas,
    profile: Option<Profile>,
    concluded: Option<Personality>,
    history: Vec<HistoryEntry<u32>>,
    crises: BTreeSet<u32>,
    refreshed: Option<(Timestamp, Timestamp)>,
    recounted: bool,
    writes: Vec<&'static str>,
}

impl Ledger for InMemory {
    type Id = u32;
    type Locked = ();
    type Error = Inconsistent;

    fn committed(&self) -> impl StoredMessages<Error = Inconsistent> {
        Snapshot {
            messages: &self.committed,
            buckets: &self.buckets,
        }
    }

    fn newest(&self) -> impl StoredMessages<Error = Inconsistent> {
        Snapshot {
            messages: &self.messages,
            buckets: &self.buckets,
        }
    }

    fn was_recounted(&self) -> bool {
        self.recounted
    }

    fn recount(&mut self, as_of: Timestamp, settings: &Settings) -> Result<State, Inconsistent> {
        self.writes.push("recount");
        self.recounted = true;
        let newest = self.messages.values().map(|said| said.created_at).max();
        let as_of = newest.map_or(as_of, |newest| newest.max(as_of));
        self.buckets = counted_buckets(&self.messages);
        let counts = |id: &u32| self.messages.get(id).is_some_and(|said| said.counts);
        for entry in &mut self.history {
            entry.evidence.retain(|(id, _)| counts(id));
        }
        self.history.retain(|entry| !entry.evidence.is_empty());
        let crises = self.messages.iter().filter(|(_, said)| said.crisis);
        self.crises = crises.map(|(id, _)| *id).collect();
        State::recount(self.messages.values(), as_of, settings)
    }

    fn lock(&mut self) -> Result<Option<(Profile, ())>, Inconsistent> {
        self.writes.push("lock");
        Ok(self.profile.clone().map(|profile| (profile, ())))
    }

    fn lock_or_create(&mut self, as_of: Timestamp) -> Result<(Profile, ()), Inconsistent> {
        self.writes.push("create");
        let state = State::empty(as_of, &Settings::default());
        let profile = Profile {
            state,
            landmark: START,
            wellness_until: None,
            settings_version: 1,
        };
        Ok((profile, ()))
    }

    fn apply(&mut self, deltas: &Deltas) -> Result<(), Inconsistent> {
        self.writes.push("buckets");
        for (start, delta) in deltas {
            self.buckets.entry(*start).or_default().add(delta, 1)?;
        }
        self.buckets.retain(|_, tally| *tally != Tally::EMPTY);
        let sound = self.buckets.values().all(Tally::is_sound);
        sound.then_some(()).ok_or(Inconsistent)
    }

    fn release(&mut self, gone: Vec<u32>) -> Result<(), Inconsistent> {
        self.writes.push("release");
        for entry in &mut self.history {
            entry.evidence.retain(|(id, _)| !gone.contains(id));
        }
        self.history.retain(|entry| !entry.evidence.is_empty());
        Ok(())
    }

    fn withdraw_crises(&mut self, over: Vec<u32>) -> Result<(), Inconsistent> {
        self.writes.push("withdraw");
        self.crises.retain(|id| !over.contains(id));
        Ok(())
    }

    fn note_crises(&mut self, seen: Vec<u32>) -> Result<(), Inconsistent> {
        self.writes.push("note");
        self.crises.extend(seen);
        Ok(())
    }

    fn candidates(&self, limit: usize) -> Result<Vec<Candidate<u32>>, Inconsistent> {
        let counted = self.messages.iter().filter(|(_, said)| said.counts);
        let mut newest: Vec<_> = counted.collect();
        newest.sort_by_key(|(id, message)| std::cmp::Reverse((message.created_at, **id)));
        let candidate = |(id, message): (&u32, &Message)| Candidate {
            id: *id,
            created_at: message.created_at,
            score: message.score,
        };
        Ok(newest.into_iter().take(limit).map(candidate).collect())
    }

    fn append(&mut self, entry: &HistoryEntry<u32>) -> Result<(), Inconsistent> {
        self.writes.push("append");
        self.history.push(entry.clone());
        Ok(())
    }

    fn save(
        &mut self,
        (): (),
        profile: &Profile,
        personality: &Personality,
    ) -> Result<(), Inconsistent> {
        self.writes.push("save");
        self.profile = Some(profile.clone());
        self.concluded = Some(*personality);
        Ok(())
    }

    fn refresh_wellness(
        &mut self,
        oldest: Timestamp,
        newest: Timestamp,
    ) -> Result<(), Inconsistent> {
        self.writes.push("wellness");
        self.refreshed = Some((oldest, newest));
        Ok(())
    }

    fn recompute_wellness(&mut self) -> Result<(), Inconsistent> {
        self.writes.push("all wellness");
        Ok(())
    }
}

fn counted_buckets(messages: &Messages) -> Deltas {
    let mut buckets = Deltas::new();
    for said in messages.values().filter(|said| said.counts) {
        let bucket = buckets.entry(said.created_at.bucket()).or_default();
        bucket.put(said.score, said.mood, 1).unwrap();
    }
    buckets
}

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

    ledger.profile.as_mut().unwrap().wellness_until = Some(NOW.plus_hours(1));
    ledger.run(NOW, (0..39).map(sad).collect());
    let second = [
        "lock", "buckets", "release", "withdraw", "note", "save", "wellness",
    ];
    assert_eq!(ledger.writes, second);
    assert_eq!(ledger.refreshed, Some((NOW, NOW)));
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
fn days_that_are_not_recorded_are_left_alone() {
    let mut ledger = InMemory::default();
    ledger.run(NOW, Messages::from([(1, said(NOW, false))]));
    ledger.profile.as_mut().unwrap().wellness_until = Some(NOW);
    ledger.run(NOW, Messages::new());
    assert_eq!(ledger.refreshed, None);
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
