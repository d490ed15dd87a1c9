//! A ledger of one user, in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::Messages;
use crate::evidence::Candidate;
use crate::fold::{Deltas, HistoryEntry, Ledger, Profile, StoredMessages};
use crate::message::Message;
use crate::mood::Mood;
use crate::personality::{Personality, START};
use crate::settings::Settings;
use crate::state::{Span, State};
use crate::tally::{Inconsistent, Tally};
use crate::time::{Day, Timestamp};

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
pub(super) struct InMemory {
    pub(super) committed: Messages,
    pub(super) messages: Messages,
    pub(super) buckets: Deltas,
    pub(super) profile: Option<Profile>,
    pub(super) concluded: Option<Personality>,
    pub(super) history: Vec<HistoryEntry<u32>>,
    pub(super) crises: BTreeSet<u32>,
    pub(super) recounted: bool,
    pub(super) writes: Vec<&'static str>,
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
}

pub(super) fn counted_buckets(messages: &Messages) -> Deltas {
    let mut buckets = Deltas::new();
    for said in messages.values().filter(|said| said.counts) {
        let bucket = buckets.entry(said.created_at.bucket()).or_default();
        bucket.put(said.score, said.mood, 1).unwrap();
    }
    buckets
}
