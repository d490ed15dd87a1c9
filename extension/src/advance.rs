//! Brings a user's state to an instant, reading what has left the windows since.

use bondhu_core::decay::HORIZON_DAYS;
use bondhu_core::settings::Settings;
use bondhu_core::state::{Repairs, State};
use bondhu_core::time::{Day, Timestamp};
use pgrx::datum::Uuid;

use crate::error::EngineError;
use crate::spi::Sees;
use crate::store::{buckets, messages};

/// Advances `state` to `to` (never back), by the messages and buckets as `sees` shows them.
pub(crate) fn advance(
    sees: Sees,
    user: Uuid,
    state: &mut State,
    to: Timestamp,
    settings: &Settings,
) -> Result<(), EngineError> {
    let mut moving = Vec::new();
    for span in state.moving(to, settings).into_iter().flatten() {
        moving.extend(messages::in_span(sees, user, span)?);
    }
    let days = if state.needs_days(to) {
        buckets::days(sees, user, first_day(to))?
    } else {
        Vec::new()
    };
    let mut repairs = Repairs::default();
    state
        .advance(to, settings, &moving, &days, &mut repairs)
        .map_err(|error| EngineError::inconsistent(user, error))?;
    repair(sees, user, state, &repairs)
}

/// The first day of the trait horizon that ends at `as_of`.
pub(crate) fn first_day(as_of: Timestamp) -> Day {
    Day(as_of.day().0 + 1 - HORIZON_DAYS)
}

/// Reads again the extremes that a message which is gone may have been.
pub(crate) fn repair(
    sees: Sees,
    user: Uuid,
    state: &mut State,
    repairs: &Repairs,
) -> Result<(), EngineError> {
    let window = state.current_span();
    for mood in repairs.moods() {
        state.latest[mood.index()] = messages::latest_of_mood(sees, user, window.after, mood)?;
    }
    if repairs.oldest {
        state.oldest = messages::oldest(sees, user, window)?;
    }
    if repairs.previous_oldest {
        state.previous_oldest = messages::oldest(sees, user, state.previous_span())?;
    }
    if repairs.crisis {
        state.last_crisis_at = messages::last_crisis(sees, user)?;
    }
    Ok(())
}
