//! `personality(user_ids, as_of)`: what is concluded about users, exact as of an instant.

use std::collections::HashMap;

use bondhu_core::decay::HORIZON_DAYS;
use bondhu_core::personality::Personality;
use bondhu_core::settings::Settings;
use bondhu_core::state::State;
use bondhu_core::time::{Day, Timestamp};
use pgrx::datum::{TimestampWithTimeZone, Uuid};
use pgrx::prelude::*;

use crate::datum::{instant, numeric, numeric4, timestamptz_element};
use crate::error::{EngineError, or_raise};
use crate::spi::{self, Sees};
use crate::store::{buckets, messages, profile, settings};

type Concluded = (
    Uuid,
    TimestampWithTimeZone,
    Option<TimestampWithTimeZone>,
    AnyNumeric,
    AnyNumeric,
    AnyNumeric,
    AnyNumeric,
    AnyNumeric,
    AnyNumeric,
    &'static str,
    Option<&'static str>,
    bool,
    i64,
    Option<AnyNumeric>,
    Option<AnyNumeric>,
    Option<&'static str>,
    Option<&'static str>,
);

/// One row per user asked for, in that order, exact as of the later of `as_of` and the
/// stored `as_of`. A user without messages gets the start everybody has.
#[allow(clippy::type_complexity)] // pgrx reads the columns from the signature
#[pg_extern(stable, parallel_restricted, strict)]
fn personality(
    user_ids: Vec<Uuid>,
    as_of: TimestampWithTimeZone,
) -> TableIterator<
    'static,
    (
        name!(user_id, Uuid),
        name!(as_of, TimestampWithTimeZone),
        name!(until, Option<TimestampWithTimeZone>),
        name!(openness, AnyNumeric),
        name!(conscientiousness, AnyNumeric),
        name!(extraversion, AnyNumeric),
        name!(agreeableness, AnyNumeric),
        name!(neuroticism, AnyNumeric),
        name!(trait_confidence, AnyNumeric),
        name!(communication_style, &'static str),
        name!(emotional_stability, Option<&'static str>),
        name!(needs_support, bool),
        name!(message_count, i64),
        name!(mean_sentiment, Option<AnyNumeric>),
        name!(sentiment_volatility, Option<AnyNumeric>),
        name!(dominant_mood, Option<&'static str>),
        name!(sentiment_trend, Option<&'static str>),
    ),
> {
    TableIterator::new(or_raise(spi::connected(|| {
        conclude(&user_ids, instant(as_of.into()))
    })))
}

fn conclude(
    users: &[Uuid],
    as_of: Timestamp,
) -> Result<std::vec::IntoIter<Concluded>, EngineError> {
    let settings = settings::read(Sees::Caller)?;
    let states = states(users, as_of, &settings)?;
    let spans: Vec<_> = states
        .iter()
        .flat_map(|(user, state)| {
            [
                (*user, state.current_span()),
                (*user, state.previous_span()),
            ]
        })
        .collect();
    let oldest = if spans.is_empty() {
        Vec::new()
    } else {
        messages::oldest(Sees::Caller, &spans)?
    };
    let rows = states
        .iter()
        .zip(oldest.chunks(2))
        .map(|((user, state), oldest)| {
            let in_window = oldest.first().copied().flatten();
            let in_previous = oldest.get(1).copied().flatten();
            row(
                *user,
                state,
                state.next_change(in_window, in_previous, &settings),
                &settings,
            )
        });
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter())
}

/// The users' states, advanced to `as_of` without being stored.
fn states(
    users: &[Uuid],
    as_of: Timestamp,
    settings: &Settings,
) -> Result<Vec<(Uuid, State)>, EngineError> {
    let mut stored: HashMap<Uuid, State> = profile::read(users)?
        .into_iter()
        .map(|profile| (profile.user_id, profile.state))
        .collect();
    let spans: Vec<_> = stored
        .iter()
        .flat_map(|(user, state)| {
            state
                .moving(as_of, settings)
                .into_iter()
                .flatten()
                .map(|span| (*user, span))
        })
        .collect();
    let moving = messages::in_spans(Sees::Caller, &spans)?;
    let outdated: Vec<_> = stored
        .iter()
        .filter(|(_, state)| state.needs_days(as_of))
        .map(|(user, _)| *user)
        .collect();
    let days = buckets::days(Sees::Caller, &outdated, Day(as_of.day().0 - HORIZON_DAYS))?;
    for (user, state) in &mut stored {
        let moving = moving.get(user).map_or(&[][..], Vec::as_slice);
        let days = days.get(user).map_or(&[][..], Vec::as_slice);
        state
            .advance(as_of, settings, moving, days)
            .map_err(|error| EngineError::Inconsistent(user.to_string(), error))?;
    }
    let state = |user: &Uuid| {
        stored
            .get(user)
            .cloned()
            .unwrap_or_else(|| State::empty(as_of, settings))
    };
    Ok(users.iter().map(|user| (*user, state(user))).collect())
}

fn row(
    user: Uuid,
    state: &State,
    until: Option<Timestamp>,
    settings: &Settings,
) -> Result<Concluded, EngineError> {
    let personality = Personality::of(state, settings);
    let window = personality.window.as_ref();
    let traits = personality.traits;
    Ok((
        user,
        timestamptz_element(state.as_of)?,
        until.map(timestamptz_element).transpose()?,
        numeric(traits.openness)?,
        numeric(traits.conscientiousness)?,
        numeric(traits.extraversion)?,
        numeric(traits.agreeableness)?,
        numeric(traits.neuroticism)?,
        numeric4(personality.trait_confidence)?,
        personality.style.communication.as_str(),
        personality
            .style
            .stability
            .map(|stability| stability.as_str()),
        personality.style.needs_support,
        personality.message_count,
        window.map(|window| numeric4(window.mean)).transpose()?,
        window
            .map(|window| numeric4(window.volatility))
            .transpose()?,
        window.map(|window| window.dominant_mood.as_str()),
        window
            .and_then(|window| window.trend)
            .map(|trend| trend.as_str()),
    ))
}
