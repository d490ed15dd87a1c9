//! `patterns(user_ids, as_of)`: when people write, how they feel then, how their days hang
//! together.

use bondhu_core::decay::HORIZON_DAYS;
use bondhu_core::patterns::{Mean, Patterns};
use bondhu_core::time::{Day, Timestamp};
use pgrx::datum::{TimestampWithTimeZone, Uuid};
use pgrx::prelude::*;

use crate::datum::{instant, numeric4};
use crate::error::{EngineError, or_raise};
use crate::spi::{self, Visibility};
use crate::store::local;

type Row = (
    Uuid,
    String,
    Vec<i64>,
    Vec<Option<AnyNumeric>>,
    Vec<i64>,
    Vec<Option<AnyNumeric>>,
    Option<AnyNumeric>,
    i64,
    i64,
);

/// One row for each of the users there are: the patterns of the trait horizon that ends on
/// their local day of `as_of`. Hours run from midnight, weekdays from Monday; means are 0..1
/// and null of nothing.
#[allow(clippy::type_complexity)] // pgrx reads the columns from the signature
#[pg_extern(stable, parallel_restricted, strict)]
fn patterns(
    user_ids: Vec<Option<Uuid>>,
    as_of: TimestampWithTimeZone,
) -> TableIterator<
    'static,
    (
        name!(user_id, Uuid),
        name!(time_zone, String),
        name!(hour_counts, Vec<i64>),
        name!(hour_means, Vec<Option<AnyNumeric>>),
        name!(weekday_counts, Vec<i64>),
        name!(weekday_means, Vec<Option<AnyNumeric>>),
        name!(inertia, Option<AnyNumeric>),
        name!(current_streak, i64),
        name!(longest_streak, i64),
    ),
> {
    let as_of = instant(as_of.into());
    let rows = or_raise(spi::connected(|| {
        let rows = user_ids.iter().flatten().map(|user| row(*user, as_of));
        rows.filter_map(Result::transpose)
            .collect::<Result<Vec<_>, _>>()
    }));
    TableIterator::new(rows)
}

fn row(user: Uuid, as_of: Timestamp) -> Result<Option<Row>, EngineError> {
    let Some((time_zone, today)) = local::today(Visibility::Caller, user, as_of)? else {
        return Ok(None);
    };
    let first = Day(today.0 + 1 - HORIZON_DAYS);
    let cells = local::cells(Visibility::Caller, user, first, today)?;
    let patterns = Patterns::of(&cells, today);
    let counts = |means: &[Mean]| means.iter().map(|mean| mean.count).collect();
    let means = |means: &[Mean]| {
        let means = means.iter().map(|mean| mean.value().map(numeric4));
        means.collect()
    };
    Ok(Some((
        user,
        time_zone,
        counts(&patterns.hours),
        means(&patterns.hours),
        counts(&patterns.weekdays),
        means(&patterns.weekdays),
        patterns.inertia.map(numeric4),
        patterns.current_streak,
        patterns.longest_streak,
    )))
}
