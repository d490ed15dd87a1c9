//! `recompute(user_id)` and `verify(user_ids)`: everything derived, anew from the messages.

use bondhu_core::personality::Personality;
use bondhu_core::profile::Profile;
use bondhu_core::settings::Settings;
use pgrx::datum::Uuid;
use pgrx::prelude::*;

use crate::error::{EngineError, or_raise};
use crate::spi::{self, Visibility};
use crate::store::{self, buckets, history, messages, profile, safety, settings};
use crate::table::{Access, Snapshot, Table};
use crate::{datum, recount};

/// Rebuilds a user's buckets, profile and recorded days from their scored messages, exactly as
/// folding the messages one by one would have left them. History, a log, stays.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn recompute(user_id: Uuid) {
    or_raise(spi::connected(|| rebuild(user_id)));
}

fn rebuild(user: Uuid) -> Result<(), EngineError> {
    let profiles = Table::open(&profile::TABLE, Access::Write)?;
    let settings = settings::read(Snapshot::Transaction)?;
    let has_profile = messages::newest(Visibility::Newest, user)?.is_some()
        || profile::assessed(Visibility::Newest, user)?.is_some();
    let locked = if has_profile {
        Some(profile::lock_or_create(&profiles, user, datum::now())?)
    } else {
        profile::lock(&profiles, user)?
    };
    let Some((mut profile, row)) = locked else {
        return Ok(());
    };
    let now = profile.state.as_of.max(datum::now());
    let state = recount::everything(user, now, &settings)?;
    profile.start_from(state.baseline);
    profile.state = state;
    profile.settings_version = settings.version;
    profile::save(
        user,
        &row,
        &profile,
        &Personality::of(&profile.state, &settings),
    )
}

type Difference = (Uuid, &'static str, String, Option<String>, Option<String>);

/// What is stored about users other than their messages make it, as of each stored `as_of`:
/// a row for each figure of a profile and for each bucket that differs. What is to be made anew,
/// since it is from before settings or messages changed, is left out.
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
        let stored = profile::read(&profiles, *user)?;
        let is_known = |is: fn(&Profile, &Settings) -> bool| {
            stored
                .as_ref()
                .is_some_and(|profile| is(profile, &settings))
        };
        let of_profile = match &stored {
            Some(_) if is_known(Profile::is_outdated) => Vec::new(),
            Some(stored) => profile_differences(*user, stored, &settings)?,
            None => messages::newest(Visibility::Caller, *user)?
                .map(|_| ("(row)".to_owned(), None, Some("a profile".to_owned())))
                .into_iter()
                .collect(),
        };
        if is_known(Profile::is_to_be_recounted) {
            continue;
        }
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
    let as_of = recount::reached(visibility, user, stored.state.as_of)?;
    let baseline = profile::baseline(visibility, user)?;
    let recounted = Profile {
        state: recount::state(visibility, user, as_of, settings, baseline)?,
        ..*stored
    };
    let personality = Personality::of(&recounted.state, settings);
    profile::differences(visibility, user, &recounted, &personality)
}
