//! `public.personality_profiles`: conclusions, and the state they are drawn from.

use bondhu_core::mood::MOODS;
use bondhu_core::personality::{Landmark, Personality};
use bondhu_core::state::State;
use bondhu_core::style::CommunicationStyle;
use bondhu_core::tally::Tally;
use bondhu_core::time::Timestamp;
use bondhu_core::wellness::REACH_DAYS;
use pgrx::datum::{TimestampWithTimeZone, Uuid};
use pgrx::pg_sys::{
    BOOLOID, INT4OID, INT8ARRAYOID, INT8OID, NUMERICOID, Oid, TEXTOID, TIMESTAMPTZARRAYOID,
    TIMESTAMPTZOID, UUIDOID,
};

use crate::column::column;
use crate::datum::{instant, numeric, numeric4, timestamptz_element};
use crate::error::EngineError;
use crate::spi::{Parameter, Sees, Sql, Statement, time, value};
use crate::store::Difference;
use crate::table::{Key, Name, Row, Snapshot, Table};

/// The table.
pub(crate) const TABLE: Name = Name {
    schema: c"public",
    table: c"personality_profiles",
    written: true,
};

/// The table, only read.
pub(crate) const READ: Name = Name {
    written: false,
    ..TABLE
};

/// A stored profile.
pub(crate) struct Profile {
    pub(crate) user_id: Uuid,
    pub(crate) state: State,
    pub(crate) landmark: Landmark,
    /// Where the user's recorded days end.
    pub(crate) wellness_until: Option<Timestamp>,
}

const UNKNOWN: EngineError = EngineError::UnexpectedValue("personality_profiles");

/// What the engine writes, in the table's order, after the user's id. The law speaks of all but the
/// last [`LANDMARK`]: where history was last written is part of the log.
const COLUMNS: [(&str, Oid); 32] = [
    ("as_of", TIMESTAMPTZOID),
    ("openness", NUMERICOID),
    ("conscientiousness", NUMERICOID),
    ("extraversion", NUMERICOID),
    ("agreeableness", NUMERICOID),
    ("neuroticism", NUMERICOID),
    ("trait_confidence", NUMERICOID),
    ("communication_style", TEXTOID),
    ("emotional_stability", TEXTOID),
    ("needs_support", BOOLOID),
    ("message_count", INT8OID),
    ("mean_sentiment", NUMERICOID),
    ("sentiment_volatility", NUMERICOID),
    ("dominant_mood", TEXTOID),
    ("sentiment_trend", TEXTOID),
    ("data_status", TEXTOID),
    ("window_hours", INT4OID),
    ("window_sum", INT8OID),
    ("window_sum_squares", INT8OID),
    ("window_moods", INT8ARRAYOID),
    ("window_latest", TIMESTAMPTZARRAYOID),
    ("window_oldest", TIMESTAMPTZOID),
    ("previous_count", INT8OID),
    ("previous_sum", INT8OID),
    ("previous_oldest", TIMESTAMPTZOID),
    ("trait_count", INT8OID),
    ("trait_sum", INT8OID),
    ("trait_sum_squares", INT8OID),
    ("trait_moods", INT8ARRAYOID),
    ("last_crisis_at", TIMESTAMPTZOID),
    ("landmark_traits", INT8ARRAYOID),
    ("landmark_style", TEXTOID),
];
const LANDMARK: usize = 2;

/// Types of the user's id and of [`COLUMNS`].
const TYPES: [Oid; COLUMNS.len() + 1] = {
    let mut types = [UUIDOID; COLUMNS.len() + 1];
    let mut index = 0;
    while index < COLUMNS.len() {
        types[index + 1] = COLUMNS[index].1;
        index += 1;
    }
    types
};

static REFRESH_WELLNESS: Statement = Statement::new(
    "refreshing wellness",
    Sql::Text("select bondhu.refresh_wellness($1, $2, $3)"),
    &[UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

static CREATE: Statement = Statement::new(
    "creating a profile",
    Sql::Text(
        "insert into public.personality_profiles (user_id, as_of, window_hours)
         select $1, $2, s.window_hours from bondhu.settings s
         on conflict (user_id) do nothing",
    ),
    &[UUIDOID, TIMESTAMPTZOID],
);

// Compared as text: to the last digit stored.
static DIFFERENCES: Statement = Statement::new(
    "comparing a profile",
    Sql::Made(|| {
        let lawful = COLUMNS.len() - LANDMARK;
        let rows: Vec<_> = (2..)
            .zip(&COLUMNS[..lawful])
            .map(|(parameter, (column, _))| {
                format!("('{column}', p.{column}::text, ${parameter}::text)")
            })
            .collect();
        let rows = rows.join(", ");
        format!(
            "select f.name, f.stored, f.recounted
             from public.personality_profiles p cross join lateral (values {rows}) f (name, stored, recounted)
             where p.user_id = $1 and f.stored is distinct from f.recounted"
        )
    }),
    &TYPES,
);

fn key(user: Uuid) -> [Key; 1] {
    [Key::uuid(user)]
}

/// A user's profile as the calling query sees it.
pub(crate) fn read(table: &Table, user: Uuid) -> Result<Option<Profile>, EngineError> {
    let row = table.read(Snapshot::Caller, &key(user));
    row.map(|row| profile(user, &row)).transpose()
}

/// Locks a user's profile; none if the user has no profile.
pub(crate) fn lock(table: &Table, user: Uuid) -> Result<Option<(Profile, Row<'_>)>, EngineError> {
    let row = table.lock(&key(user))?;
    row.map(|row| Ok((profile(user, &row)?, row))).transpose()
}

/// As [`lock`]; makes the profile if it is missing.
pub(crate) fn lock_or_create(
    table: &Table,
    user: Uuid,
    as_of: Timestamp,
) -> Result<(Profile, Row<'_>), EngineError> {
    if let Some(locked) = lock(table, user)? {
        return Ok(locked);
    }
    CREATE.run(Sees::Newest, [value(user), time(as_of)])?;
    lock(table, user)?.ok_or(EngineError::NoSettings)
}

fn profile(user_id: Uuid, row: &Row<'_>) -> Result<Profile, EngineError> {
    let moods = |column| -> Result<[i64; MOODS], EngineError> {
        row.get::<Vec<i64>>(column)?.try_into().map_err(|_| UNKNOWN)
    };
    let at = |column| -> Result<Option<Timestamp>, EngineError> {
        let at = row.maybe::<TimestampWithTimeZone>(column)?;
        Ok(at.map(|at| instant(at.into())))
    };
    let mut state = State {
        as_of: at(column("as_of", 2))?.ok_or(UNKNOWN)?,
        window_hours: row.get::<i32>(column("window_hours", 18))?.into(),
        window: Tally {
            count: row.get(column("message_count", 12))?,
            sum: row.get(column("window_sum", 19))?,
            sum_squares: row.get(column("window_sum_squares", 20))?,
            moods: moods(column("window_moods", 21))?,
        },
        latest: [None; MOODS],
        oldest: at(column("window_oldest", 23))?,
        previous_count: row.get(column("previous_count", 24))?,
        previous_sum: row.get(column("previous_sum", 25))?,
        previous_oldest: at(column("previous_oldest", 26))?,
        traits: Tally {
            count: row.get(column("trait_count", 27))?,
            sum: row.get(column("trait_sum", 28))?,
            sum_squares: row.get(column("trait_sum_squares", 29))?,
            moods: moods(column("trait_moods", 30))?,
        },
        last_crisis_at: at(column("last_crisis_at", 31))?,
    };
    let latest = row.get::<Vec<Option<TimestampWithTimeZone>>>(column("window_latest", 22))?;
    for (slot, at) in state.latest.iter_mut().zip(latest) {
        *slot = at.map(|at| instant(at.into()));
    }
    let traits = row.get::<Vec<i64>>(column("landmark_traits", 32))?;
    let style = row.get::<&str>(column("landmark_style", 33))?;
    let landmark = Landmark {
        traits: traits.try_into().map_err(|_| UNKNOWN)?,
        communication: CommunicationStyle::parse(style).ok_or(UNKNOWN)?,
    };
    Ok(Profile {
        user_id,
        state,
        landmark,
        wellness_until: at(column("wellness_until", 34))?,
    })
}

/// Stores a profile, whose locked row is `row`, and what is concluded from it.
pub(crate) fn save(
    row: &Row<'_>,
    profile: &Profile,
    personality: &Personality,
) -> Result<(), EngineError> {
    let values = parameters(profile, personality)?.into_iter().skip(1);
    let columns = COLUMNS
        .iter()
        .zip(2..)
        .map(|((name, _), place)| column(name, place));
    row.update(columns.zip(values))
}

/// Makes the recorded days of a user exact again that count messages from `oldest` to `newest`.
pub(crate) fn refresh_wellness(
    user: Uuid,
    oldest: Timestamp,
    newest: Timestamp,
) -> Result<(), EngineError> {
    let through = newest.plus_hours(24 * REACH_DAYS);
    REFRESH_WELLNESS
        .run(Sees::Newest, [value(user), time(oldest), time(through)])
        .map(drop)
}

/// What the stored row of a user has other than `recounted`.
pub(crate) fn differences(
    sees: Sees,
    recounted: &Profile,
    personality: &Personality,
) -> Result<Vec<Difference>, EngineError> {
    DIFFERENCES
        .run(sees, parameters(recounted, personality)?)?
        .iter()
        .map(|row| Ok((row.get(1)?, row.maybe(2), row.maybe(3))))
        .collect()
}

fn parameters(
    profile: &Profile,
    personality: &Personality,
) -> Result<[Parameter; TYPES.len()], EngineError> {
    let Profile {
        user_id,
        state,
        landmark,
        ..
    } = profile;
    let style = &personality.style;
    let window = personality.window.as_ref();
    let [
        openness,
        conscientiousness,
        extraversion,
        agreeableness,
        neuroticism,
    ] = personality.traits.values();
    let latest = state
        .latest
        .iter()
        .map(|at| at.map(timestamptz_element).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    Ok([
        value(*user_id),
        time(state.as_of),
        value(numeric(openness)),
        value(numeric(conscientiousness)),
        value(numeric(extraversion)),
        value(numeric(agreeableness)),
        value(numeric(neuroticism)),
        value(numeric4(personality.trait_confidence)),
        value(style.communication.as_str()),
        style
            .stability
            .and_then(|stability| value(stability.as_str())),
        value(style.needs_support),
        value(state.window.count),
        window.and_then(|window| value(numeric4(window.mean))),
        window.and_then(|window| value(numeric4(window.volatility))),
        window.and_then(|window| value(window.dominant_mood.as_str())),
        window
            .and_then(|window| window.trend)
            .and_then(|trend| value(trend.as_str())),
        value(personality.data_status()),
        value(state.window_hours as i32),
        value(state.window.sum),
        value(state.window.sum_squares),
        value(state.window.moods.to_vec()),
        value(latest),
        state.oldest.and_then(time),
        value(state.previous_count),
        value(state.previous_sum),
        state.previous_oldest.and_then(time),
        value(state.traits.count),
        value(state.traits.sum),
        value(state.traits.sum_squares),
        value(state.traits.moods.to_vec()),
        state.last_crisis_at.and_then(time),
        value(landmark.traits.to_vec()),
        value(landmark.communication.as_str()),
    ])
}
