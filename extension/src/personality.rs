//! `personality(user_ids, as_of)`: what is concluded about users, exact as of an instant.

use bondhu_core::fold::advance;
use bondhu_core::personality::Personality;
use bondhu_core::settings::Settings;
use bondhu_core::state::State;
use bondhu_core::time::Timestamp;
use pgrx::datum::{TimestampWithTimeZone, Uuid};
use pgrx::prelude::*;

use crate::datum::{self, instant, numeric, numeric4, timestamptz_element};
use crate::error::{EngineError, or_raise};
use crate::ledger::UserMessages;
use crate::recount;
use crate::spi::{self, Visibility};
use crate::store::{profile, settings};
use crate::table::{Access, Snapshot, Table};

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
/// stored `as_of`. A user without messages is where their assessment has them, or everybody starts.
#[allow(clippy::type_complexity)] // pgrx reads the columns from the signature
#[pg_extern(stable, parallel_restricted, strict)]
fn personality(
    user_ids: Vec<Option<Uuid>>,
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

/// One row for a user as of an instant: of the messages dated until then, and the assessment that they
/// had completed by then, as both stand now.
#[allow(clippy::type_complexity)] // pgrx reads the columns from the signature
#[pg_extern(stable, parallel_restricted, strict)]
fn personality_at(
    of_user: Uuid,
    instant: TimestampWithTimeZone,
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
    TableIterator::once(or_raise(spi::connected(|| {
        conclude_at(of_user, datum::instant(instant.into()))
    })))
}

fn conclude_at(user: Uuid, as_of: Timestamp) -> Result<Concluded, EngineError> {
    let settings = settings::read(Snapshot::Caller)?;
    let visibility = Visibility::Caller;
    let baseline = profile::baseline_at(visibility, user, as_of)?;
    let state = recount::state(visibility, user, as_of, &settings, baseline)?;
    row(user, &state, &settings)
}

fn conclude(
    users: &[Option<Uuid>],
    as_of: Timestamp,
) -> Result<std::vec::IntoIter<Concluded>, EngineError> {
    let settings = settings::read(Snapshot::Caller)?;
    let profiles = Table::open(&profile::TABLE, Access::Read)?;
    let rows = users.iter().flatten().map(|user| {
        let state = state(&profiles, *user, as_of, &settings)?;
        row(*user, &state, &settings)
    });
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter())
}

fn state(
    profiles: &Table,
    user: Uuid,
    as_of: Timestamp,
    settings: &Settings,
) -> Result<State, EngineError> {
    let visibility = Visibility::Caller;
    let mut state = match profile::read(profiles, user)? {
        Some(stored) if stored.is_to_be_recounted(settings) => {
            let as_of = recount::reached(visibility, user, as_of.max(stored.state.as_of))?;
            let baseline = profile::baseline(visibility, user)?;
            return recount::state(visibility, user, as_of, settings, baseline);
        }
        Some(stored) => stored.state,
        None => State {
            baseline: profile::baseline(visibility, user)?,
            ..State::empty(as_of, settings)
        },
    };
    advance(
        &UserMessages::new(user, visibility),
        &mut state,
        as_of,
        settings,
    )?;
    Ok(state)
}

fn row(user: Uuid, state: &State, settings: &Settings) -> Result<Concluded, EngineError> {
    let until = state.next_change(settings);
    let personality = Personality::of(state, settings);
    let window = personality.window.as_ref();
    let traits = personality.traits;
    Ok((
        user,
        timestamptz_element(state.as_of)?,
        until.map(timestamptz_element).transpose()?,
        numeric(traits.openness),
        numeric(traits.conscientiousness),
        numeric(traits.extraversion),
        numeric(traits.agreeableness),
        numeric(traits.neuroticism),
        numeric4(personality.trait_confidence),
        personality.style.communication.as_str(),
        personality
            .style
            .stability
            .map(|stability| stability.as_str()),
        personality.style.needs_support,
        personality.message_count,
        window.map(|window| numeric4(window.mean)),
        window.map(|window| numeric4(window.volatility)),
        window.map(|window| window.dominant_mood.as_str()),
        window
            .and_then(|window| window.trend)
            .map(|trend| trend.as_str()),
    ))
}
