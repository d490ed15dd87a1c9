//! `recompute(user_id)`: everything derived, anew from the messages.

use bondhu_core::decay::HORIZON_DAYS;
use bondhu_core::personality::Personality;
use bondhu_core::state::State;
use bondhu_core::time::Day;
use pgrx::datum::Uuid;
use pgrx::prelude::*;

use crate::datum;
use crate::error::{EngineError, or_raise};
use crate::spi::{self, Sees};
use crate::store::{buckets, messages, profile, settings};

/// Rebuilds a user's buckets and profile from their scored messages, exactly as folding the
/// messages one by one would have left them. History, a log, stays.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn recompute(user_id: Uuid) {
    or_raise(spi::connected(|| rebuild(user_id)));
}

fn rebuild(user: Uuid) -> Result<(), EngineError> {
    let settings = settings::read(Sees::Newest)?;
    let newest = messages::newest(user)?;
    if newest.is_some() {
        profile::create_missing(&[user], datum::now(), &settings)?;
    }
    let Some(mut profile) = profile::lock(&[user])?.pop() else {
        return Ok(());
    };
    buckets::recount(user)?;

    let as_of = profile
        .state
        .as_of
        .max(datum::now())
        .max(newest.unwrap_or(profile.state.as_of));
    let empty = State::empty(as_of, &settings);
    let recent = [(user, empty.current_span()), (user, empty.previous_span())];
    let recent = messages::in_spans(Sees::Newest, &recent)?
        .remove(&user)
        .unwrap_or_default();
    let days = buckets::days(Sees::Newest, &[user], Day(as_of.day().0 - HORIZON_DAYS))?
        .remove(&user)
        .unwrap_or_default();
    let last_crisis = messages::last_crisis(user)?;
    profile.state = State::rebuild(as_of, &settings, &recent, &days, last_crisis)
        .map_err(|error| EngineError::Inconsistent(user.to_string(), error))?;
    profile::save(&profile, &Personality::of(&profile.state, &settings))
}
