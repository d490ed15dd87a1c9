//! The AFTER trigger: a statement's changed messages into buckets, profile and history.
//!
//! Each user's profile row is the lock under which everything derived about them changes.
//! The cost of a message is bounded by what it changes and by what left the windows since
//! the last one, not by the length of the history.

use std::collections::BTreeMap;

use bondhu_core::decay::HORIZON_DAYS;
use bondhu_core::evidence::{Candidate, LOOKED_AT, NAMED, ranked};
use bondhu_core::personality::Personality;
use bondhu_core::settings::Settings;
use bondhu_core::state::{Repairs, State};
use bondhu_core::tally::{Inconsistent, Tally};
use bondhu_core::time::{Day, Timestamp};
use pgrx::AllocatedByPostgres;
use pgrx::datum::Uuid;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::prelude::*;

use crate::error::{EngineError, or_raise};
use crate::spi::{self, Sees};
use crate::store::buckets::{self, Deltas};
use crate::store::profile::{self, Profile};
use crate::store::{history, messages, settings};
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
    watched::check(trigger)?;
    let event = trigger.event();
    if !event.fired_after() || !event.fired_for_statement() || event.fired_by_truncate() {
        return Err(EngineError::WrongTrigger("fold_messages"));
    }
    let changes = transition::changes(trigger)?;
    if changes.is_empty() {
        return Ok(());
    }
    watched::as_owner(trigger, || spi::connected(|| fold(&changes, datum::now())))
}

fn fold(changes: &BTreeMap<Uuid, Change>, now: Timestamp) -> Result<(), EngineError> {
    let settings = settings::read(Sees::Newest)?;
    let users: Vec<Uuid> = changes.keys().copied().collect();
    // Who only loses messages and has no profile is being deleted: nothing to keep.
    let writers = changes
        .iter()
        .filter(|(_, change)| !change.added.is_empty())
        .map(|(user, _)| *user)
        .collect::<Vec<_>>();
    let mut profiles = match users.as_slice() {
        [_] => profile::lock(&users)?,
        _ => Vec::new(),
    };
    if profiles.is_empty() {
        profile::create_missing(&writers, now, &settings)?;
        profiles = profile::lock(&users)?;
    }

    advance(&mut profiles, changes, now, &settings)?;
    let changed: Vec<_> = profiles
        .iter_mut()
        .filter_map(|p| changes.get(&p.user_id).map(|change| (p, change)))
        .collect();
    fold_buckets(changed.iter().map(|(_, change)| *change))?;
    changed
        .into_iter()
        .try_for_each(|(profile, change)| fold_profile(profile, change, &settings))
}

/// Brings the profiles to the transaction's time, or to the newest message if that is newer.
///
/// The first change of a user in a transaction finds the state as others left it, so what
/// has left the windows since is read as committed, without this transaction's changes; later
/// ones find it at this transaction's time already.
fn advance(
    profiles: &mut [Profile],
    changes: &BTreeMap<Uuid, Change>,
    now: Timestamp,
    settings: &Settings,
) -> Result<(), EngineError> {
    let to = |user: &Uuid| {
        let added = changes.get(user).map_or(&[][..], |change| &change.added);
        added
            .iter()
            .map(|row| row.message.created_at)
            .fold(now, Timestamp::max)
    };
    let spans: Vec<_> = profiles
        .iter()
        .flat_map(|p| {
            p.state
                .moving(to(&p.user_id), settings)
                .into_iter()
                .flatten()
                .map(|span| (p.user_id, span))
        })
        .collect();
    let moving = messages::in_spans(Sees::Committed, &spans)?;
    let outdated: Vec<_> = profiles
        .iter()
        .filter(|p| p.state.needs_days(to(&p.user_id)))
        .map(|p| p.user_id)
        .collect();
    let days = buckets::days(Sees::Newest, &outdated, Day(now.day().0 - HORIZON_DAYS))?;
    for profile in profiles {
        let moving = moving.get(&profile.user_id).map_or(&[][..], Vec::as_slice);
        let days = days.get(&profile.user_id).map_or(&[][..], Vec::as_slice);
        let to = to(&profile.user_id);
        profile
            .state
            .advance(to, settings, moving, days)
            .map_err(|error| inconsistent(profile.user_id, error))?;
    }
    Ok(())
}

fn inconsistent(user: Uuid, error: Inconsistent) -> EngineError {
    EngineError::Inconsistent(user.to_string(), error)
}

fn fold_buckets<'c>(changes: impl Iterator<Item = &'c Change>) -> Result<(), EngineError> {
    let (mut additions, mut shifts) = (Deltas::new(), Deltas::new());
    for change in changes {
        let key = |row: &ScoredRow| (row.user_id, row.message.created_at.bucket());
        let apply = |deltas: &mut Deltas, row: &ScoredRow, sign| {
            let delta = deltas.entry(key(row)).or_default();
            delta
                .add(&row.message.tally(), sign)
                .map_err(|error| inconsistent(row.user_id, error))
        };
        change
            .removed
            .iter()
            .try_for_each(|row| apply(&mut shifts, row, -1))?;
        for row in &change.added {
            let deltas = if shifts.contains_key(&key(row)) {
                &mut shifts
            } else {
                &mut additions
            };
            apply(deltas, row, 1)?;
        }
    }
    shifts.retain(|_, delta| *delta != Tally::EMPTY);
    buckets::shift(&shifts)?;
    buckets::add(&additions)
}

fn fold_profile(
    profile: &mut Profile,
    change: &Change,
    settings: &Settings,
) -> Result<(), EngineError> {
    let user = profile.user_id;
    let state = &mut profile.state;
    let mut repairs = Repairs::default();
    let taken = change
        .removed
        .iter()
        .try_for_each(|row| state.take(&row.message, &mut repairs));
    taken
        .and_then(|()| {
            change
                .added
                .iter()
                .try_for_each(|row| state.put(&row.message))
        })
        .map_err(|error| inconsistent(user, error))?;
    repair(user, state, &repairs)?;

    let personality = Personality::of(&profile.state, settings);
    if personality
        .landmark()
        .is_material_after(&profile.landmark, settings)
    {
        record(profile, &personality, &change.added)?;
        profile.landmark = personality.landmark();
    }
    profile::save(profile, &personality)
}

/// Reads again the maxima that a removed message may have been.
fn repair(user: Uuid, state: &mut State, repairs: &Repairs) -> Result<(), EngineError> {
    let after = state.current_span().after;
    for mood in repairs.moods() {
        if state.window.moods[mood.index()] > 0 {
            state.latest[mood.index()] = messages::latest_of_mood(user, after, mood)?;
        }
    }
    if repairs.crisis {
        state.last_crisis_at = messages::last_crisis(user)?;
    }
    Ok(())
}

/// Appends a row of history with its evidence: the strongest of the newest messages and of
/// those just added. A change that no message supports (all were deleted) leaves no row.
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
    let ranked = ranked(candidates, state.as_of);
    // Some more than are named, in case others are being deleted.
    let wanted = ranked
        .iter()
        .take(2 * NAMED)
        .map(|candidate| candidate.id)
        .collect();
    let held = history::hold(user, wanted)?;
    let evidence: Vec<_> = ranked
        .iter()
        .filter(|candidate| held.contains(&candidate.id))
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
