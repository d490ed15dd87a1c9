//! A user's buckets in their own time zone.

use bondhu_core::patterns::Cell;
use bondhu_core::tally::Tally;
use bondhu_core::time::{Day, Timestamp};
use pgrx::datum::Uuid;
use pgrx::pg_sys::{INT8OID, TIMESTAMPTZOID, UUIDOID};

use crate::error::EngineError;
use crate::spi::{Sql, Statement, Visibility, time, value};

/// The local day of an instant, as days since 1970-01-01.
macro_rules! day {
    ($at:literal) => {
        concat!(
            "((",
            $at,
            " at time zone u.time_zone)::date - date '1970-01-01')::bigint"
        )
    };
}

/// The buckets `b` of the local days `$2` to `$3` of a user.
macro_rules! of_days {
    () => {
        concat!(
            " from bondhu.people u
             -- Where clocks go back at one in the morning midnight comes twice, and Postgres knows
             -- the second: the day decides, this only has to be wide enough.
             cross join lateral bondhu.buckets(u.user_id,
               (date '1970-01-01' + ($2 - 1)::integer)::timestamp at time zone u.time_zone,
               (date '1970-01-01' + ($3 + 2)::integer)::timestamp at time zone u.time_zone) b
             where u.user_id = $1 and ",
            day!("b.bucket_start"),
            " between $2 and $3"
        )
    };
}

static TODAY: Statement = Statement::new(
    "reading a user's day",
    Sql::Text(concat!(
        "select u.time_zone, ",
        day!("$2"),
        " from bondhu.people u where u.user_id = $1"
    )),
    &[UUIDOID, TIMESTAMPTZOID],
);

static CELLS: Statement = Statement::new(
    "reading hours of days",
    Sql::Text(concat!(
        "select ",
        day!("b.bucket_start"),
        ", extract(hour from b.bucket_start at time zone u.time_zone)::integer,
           sum(b.message_count)::bigint, sum(b.score_sum)::bigint",
        of_days!(),
        " group by 1, 2"
    )),
    &[UUIDOID, INT8OID, INT8OID],
);

static DAYS: Statement = Statement::new(
    "reading local days",
    Sql::Text(
        "select (d.day - date '1970-01-01')::bigint, d.message_count, d.score_sum, d.score_sum_squares
         from bondhu.sums_of_days($1, date '1970-01-01' + $2::integer, date '1970-01-01' + $3::integer) d",
    ),
    &[UUIDOID, INT8OID, INT8OID],
);

/// A user's time zone, and the day it is there at an instant; none if there is no such user.
pub(crate) fn today(
    visibility: Visibility,
    user: Uuid,
    at: Timestamp,
) -> Result<Option<(String, Day)>, EngineError> {
    let rows = TODAY.run(visibility, [value(user), time(at)])?;
    let row = rows.iter().next();
    row.map(|row| Ok((row.get(1)?, Day(row.get(2)?))))
        .transpose()
}

/// Messages by hour of local day, from `first` to `last`.
pub(crate) fn cells(
    visibility: Visibility,
    user: Uuid,
    first: Day,
    last: Day,
) -> Result<Vec<Cell>, EngineError> {
    CELLS
        .run(visibility, [value(user), value(first.0), value(last.0)])?
        .iter()
        .map(|row| {
            Ok(Cell {
                day: Day(row.get(1)?),
                hour: row.get::<i32>(2)? as usize,
                count: row.get(3)?,
                sum: row.get(4)?,
            })
        })
        .collect()
}

/// Tallies, without moods, of local days that have messages, from `first` to `last`, in order.
pub(crate) fn days(
    visibility: Visibility,
    user: Uuid,
    first: Day,
    last: Day,
) -> Result<Vec<(Day, Tally)>, EngineError> {
    DAYS.run(visibility, [value(user), value(first.0), value(last.0)])?
        .iter()
        .map(|row| {
            let tally = Tally {
                count: row.get(2)?,
                sum: row.get(3)?,
                sum_squares: row.get(4)?,
                ..Tally::EMPTY
            };
            Ok((Day(row.get(1)?), tally))
        })
        .collect()
}
