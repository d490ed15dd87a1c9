//! `public.personality_profiles`: conclusions, and the state they are drawn from.

use bondhu_core::fold::Profile;
use bondhu_core::mood::MOODS;
use bondhu_core::personality::{Landmark, Personality};
use bondhu_core::state::State;
use bondhu_core::style::CommunicationStyle;
use bondhu_core::tally::Tally;
use bondhu_core::time::Timestamp;
use bondhu_core::wellness::REACH_DAYS;
use pgrx::Array;
use pgrx::datum::{TimestampWithTimeZone, Uuid};
use pgrx::pg_sys::{
    BOOLOID, INT4OID, INT8ARRAYOID, INT8OID, Oid, TEXTOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
    UUIDOID,
};

use crate::column::{Column, Kind, column};
use crate::datum::{instant, numeric, numeric4, timestamptz_element};
use crate::error::EngineError;
use crate::relation::Definition;
use crate::spi::{Parameter, Sees, Sql, Statement, time, value};
use crate::store::Difference;
use crate::table::{Key, Row, Snapshot, Table};

/// The table.
pub(crate) static TABLE: Definition =
    Definition::new((c"public", c"personality_profiles"), &COLUMNS, 1, WRITTEN);

const UNKNOWN: EngineError = EngineError::UnexpectedValue("personality_profiles");

/// Those the engine writes come first, in the table's order. The law speaks of all of these but the
/// first and the last [`LANDMARK`]: where history was last written is part of the log.
const COLUMNS: [Column; 34] = [
    column("user_id", Kind::of(UUIDOID)),
    column("as_of", Kind::of(TIMESTAMPTZOID)),
    column("openness", Kind::numeric(5, 2)),
    column("conscientiousness", Kind::numeric(5, 2)),
    column("extraversion", Kind::numeric(5, 2)),
    column("agreeableness", Kind::numeric(5, 2)),
    column("neuroticism", Kind::numeric(5, 2)),
    column("trait_confidence", Kind::numeric(5, 4)),
    column("communication_style", Kind::of(TEXTOID)),
    column("emotional_stability", Kind::of(TEXTOID)).or_null(),
    column("needs_support", Kind::of(BOOLOID)),
    column("message_count", Kind::of(INT8OID)),
    column("mean_sentiment", Kind::numeric(5, 4)).or_null(),
    column("sentiment_volatility", Kind::numeric(5, 4)).or_null(),
    column("dominant_mood", Kind::of(TEXTOID)).or_null(),
    column("sentiment_trend", Kind::of(TEXTOID)).or_null(),
    column("data_status", Kind::of(TEXTOID)),
    column("window_hours", Kind::of(INT4OID)),
    column("window_sum", Kind::of(INT8OID)),
    column("window_sum_squares", Kind::of(INT8OID)),
    column("window_moods", Kind::of(INT8ARRAYOID)),
    column("window_latest", Kind::of(TIMESTAMPTZARRAYOID)),
    column("window_oldest", Kind::of(TIMESTAMPTZOID)).or_null(),
    column("previous_count", Kind::of(INT8OID)),
    column("previous_sum", Kind::of(INT8OID)),
    column("previous_oldest", Kind::of(TIMESTAMPTZOID)).or_null(),
    column("trait_count", Kind::of(INT8OID)),
    column("trait_sum", Kind::of(INT8OID)),
    column("trait_sum_squares", Kind::of(INT8OID)),
    column("trait_moods", Kind::of(INT8ARRAYOID)),
    column("last_crisis_at", Kind::of(TIMESTAMPTZOID)).or_null(),
    column("landmark_traits", Kind::of(INT8ARRAYOID)),
    column("landmark_style", Kind::of(TEXTOID)),
    column("wellness_until", Kind::of(TIMESTAMPTZOID)).or_null(),
];
const WRITTEN: usize = 33;
const LANDMARK: usize = 2;

/// Types of what is written.
const TYPES: [Oid; WRITTEN] = {
    let mut types = [UUIDOID; WRITTEN];
    let mut index = 1;
    while index < WRITTEN {
        types[index] = COLUMNS[index].kind.oid;
        index += 1;
    }
    types
};

/// The place of a column; a name that there is not does not compile.
const fn at(name: &str) -> usize {
    let mut index = 0;
    while !same(COLUMNS[index].name.as_bytes(), name.as_bytes()) {
        index += 1;
    }
    index
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

static REFRESH_WELLNESS: Statement = Statement::new(
    "refreshing wellness",
    Sql::Text("select bondhu.refresh_wellness($1, $2, $3)"),
    &[UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

static RECOMPUTE_WELLNESS: Statement = Statement::new(
    "recomputing wellness",
    Sql::Text("select bondhu.recompute_wellness($1)"),
    &[UUIDOID],
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
        let rows: Vec<_> = (2..)
            .zip(&COLUMNS[1..WRITTEN - LANDMARK])
            .map(|(parameter, Column { name, .. })| {
                format!("('{name}', p.{name}::text, ${parameter}::text)")
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
    let row = table.read(Snapshot::Caller, &key(user))?;
    row.map(|row| profile(&row)).transpose()
}

/// Locks a user's profile; none if the user has no profile.
pub(crate) fn lock(table: &Table, user: Uuid) -> Result<Option<(Profile, Row<'_>)>, EngineError> {
    let row = table.lock(&key(user))?;
    row.map(|row| Ok((profile(&row)?, row))).transpose()
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

/// So many numbers, none of them null.
fn numbers<const N: usize>(row: &Row<'_>, column: usize) -> Result<[i64; N], EngineError> {
    let array = row.get::<Array<'_, i64>>(column)?;
    let numbers = array.as_slice().map_err(|_| UNKNOWN)?;
    numbers.try_into().map_err(|_| UNKNOWN)
}

fn profile(row: &Row<'_>) -> Result<Profile, EngineError> {
    let moods = |column| numbers::<MOODS>(row, column);
    let instant_at = |column| -> Result<Option<Timestamp>, EngineError> {
        let at = row.maybe::<TimestampWithTimeZone>(column)?;
        Ok(at.map(|at| instant(at.into())))
    };
    let mut state = State {
        as_of: instant_at(const { at("as_of") })?.ok_or(UNKNOWN)?,
        window_hours: row.get::<i32>(const { at("window_hours") })?.into(),
        window: Tally {
            count: row.get(const { at("message_count") })?,
            sum: row.get(const { at("window_sum") })?,
            sum_squares: row.get(const { at("window_sum_squares") })?,
            moods: moods(const { at("window_moods") })?,
        },
        latest: [None; MOODS],
        oldest: instant_at(const { at("window_oldest") })?,
        previous_count: row.get(const { at("previous_count") })?,
        previous_sum: row.get(const { at("previous_sum") })?,
        previous_oldest: instant_at(const { at("previous_oldest") })?,
        traits: Tally {
            count: row.get(const { at("trait_count") })?,
            sum: row.get(const { at("trait_sum") })?,
            sum_squares: row.get(const { at("trait_sum_squares") })?,
            moods: moods(const { at("trait_moods") })?,
        },
        last_crisis_at: instant_at(const { at("last_crisis_at") })?,
    };
    let latest = row.get::<Vec<Option<TimestampWithTimeZone>>>(const { at("window_latest") })?;
    for (slot, at) in state.latest.iter_mut().zip(latest) {
        *slot = at.map(|at| instant(at.into()));
    }
    let style = row.get::<&str>(const { at("landmark_style") })?;
    let landmark = Landmark {
        traits: numbers(row, const { at("landmark_traits") })?,
        communication: CommunicationStyle::parse(style).ok_or(UNKNOWN)?,
    };
    Ok(Profile {
        state,
        landmark,
        wellness_until: instant_at(const { at("wellness_until") })?,
    })
}

/// Stores a profile, whose locked row is `row`, and what is concluded from it.
pub(crate) fn save(
    user: Uuid,
    row: &Row<'_>,
    profile: &Profile,
    personality: &Personality,
) -> Result<(), EngineError> {
    row.update(&parameters(user, profile, personality)?[1..])
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

/// Makes all recorded days of a user anew.
pub(crate) fn recompute_wellness(user: Uuid) -> Result<(), EngineError> {
    RECOMPUTE_WELLNESS.run(Sees::Newest, [value(user)]).map(drop)
}

/// What the stored row of a user has other than `recounted`.
pub(crate) fn differences(
    sees: Sees,
    user: Uuid,
    recounted: &Profile,
    personality: &Personality,
) -> Result<Vec<Difference>, EngineError> {
    DIFFERENCES
        .run(sees, parameters(user, recounted, personality)?)?
        .iter()
        .map(|row| Ok((row.get(1)?, row.maybe(2)?, row.maybe(3)?)))
        .collect()
}

fn parameters(
    user: Uuid,
    profile: &Profile,
    personality: &Personality,
) -> Result<[Parameter; TYPES.len()], EngineError> {
    let Profile {
        state, landmark, ..
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
        value(user),
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
