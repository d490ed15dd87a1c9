//! The AFTER trigger: a statement's changed messages into buckets, profile and history.
//!
//! Each user's profile row is the lock under which everything derived about them changes.
//! The cost of a message is bounded by what it changes and by what left the windows since
//! the last one, not by the length of the history.

use std::collections::BTreeSet;

use bondhu_core::evidence::{Candidate, LOOKED_AT, NAMED, ranked};
use bondhu_core::personality::Personality;
use bondhu_core::settings::Settings;
use bondhu_core::state::{Repairs, State};
use bondhu_core::time::Timestamp;
use pgrx::AllocatedByPostgres;
use pgrx::datum::Uuid;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;

use crate::advance::{advance, repair};
use crate::error::{EngineError, or_raise};
use crate::spi::{self, Sees};
use crate::store::buckets::{self, Deltas};
use crate::store::profile::{self, Profile};
use crate::store::{history, safety, settings};
use crate::table::{For, Snapshot, Table};
use crate::transition::{self, Change, ScoredRow};
use crate::{datum, watched};

/// AFTER INSERT, UPDATE or DELETE statement trigger with transition tables.
#[pg_trigger]
fn fold_messages<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, EngineError> {
    or_raise(fold_statement(trigger));
    Ok(None)
}

fn fold_statement(trigger: &PgTrigger<'_>) -> Result<(), EngineError> {
    let event = trigger.event();
    if !event.fired_after() || !event.fired_for_statement() || event.fired_by_truncate() {
        return Err(EngineError::WrongTrigger("fold_messages"));
    }
    let changes = transition::changes(trigger)?;
    if changes.is_empty() {
        return Ok(());
    }
    watched::as_owner(trigger, || {
        spi::connected(|| {
            let engine = Fold::begin()?;
            // In the order of user ids, so that no two statements wait for each other.
            changes
                .iter()
                .try_for_each(|(user, change)| engine.user(*user, change))
        })
    })
}

/// What the folding of a statement needs.
struct Fold {
    profiles: Table,
    buckets: Table,
    settings: Settings,
    now: Timestamp,
}

impl Fold {
    fn begin() -> Result<Self, EngineError> {
        // Settings are read under the lock on the profiles: a change of them waits for that,
        // and rebuilds what was folded under the former ones.
        let profiles = Table::open(&profile::TABLE, For::Writing)?;
        Ok(Self {
            profiles,
            buckets: Table::open(&buckets::TABLE, For::Writing)?,
            settings: settings::read(Snapshot::Transaction)?,
            now: datum::now(),
        })
    }

    /// Folds what happened to one user's messages.
    fn user(&self, user: Uuid, change: &Change) -> Result<(), EngineError> {
        let to = change
            .added
            .iter()
            .map(|row| row.message.created_at)
            .fold(self.now, Timestamp::max);
        let (mut profile, row) = match profile::lock(&self.profiles, user)? {
            Some(locked) => locked,
            // Who only loses messages and has no profile is being deleted: nothing to keep.
            None if change.added.is_empty() => return Ok(()),
            None => profile::lock_or_create(&self.profiles, user, to)?,
        };
        // The first change of a user in a transaction finds the state as others left it, so
        // what has left the windows since is read without this transaction's changes; later
        // ones find it at this transaction's time already.
        let state = &mut profile.state;
        advance(Sees::Committed, user, state, to, &self.settings)?;
        buckets::apply(&self.buckets, user, &deltas(user, change)?)?;
        put(user, state, change)?;
        history::release(user, gone(change))?;
        note_crises(user, change)?;

        let personality = Personality::of(state, &self.settings);
        if personality
            .landmark()
            .is_material_after(&profile.landmark, &self.settings)
        {
            record(&profile, &personality, &change.added)?;
            profile.landmark = personality.landmark();
        }
        profile::save(&row, &profile, &personality)?;

        let rows = change.removed.iter().chain(&change.added);
        let recorded = rows
            .map(|row| row.message.created_at)
            .filter(|at| profile.wellness_until.is_some_and(|until| *at < until));
        match (recorded.clone().min(), recorded.max()) {
            (Some(oldest), Some(newest)) => profile::refresh_wellness(user, oldest, newest),
            _ => Ok(()),
        }
    }
}

fn deltas(user: Uuid, change: &Change) -> Result<Deltas, EngineError> {
    let mut deltas = Deltas::new();
    let removed = change.removed.iter().map(|row| (row, -1));
    let added = change.added.iter().map(|row| (row, 1));
    for (row, sign) in removed.chain(added) {
        let ScoredRow { message, .. } = row;
        deltas
            .entry(message.created_at.bucket())
            .or_default()
            .put(message.score, message.mood, sign)
            .map_err(|error| EngineError::inconsistent(user, error))?;
    }
    Ok(deltas)
}

fn put(user: Uuid, state: &mut State, change: &Change) -> Result<(), EngineError> {
    let inconsistent = |error| EngineError::inconsistent(user, error);
    let mut repairs = Repairs::default();
    for row in &change.removed {
        state
            .take(&row.message, &mut repairs)
            .map_err(inconsistent)?;
    }
    for row in &change.added {
        state.put(&row.message).map_err(inconsistent)?;
    }
    repair(Sees::Newest, user, state, &repairs)
}

/// Appends a row of history with its evidence: the strongest of the newest messages and of
/// those just added. A change that no message supports (all were deleted) leaves no row.
///
/// A message that somebody is deleting may be named: they wait for the profile, and release it.
fn record(
    profile: &Profile,
    personality: &Personality,
    added: &[ScoredRow],
) -> Result<(), EngineError> {
    let (user, state) = (profile.user_id, &profile.state);
    let just_added = added.iter().map(|row| Candidate {
        id: row.id,
        created_at: row.message.created_at,
        score: row.message.score,
    });
    let mut candidates = history::newest(user, LOOKED_AT as i64)?;
    candidates.extend(just_added);
    let evidence: Vec<_> = ranked(candidates, state.as_of)
        .into_iter()
        .take(NAMED)
        .map(|candidate| (candidate.id, candidate.weight(state.as_of) as i32))
        .collect();
    if evidence.is_empty() {
        return Ok(());
    }
    history::append(&history::Entry {
        user,
        changed_at: state.as_of,
        before: &profile.landmark,
        after: &personality.landmark(),
        window: state.current_span(),
        message_count: personality.message_count,
        evidence,
    })
}

/// Keeps the safety events those of the messages in which a crisis is seen.
fn note_crises(user: Uuid, change: &Change) -> Result<(), EngineError> {
    let in_crisis = |rows: &[ScoredRow]| -> Vec<Uuid> {
        let rows = rows.iter().filter(|row| row.message.crisis);
        rows.map(|row| row.id).collect()
    };
    let now: BTreeSet<_> = in_crisis(&change.added).into_iter().collect();
    let over = in_crisis(&change.removed);
    let over = over.into_iter().filter(|id| !now.contains(id)).collect();
    safety::withdraw(user, over)?;
    safety::note(user, now.into_iter().collect())
}

/// The messages that are the user's no more, or say nothing about them any more.
fn gone(change: &Change) -> Vec<Uuid> {
    let stay: BTreeSet<_> = change.added.iter().map(|row| row.id).collect();
    let removed = change.removed.iter().map(|row| row.id);
    removed.filter(|id| !stay.contains(id)).collect()
}
