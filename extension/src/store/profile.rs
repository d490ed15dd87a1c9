//! `public.personality_profiles`: conclusions, and the state they are drawn from.

use bondhu_core::mood::MOODS;
use bondhu_core::personality::{Landmark, Personality};
use bondhu_core::profile::{self, Profile, Value};
use bondhu_core::state::State;
use bondhu_core::style::CommunicationStyle;
use bondhu_core::tally::Tally;
use bondhu_core::time::Timestamp;
use bondhu_core::traits::{Traits, UNASSESSED};
use pgrx::Array;
use pgrx::datum::{TimestampWithTimeZone, Uuid};
use pgrx::pg_sys::{
    BOOLOID, INT4OID, INT8ARRAYOID, INT8OID, Oid, TEXTOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID,
    UUIDOID,
};

use crate::column::{self, Column, Kind, column};
use crate::datum::{instant, numeric, numeric4, timestamptz_element};
use crate::error::EngineError;
use crate::relation::Definition;
use crate::spi::{Parameter, Sql, Statement, Visibility, time, value};
use crate::store::Difference;
use crate::table::{Key, Row, Snapshot, Table};

/// The table.
pub(crate) static TABLE: Definition =
    Definition::new((c"public", c"personality_profiles"), &COLUMNS, KEY, WRITTEN);

const UNKNOWN: EngineError = EngineError::UnexpectedValue("personality_profiles");

/// Columns of the primary key.
const KEY: usize = 1;

/// Those the engine writes, the key's included.
const WRITTEN: usize = KEY + profile::COLUMNS.len();

/// In the table's order.
const COLUMNS: [Column; WRITTEN] = {
    let mut columns = [column("user_id", Kind::of(UUIDOID)); WRITTEN];
    let mut index = 0;
    while index < profile::COLUMNS.len() {
        columns[KEY + index] = written(&profile::COLUMNS[index]);
        index += 1;
    }
    columns
};

/// Types of what is written.
const TYPES: [Oid; WRITTEN] = {
    let mut types = [UUIDOID; WRITTEN];
    let mut index = KEY;
    while index < WRITTEN {
        types[index] = COLUMNS[index].kind.oid;
        index += 1;
    }
    types
};

/// A column as the table has it.
const fn written(of: &profile::Column) -> Column {
    let kind = match of.value {
        Value::Instant(_) | Value::InstantOrNull(_) => Kind::of(TIMESTAMPTZOID),
        Value::Hundredths(_) => Kind::numeric(5, 2),
        Value::TenThousandths(_) | Value::TenThousandthsOrNull(_) => Kind::numeric(5, 4),
        Value::Text(_) | Value::TextOrNull(_) => Kind::of(TEXTOID),
        Value::Boolean(_) => Kind::of(BOOLOID),
        Value::Integer(_) => Kind::of(INT4OID),
        Value::Bigint(_) => Kind::of(INT8OID),
        Value::Bigints(_) | Value::Traits(_) => Kind::of(INT8ARRAYOID),
        Value::Instants(_) => Kind::of(TIMESTAMPTZARRAYOID),
    };
    let column = column(of.name, kind);
    match of.value {
        Value::InstantOrNull(_) | Value::TenThousandthsOrNull(_) | Value::TextOrNull(_) => {
            column.or_null()
        }
        _ => column,
    }
}

static CREATE: Statement = Statement::new(
    "creating a profile",
    Sql::Text(
        "insert into public.personality_profiles (user_id, as_of, window_hours, settings_version, baseline_traits)
         select $1, $2, s.window_hours, s.version, coalesce(bondhu.baseline_traits($1), array_fill(5000::bigint, array[5]))
         from bondhu.settings s
         on conflict (user_id) do nothing",
    ),
    &[UUIDOID, TIMESTAMPTZOID],
);

// Compared as text: to the last digit stored.
static DIFFERENCES: Statement = Statement::new(
    "comparing a profile",
    Sql::Made(|| {
        let rows: Vec<_> = (2..)
            .zip(&profile::COLUMNS[..profile::DETERMINED])
            .map(|(parameter, profile::Column { name, .. })| {
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

static BASELINE: Statement = Statement::new(
    "reading an assessment",
    Sql::Text("select bondhu.baseline_traits($1, coalesce($2, 'infinity'))"),
    &[UUIDOID, TIMESTAMPTZOID],
);

/// Where a user's traits start: by their latest completed assessment, none without one.
pub(crate) fn assessed(visibility: Visibility, user: Uuid) -> Result<Option<Traits>, EngineError> {
    assessed_until(visibility, user, None)
}

fn assessed_until(
    visibility: Visibility,
    user: Uuid,
    until: Option<Timestamp>,
) -> Result<Option<Traits>, EngineError> {
    let rows = BASELINE.run(visibility, [value(user), until.and_then(time)])?;
    let values = rows.iter().next().map(|row| row.maybe::<Array<'_, i64>>(1));
    let values = values.transpose()?.flatten();
    values
        .map(|values| numbers(&values).map(Traits::from_values))
        .transpose()
}

/// The same, and the middle without one.
pub(crate) fn baseline(visibility: Visibility, user: Uuid) -> Result<Traits, EngineError> {
    Ok(assessed(visibility, user)?.unwrap_or(UNASSESSED))
}

/// The same, of what was completed until an instant.
pub(crate) fn baseline_at(
    visibility: Visibility,
    user: Uuid,
    until: Timestamp,
) -> Result<Traits, EngineError> {
    Ok(assessed_until(visibility, user, Some(until))?.unwrap_or(UNASSESSED))
}

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
    CREATE.run(Visibility::Newest, [value(user), time(as_of)])?;
    lock(table, user)?.ok_or(EngineError::NoSettings)
}

fn numbers<const N: usize>(array: &Array<'_, i64>) -> Result<[i64; N], EngineError> {
    let numbers = array.as_slice().map_err(|_| UNKNOWN)?;
    numbers.try_into().map_err(|_| UNKNOWN)
}

/// The columns of a row after the key, by their index in [`profile::COLUMNS`].
struct ProfileRow<'r>(&'r Row<'r>);

impl ProfileRow<'_> {
    fn get<T: column::Value>(&self, index: usize) -> Result<T, EngineError> {
        self.0.get(KEY + index)
    }

    /// An array of `N` numbers, none of them null.
    fn numbers<const N: usize>(&self, index: usize) -> Result<[i64; N], EngineError> {
        numbers(&self.get::<Array<'_, i64>>(index)?)
    }

    fn instant(&self, index: usize) -> Result<Option<Timestamp>, EngineError> {
        let at = self.0.maybe::<TimestampWithTimeZone>(KEY + index)?;
        Ok(at.map(|at| instant(at.into())))
    }
}

fn profile(row: &Row<'_>) -> Result<Profile, EngineError> {
    let row = ProfileRow(row);
    let mut state = State {
        as_of: row.instant(profile::AS_OF)?.ok_or(UNKNOWN)?,
        window_hours: row.get::<i32>(profile::WINDOW_HOURS)?.into(),
        window: Tally {
            count: row.get(profile::MESSAGE_COUNT)?,
            sum: row.get(profile::WINDOW_SUM)?,
            sum_squares: row.get(profile::WINDOW_SUM_SQUARES)?,
            moods: row.numbers(profile::WINDOW_MOODS)?,
        },
        latest: [None; MOODS],
        oldest: row.instant(profile::WINDOW_OLDEST)?,
        previous_count: row.get(profile::PREVIOUS_COUNT)?,
        previous_sum: row.get(profile::PREVIOUS_SUM)?,
        previous_oldest: row.instant(profile::PREVIOUS_OLDEST)?,
        traits: Tally {
            count: row.get(profile::TRAIT_COUNT)?,
            sum: row.get(profile::TRAIT_SUM)?,
            sum_squares: row.get(profile::TRAIT_SUM_SQUARES)?,
            moods: row.numbers(profile::TRAIT_MOODS)?,
        },
        last_crisis_at: row.instant(profile::LAST_CRISIS_AT)?,
        baseline: Traits::from_values(row.numbers(profile::BASELINE_TRAITS)?),
    };
    let latest = row.get::<Vec<Option<TimestampWithTimeZone>>>(profile::WINDOW_LATEST)?;
    for (slot, at) in state.latest.iter_mut().zip(latest) {
        *slot = at.map(|at| instant(at.into()));
    }
    let style = row.get::<&str>(profile::LANDMARK_STYLE)?;
    let landmark = Landmark {
        traits: row.numbers(profile::LANDMARK_TRAITS)?,
        communication: CommunicationStyle::parse(style).ok_or(UNKNOWN)?,
    };
    Ok(Profile {
        state,
        landmark,
        settings_version: row.get(profile::SETTINGS_VERSION)?,
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

/// What the stored row of a user has other than `recounted`.
pub(crate) fn differences(
    visibility: Visibility,
    user: Uuid,
    recounted: &Profile,
    personality: &Personality,
) -> Result<Vec<Difference>, EngineError> {
    DIFFERENCES
        .run(visibility, parameters(user, recounted, personality)?)?
        .iter()
        .map(|row| Ok((row.get(1)?, row.maybe(2)?, row.maybe(3)?)))
        .collect()
}

fn parameters(
    user: Uuid,
    profile: &Profile,
    personality: &Personality,
) -> Result<[Parameter; WRITTEN], EngineError> {
    let mut parameters = [value(user); WRITTEN];
    for (slot, column) in parameters[KEY..].iter_mut().zip(&profile::COLUMNS) {
        *slot = parameter(&column.value, profile, personality)?;
    }
    Ok(parameters)
}

fn parameter(
    of: &Value,
    profile: &Profile,
    personality: &Personality,
) -> Result<Parameter, EngineError> {
    Ok(match of {
        Value::Instant(of) => time(of(profile, personality)),
        Value::InstantOrNull(of) => of(profile, personality).and_then(time),
        Value::Hundredths(of) => value(numeric(of(profile, personality))),
        Value::TenThousandths(of) => value(numeric4(of(profile, personality))),
        Value::TenThousandthsOrNull(of) => {
            of(profile, personality).and_then(|number| value(numeric4(number)))
        }
        Value::Text(of) => value(of(profile, personality)),
        Value::TextOrNull(of) => of(profile, personality).and_then(value),
        Value::Boolean(of) => value(of(profile, personality)),
        Value::Integer(of) => value(of(profile, personality)),
        Value::Bigint(of) => value(of(profile, personality)),
        Value::Bigints(of) => value(of(profile, personality).to_vec()),
        Value::Traits(of) => value(of(profile, personality).to_vec()),
        Value::Instants(of) => {
            let instants = of(profile, personality).iter();
            let elements = instants.map(|at| at.map(timestamptz_element).transpose());
            value(elements.collect::<Result<Vec<_>, _>>()?)
        }
    })
}
