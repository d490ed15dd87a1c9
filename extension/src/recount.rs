//! Counting a user anew from the messages: what folding them one by one would have left.

use std::cell::RefCell;
use std::collections::BTreeSet;

use bondhu_core::fold::first_day;
use bondhu_core::settings::Settings;
use bondhu_core::state::State;
use bondhu_core::time::Timestamp;
use bondhu_core::traits::Traits;
use pgrx::datum::Uuid;
use pgrx::pg_sys;

use crate::error::EngineError;
use crate::spi::Visibility;
use crate::store::{buckets, history, messages, profile, safety};

/// The state that the messages dated until an instant make, as of then.
pub(crate) fn state(
    visibility: Visibility,
    user: Uuid,
    as_of: Timestamp,
    settings: &Settings,
    baseline: Traits,
) -> Result<State, EngineError> {
    let empty = State::empty(as_of, settings);
    let mut recent = messages::in_span(visibility, user, empty.current_span())?;
    recent.extend(messages::in_span(visibility, user, empty.previous_span())?);
    let days = messages::days(visibility, user, first_day(as_of), as_of)?;
    let last_crisis_at = messages::last_crisis(visibility, user, Some(as_of))?;
    State::rebuild(as_of, settings, &recent, &days, last_crisis_at, baseline)
        .map_err(|error| EngineError::inconsistent(user, error))
}

/// The later of an instant and a user's newest message.
pub(crate) fn reached(
    visibility: Visibility,
    user: Uuid,
    as_of: Timestamp,
) -> Result<Timestamp, EngineError> {
    let newest = messages::newest(visibility, user)?;
    Ok(newest.map_or(as_of, |newest| newest.max(as_of)))
}

/// Makes a user's buckets, evidence and noted crises anew, and returns the state. The user's profile is
/// locked.
pub(crate) fn everything(
    user: Uuid,
    as_of: Timestamp,
    settings: &Settings,
) -> Result<State, EngineError> {
    note_done(user);
    buckets::recount(user)?;
    let as_of = reached(Visibility::Newest, user, as_of)?;
    let baseline = profile::baseline(Visibility::Newest, user)?;
    let state = state(Visibility::Newest, user, as_of, settings, baseline)?;
    history::release(user, history::orphans(Visibility::Newest, user)?)?;
    safety::withdraw(user, safety::unfounded(Visibility::Newest, user)?)?;
    safety::note(user, safety::missing(Visibility::Newest, user)?)?;
    Ok(state)
}

thread_local! {
    /// Who was counted anew in the statement of the client that began then.
    static DONE: RefCell<(pg_sys::TimestampTz, BTreeSet<Uuid>)> =
        const { RefCell::new((0, BTreeSet::new())) };
}

fn statement() -> pg_sys::TimestampTz {
    // SAFETY: reads a variable of the backend.
    #[allow(unsafe_code)]
    unsafe {
        pg_sys::GetCurrentStatementStartTimestamp()
    }
}

/// Whether the user was counted anew in this statement, so that another command of it finds its own part
/// counted.
pub(crate) fn was_done(user: Uuid) -> bool {
    DONE.with_borrow(|(at, users)| *at == statement() && users.contains(&user))
}

/// Remembers that for [`was_done`].
fn note_done(user: Uuid) {
    DONE.with_borrow_mut(|(at, users)| {
        if *at != statement() {
            *at = statement();
            users.clear();
        }
        users.insert(user);
    });
}
