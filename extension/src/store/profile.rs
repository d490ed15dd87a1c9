//! `public.personality_profiles`: conclusions, and the state they are drawn from.

use bondhu_core::mood::MOODS;
use bondhu_core::personality::{Landmark, Personality};
use bondhu_core::settings::Settings;
use bondhu_core::state::State;
use bondhu_core::style::CommunicationStyle;
use bondhu_core::tally::Tally;
use bondhu_core::time::Timestamp;
use pgrx::datum::{TimestampWithTimeZone, Uuid};
use pgrx::pg_sys::{
    BOOLOID, INT4OID, INT8ARRAYOID, INT8OID, TEXTOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
    UUIDARRAYOID, UUIDOID,
};

use crate::datum::{instant, timestamptz_element};
use crate::error::EngineError;
use crate::spi::{Row, Sees, Statement, time, value};

/// A stored profile.
pub(crate) struct Profile {
    pub(crate) user_id: Uuid,
    pub(crate) state: State,
    pub(crate) landmark: Landmark,
}

const UNKNOWN: EngineError = EngineError::UnexpectedValue("personality_profiles");

macro_rules! select_profiles {
    ($then:literal) => {
        concat!(
            "select user_id, as_of, window_hours, message_count, window_sum, window_sum_squares, window_moods,
               window_latest, previous_count, previous_sum, trait_count, trait_sum, trait_sum_squares, trait_moods,
               last_crisis_at, landmark_traits, landmark_style
             from public.personality_profiles
             where user_id = any ($1)
             order by user_id",
            $then,
            "\0"
        )
    };
}

const fn c(sql: &'static str) -> &'static std::ffi::CStr {
    match std::ffi::CStr::from_bytes_with_nul(sql.as_bytes()) {
        Ok(sql) => sql,
        Err(_) => c"",
    }
}

static READ: Statement =
    Statement::new("reading profiles", c(select_profiles!("")), &[UUIDARRAYOID]);

static LOCK: Statement = Statement::new(
    "locking profiles",
    c(select_profiles!(" for no key update")),
    &[UUIDARRAYOID],
);

static MISSING: Statement = Statement::new(
    "looking for missing profiles",
    c"select wanted.id
      from unnest($1) wanted (id)
      where not exists (select from public.personality_profiles p where p.user_id = wanted.id)
      order by wanted.id",
    &[UUIDARRAYOID],
);

static CREATE: Statement = Statement::new(
    "creating profiles",
    c"insert into public.personality_profiles (user_id, as_of, window_hours)
      select id, $2, $3 from unnest($1) wanted (id) order by id
      on conflict (user_id) do nothing",
    &[UUIDARRAYOID, TIMESTAMPTZOID, INT4OID],
);

static SAVE: Statement = Statement::new(
    "saving a profile",
    c"update public.personality_profiles set
        as_of = $2,
        openness = ($3)[1]::numeric / 100, conscientiousness = ($3)[2]::numeric / 100,
        extraversion = ($3)[3]::numeric / 100, agreeableness = ($3)[4]::numeric / 100,
        neuroticism = ($3)[5]::numeric / 100,
        trait_confidence = $4::numeric / 10000,
        communication_style = $5, emotional_stability = $6, needs_support = $7,
        message_count = $8, mean_sentiment = $9::numeric / 10000, sentiment_volatility = $10::numeric / 10000,
        dominant_mood = $11, sentiment_trend = $12,
        window_hours = $13, window_sum = $14, window_sum_squares = $15, window_moods = $16, window_latest = $17,
        previous_count = $18, previous_sum = $19,
        trait_count = $20, trait_sum = $21, trait_sum_squares = $22, trait_moods = $23,
        last_crisis_at = $24, landmark_traits = $25, landmark_style = $26
      where user_id = $1",
    &[
        UUIDOID, TIMESTAMPTZOID, INT8ARRAYOID, INT8OID, TEXTOID, TEXTOID, BOOLOID, INT8OID, INT8OID, INT8OID, TEXTOID,
        TEXTOID, INT4OID, INT8OID, INT8OID, INT8ARRAYOID, TIMESTAMPTZARRAYOID, INT8OID, INT8OID, INT8OID, INT8OID,
        INT8OID, INT8ARRAYOID, TIMESTAMPTZOID, INT8ARRAYOID, TEXTOID,
    ],
);

/// Profiles as the calling query sees them.
pub(crate) fn read(users: &[Uuid]) -> Result<Vec<Profile>, EngineError> {
    READ.run(Sees::Caller, &[value(users.to_vec())])?
        .iter()
        .map(|row| profile(&row))
        .collect()
}

/// Locks the profiles of `users`, in the order of their ids, so that no two statements wait
/// for each other. Users without a profile are left out.
pub(crate) fn lock(users: &[Uuid]) -> Result<Vec<Profile>, EngineError> {
    LOCK.run(Sees::Newest, &[value(users.to_vec())])?
        .iter()
        .map(|row| profile(&row))
        .collect()
}

/// Makes the profiles that are missing. To be called before any is locked.
pub(crate) fn create_missing(
    users: &[Uuid],
    as_of: Timestamp,
    settings: &Settings,
) -> Result<(), EngineError> {
    let missing: Vec<Uuid> = MISSING
        .run(Sees::Newest, &[value(users.to_vec())])?
        .iter()
        .map(|row| row.get(1))
        .collect::<Result<_, _>>()?;
    if missing.is_empty() {
        return Ok(());
    }
    CREATE
        .run(
            Sees::Newest,
            &[
                value(missing),
                time(as_of),
                value(settings.window_hours as i32),
            ],
        )
        .map(drop)
}

fn profile(row: &Row<'_>) -> Result<Profile, EngineError> {
    let latest = row.get::<Vec<Option<TimestampWithTimeZone>>>(8)?;
    let mut state = State {
        as_of: row.instant(2)?,
        window_hours: row.get::<i32>(3)?.into(),
        window: Tally {
            count: row.get(4)?,
            sum: row.get(5)?,
            sum_squares: row.get(6)?,
            moods: moods(row, 7)?,
        },
        latest: [None; MOODS],
        previous_count: row.get(9)?,
        previous_sum: row.get(10)?,
        traits: Tally {
            count: row.get(11)?,
            sum: row.get(12)?,
            sum_squares: row.get(13)?,
            moods: moods(row, 14)?,
        },
        last_crisis_at: row.maybe_instant(15),
    };
    for (slot, at) in state.latest.iter_mut().zip(latest) {
        *slot = at.map(|at| instant(at.into()));
    }
    let style = row.get::<&str>(17)?;
    let landmark = Landmark {
        traits: row.get::<Vec<i64>>(16)?.try_into().map_err(|_| UNKNOWN)?,
        communication: CommunicationStyle::parse(style).ok_or(UNKNOWN)?,
    };
    Ok(Profile {
        user_id: row.get(1)?,
        state,
        landmark,
    })
}

fn moods(row: &Row<'_>, column: i32) -> Result<[i64; MOODS], EngineError> {
    row.get::<Vec<i64>>(column)?.try_into().map_err(|_| UNKNOWN)
}

/// Stores a profile and what is concluded from it.
pub(crate) fn save(profile: &Profile, personality: &Personality) -> Result<(), EngineError> {
    let Profile {
        user_id,
        state,
        landmark,
    } = profile;
    let window = personality.window.as_ref();
    let latest = state
        .latest
        .iter()
        .map(|at| at.map(timestamptz_element).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    SAVE.run(
        Sees::Newest,
        &[
            value(*user_id),
            time(state.as_of),
            value(personality.traits.values().to_vec()),
            value(personality.trait_confidence),
            value(personality.style.communication.as_str()),
            personality
                .style
                .stability
                .and_then(|stability| value(stability.as_str())),
            value(personality.style.needs_support),
            value(state.window.count),
            window.and_then(|window| value(window.mean)),
            window.and_then(|window| value(window.volatility)),
            window.and_then(|window| value(window.dominant_mood.as_str())),
            window
                .and_then(|window| window.trend)
                .and_then(|trend| value(trend.as_str())),
            value(state.window_hours as i32),
            value(state.window.sum),
            value(state.window.sum_squares),
            value(state.window.moods.to_vec()),
            value(latest),
            value(state.previous_count),
            value(state.previous_sum),
            value(state.traits.count),
            value(state.traits.sum),
            value(state.traits.sum_squares),
            value(state.traits.moods.to_vec()),
            state.last_crisis_at.and_then(time),
            value(landmark.traits.to_vec()),
            value(landmark.communication.as_str()),
        ],
    )
    .map(drop)
}
