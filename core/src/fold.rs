//! Folding: what a statement did to one user's messages, into everything derived about them.
//!
//! The order is a rule, and stands here alone. An engine reads and writes through a [`Ledger`];
//! each does so at the same steps:
//!
//! 1. Lock the user's profile, or make it when messages were added. Who only loses messages
//!    and has none is being deleted: the folding ends here.
//! 2. Advance the profile's state to the transaction's time, or to the newest message added
//!    if that is later, by what has left the windows as others have committed it. The first
//!    change of a user in a transaction finds the state as others left it; later ones find it
//!    at this transaction's time already.
//! 3. Apply to the buckets, by their start, what the messages change them by.
//! 4. Take the removed messages out of the state, put the added ones in, and read again,
//!    with this transaction's changes, the extremes that a removed one may have been.
//! 5. Release from the evidence of history the messages that are gone.
//! 6. Withdraw the crises that are over, then note those there are.
//! 7. Conclude. Where the conclusion is a material change, append it to history with its
//!    evidence, and keep it as the landmark that the next one is compared with.
//! 8. Save the profile and what is concluded from it.
//!
//! Where the profile [is recounted](Profile::is_recounted_by_folding), the messages are counted
//! anew in place of steps 2 to 6. A statement's later parts then do so, too: what they did was
//! counted with the first.

use std::collections::{BTreeMap, BTreeSet};

mod ledger;

pub use ledger::{Ledger, StoredMessages};

use crate::decay::HORIZON_DAYS;
use crate::evidence::{Candidate, MOST_CANDIDATES, MOST_EVIDENCE, ranked};
use crate::message::Message;
use crate::personality::{Landmark, Personality};
use crate::profile::Profile;
use crate::settings::Settings;
use crate::state::{Repairs, Span, State};
use crate::tally::{Inconsistent, Tally};
use crate::time::{Day, Timestamp};

/// A scored message and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identified<Id> {
    /// Its id, unique among the user's messages.
    pub id: Id,
    /// The message.
    pub message: Message,
}

/// What a statement did to one user's scored messages. An edited one is in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<Id> {
    /// As they were.
    pub removed: Vec<Identified<Id>>,
    /// As they are.
    pub added: Vec<Identified<Id>>,
}

impl<Id> Default for Change<Id> {
    fn default() -> Self {
        Self {
            removed: Vec::new(),
            added: Vec::new(),
        }
    }
}

/// What buckets change by, by their start.
pub type Deltas = BTreeMap<Timestamp, Tally>;

/// A material change, for history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry<Id> {
    /// When it showed.
    pub changed_at: Timestamp,
    /// Where history stood.
    pub before: Landmark,
    /// Where it stands.
    pub after: Landmark,
    /// The window that was concluded from.
    pub window: Span,
    /// Messages in it.
    pub message_count: i64,
    /// The messages that carried most weight, 0 to 50 each, the strongest first.
    pub evidence: Vec<(Id, i64)>,
}

/// Folds what happened to one user's messages, in a transaction of the time `now`.
///
/// # Errors
/// The ledger's, and [`StoredMessages::inconsistent`] where stored sums do not cover a message.
pub fn fold<L: Ledger>(
    ledger: &mut L,
    change: &Change<L::Id>,
    now: Timestamp,
    settings: &Settings,
) -> Result<(), L::Error> {
    let added = change.added.iter().map(|row| row.message.created_at);
    let to = added.fold(now, Timestamp::max);
    let (mut profile, locked) = match ledger.lock()? {
        Some(found) => found,
        None if change.added.is_empty() => return Ok(()),
        None => ledger.lock_or_create(to)?,
    };
    let recounts = profile.is_recounted_by_folding(settings) || ledger.was_recounted();
    if recounts {
        let state = ledger.recount(to.max(profile.state.as_of), settings)?;
        profile.start_from(state.baseline);
        profile.state = state;
    } else {
        advance(&ledger.committed(), &mut profile.state, to, settings)?;
        let deltas = deltas(change).map_err(|error| ledger.newest().inconsistent(error))?;
        ledger.apply(&deltas)?;
        put(&ledger.newest(), &mut profile.state, change)?;
        ledger.release(gone(change))?;
        note_crises(ledger, change)?;
    }

    let personality = Personality::of(&profile.state, settings);
    let landmark = personality.landmark();
    if landmark.is_material_after(&profile.landmark, settings) {
        record(ledger, &profile, &personality, &change.added)?;
        profile.landmark = landmark;
    }
    profile.settings_version = settings.version;
    ledger.save(locked, &profile, &personality)
}

/// Advances `state` to `to` (never back), reading what has left the windows since.
///
/// # Errors
/// The store's, and [`StoredMessages::inconsistent`] where the state does not cover a message.
pub fn advance<R: StoredMessages>(
    messages: &R,
    state: &mut State,
    to: Timestamp,
    settings: &Settings,
) -> Result<(), R::Error> {
    let mut moving = Vec::new();
    for span in state.moving(to, settings).into_iter().flatten() {
        moving.extend(messages.in_span(span)?);
    }
    let days = if state.needs_days(to) {
        messages.days(first_day(to))?
    } else {
        Vec::new()
    };
    let mut repairs = Repairs::default();
    state
        .advance(to, settings, &moving, &days, &mut repairs)
        .map_err(|error| messages.inconsistent(error))?;
    repair(messages, state, &repairs)
}

/// The first day of the trait horizon that ends at `as_of`.
#[must_use]
pub const fn first_day(as_of: Timestamp) -> Day {
    Day(as_of.day().0 + 1 - HORIZON_DAYS)
}

/// Reads again the extremes that a message which is gone may have been.
fn repair<R: StoredMessages>(
    messages: &R,
    state: &mut State,
    repairs: &Repairs,
) -> Result<(), R::Error> {
    let window = state.current_span();
    for mood in repairs.moods() {
        state.latest[mood.index()] = messages.latest_of_mood(window.after, mood)?;
    }
    if repairs.oldest {
        state.oldest = messages.oldest(window)?;
    }
    if repairs.previous_oldest {
        state.previous_oldest = messages.oldest(state.previous_span())?;
    }
    if repairs.crisis {
        state.last_crisis_at = messages.last_crisis()?;
    }
    Ok(())
}

fn deltas<Id>(change: &Change<Id>) -> Result<Deltas, Inconsistent> {
    let mut deltas = Deltas::new();
    let removed = change.removed.iter().map(|row| (&row.message, -1));
    let added = change.added.iter().map(|row| (&row.message, 1));
    for (message, sign) in removed.chain(added).filter(|(message, _)| message.counts) {
        deltas.entry(message.created_at.bucket()).or_default().put(
            message.score,
            message.mood,
            sign,
        )?;
    }
    Ok(deltas)
}

fn put<R: StoredMessages, Id>(
    messages: &R,
    state: &mut State,
    change: &Change<Id>,
) -> Result<(), R::Error> {
    let inconsistent = |error| messages.inconsistent(error);
    let mut repairs = Repairs::default();
    for row in &change.removed {
        state
            .take(&row.message, &mut repairs)
            .map_err(inconsistent)?;
    }
    for row in &change.added {
        state.put(&row.message).map_err(inconsistent)?;
    }
    repair(messages, state, &repairs)
}

/// The messages that are the user's no more, or say nothing about them any more.
fn gone<Id: Copy + Ord>(change: &Change<Id>) -> Vec<Id> {
    let counted = change.added.iter().filter(|row| row.message.counts);
    let stay: BTreeSet<_> = counted.map(|row| row.id).collect();
    let removed = change.removed.iter().map(|row| row.id);
    removed.filter(|id| !stay.contains(id)).collect()
}

/// Keeps what is noted to the messages in which a crisis is seen.
fn note_crises<L: Ledger>(ledger: &mut L, change: &Change<L::Id>) -> Result<(), L::Error> {
    fn in_crisis<Id: Copy>(rows: &[Identified<Id>]) -> impl Iterator<Item = Id> {
        rows.iter()
            .filter(|row| row.message.crisis)
            .map(|row| row.id)
    }
    let seen: BTreeSet<_> = in_crisis(&change.added).collect();
    let over = in_crisis(&change.removed).filter(|id| !seen.contains(id));
    ledger.withdraw_crises(over.collect())?;
    ledger.note_crises(seen.into_iter().collect())
}

/// Appends a row of history with its evidence: the strongest of the newest messages and of
/// those just added. A change that no message supports (all were deleted) leaves no row.
///
/// A message that somebody is deleting may be named: they wait for the profile, and release it.
fn record<L: Ledger>(
    ledger: &mut L,
    profile: &Profile,
    personality: &Personality,
    added: &[Identified<L::Id>],
) -> Result<(), L::Error> {
    let state = &profile.state;
    let mut candidates = ledger.candidates(MOST_CANDIDATES)?;
    let counted = added.iter().filter(|row| row.message.counts);
    candidates.extend(counted.map(|row| Candidate {
        id: row.id,
        created_at: row.message.created_at,
        score: row.message.score,
    }));
    let evidence: Vec<_> = ranked(candidates, state.as_of)
        .into_iter()
        .take(MOST_EVIDENCE)
        .map(|candidate| (candidate.id, candidate.weight(state.as_of)))
        .collect();
    if evidence.is_empty() {
        return Ok(());
    }
    ledger.append(&HistoryEntry {
        changed_at: state.as_of,
        before: profile.landmark,
        after: personality.landmark(),
        window: state.current_span(),
        message_count: personality.message_count,
        evidence,
    })
}

#[cfg(test)]
mod tests;
