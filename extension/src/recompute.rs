//! `recompute(user_id)` and `verify(user_ids)`: everything derived, anew from the messages.

use bondhu_core::fold::first_day;
use bondhu_core::personality::Personality;
use bondhu_core::profile::Profile;
use bondhu_core::settings::Settings;
use bondhu_core::state::State;
use bondhu_core::time::Timestamp;
use pgrx::datum::Uuid;
use pgrx::prelude::*;

use crate::datum;
use crate::error::{EngineError, or_raise};
use crate::spi::{self, Visibility};
use crate::store::{self, buckets, history, messages, profile, safety, settings};
use crate::table::{Access, Snapshot, Table};

/// Rebuilds a user's buckets, profile and recorded days from their scored messages, exactly as
/// folding the messages one by one would have left them. History, a log, stays.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn recompute(user_id: Uuid) {
    or_raise(spi::connected(|| rebuild(user_id)));
}

fn rebuild(user: Uuid) -> Result<(), EngineError> {
    let profiles = Table::open(&profile::TABLE, Access::Write)?;
    let settings = settings::read(Snapshot::Transaction)?;
    let locked = match messages::newest(Visibility::Newest, user)? {
        Some(_) => Some(profile::lock_or_create(&profiles, user, datum::now())?),
        None => profile::lock(&profiles, user)?,
    };
    let Some((mut profile, row)) = locked else {
        return Ok(());
    };
    buckets::recount(user)?;
    let now = profile.state.as_of.max(datum::now());
    // Looked for again under the lock.
    let as_of = messages::newest(Visibility::Newest, user)?.map_or(now, |newest| newest.max(now));
    profile.state = recount(Visibility::Newest, user, as_of, &settings)?;
    history::release(user, history::orphans(Visibility::Newest, user)?)?;
    safety::withdraw(user, safety::unfounded(Visibility::Newest, user)?)?;
    safety::note(user, safety::missing(Visibility::Newest, user)?)?;
    profile::save(
        user,
        &row,
        &profile,
        &Personality::of(&profile.state, &settings),
    )?;
    profile::recompute_wellness(user)
}

/// The state that the messages make, as of an instant no message is newer than.
fn recount(
    visibility: Visibility,
    user: Uuid,
    as_of: Timestamp,
    settings: &Settings,
) -> Result<State, EngineError> {
    let empty = State::empty(as_of, settings);
    let mut recent = messages::in_span(visibility, user, empty.current_span())?;
    recent.extend(messages::in_span(visibility, user, empty.previous_span())?);
    let days = messages::days(visibility, user, first_day(as_of))?;
    let last_crisis_at = messages::last_crisis(visibility, user)?;
    State::rebuild(as_of, settings, &recent, &days, last_crisis_at)
        .map_err(|error| EngineError::inconsistent(user, error))
}

type Difference = (Uuid, &'static str, String, Option<String>, Option<String>);

/// What is stored about users other than their messages make it, as of each stored `as_of`:
/// a row for each figure of a profile and for each bucket that differs.
#[allow(clippy::type_complexity)] // pgrx reads the columns from the signature
#[pg_extern(stable, parallel_restricted, strict)]
fn verify(
    user_ids: Vec<Option<Uuid>>,
) -> TableIterator<
    'static,
    (
        name!(user_id, Uuid),
        name!(relation, &'static str),
        name!(figure, String),
        name!(stored, Option<String>),
        name!(recounted, Option<String>),
    ),
> {
    let differences = or_raise(spi::connected(|| differences(&user_ids)));
    TableIterator::new(differences)
}

fn differences(users: &[Option<Uuid>]) -> Result<Vec<Difference>, EngineError> {
    let settings = settings::read(Snapshot::Caller)?;
    let profiles = Table::open(&profile::TABLE, Access::Read)?;
    let mut all = Vec::new();
    for user in users.iter().flatten() {
        let of_profile = match profile::read(&profiles, *user)? {
            Some(stored) => profile_differences(*user, &stored, &settings)?,
            None => messages::newest(Visibility::Caller, *user)?
                .map(|_| ("(row)".to_owned(), None, Some("a profile".to_owned())))
                .into_iter()
                .collect(),
        };
        let of_buckets = buckets::differences(Visibility::Caller, *user)?;
        let orphans = history::orphans(Visibility::Caller, *user)?;
        let of_evidence = orphans
            .into_iter()
            .map(|id| (id.to_string(), Some("a message".to_owned()), None));
        let unfounded = safety::unfounded(Visibility::Caller, *user)?.into_iter();
        let unfounded = unfounded.map(|id| (id.to_string(), Some("a crisis".to_owned()), None));
        let missing = safety::missing(Visibility::Caller, *user)?.into_iter();
        let missing = missing.map(|id| (id.to_string(), None, Some("a crisis".to_owned())));
        let named = |relation| {
            move |(figure, stored, recounted)| (*user, relation, figure, stored, recounted)
        };
        all.extend(of_profile.into_iter().map(named("personality_profiles")));
        all.extend(of_buckets.into_iter().map(named("sentiment_buckets")));
        all.extend(of_evidence.map(named("personality_history_evidence")));
        all.extend(unfounded.chain(missing).map(named("safety_events")));
    }
    Ok(all)
}

fn profile_differences(
    user: Uuid,
    stored: &Profile,
    settings: &Settings,
) -> Result<Vec<store::Difference>, EngineError> {
    let visibility = Visibility::Caller;
    let newest = messages::newest(visibility, user)?;
    let as_of = newest.map_or(stored.state.as_of, |newest| newest.max(stored.state.as_of));
    let recounted = Profile {
        state: recount(visibility, user, as_of, settings)?,
        ..*stored
    };
    let personality = Personality::of(&recounted.state, settings);
    profile::differences(visibility, user, &recounted, &personality)
}
