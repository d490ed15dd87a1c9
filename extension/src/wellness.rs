//! `wellness(user_id, first_day, last_day)`: the weeks that end with each of a user's days.

use std::collections::BTreeSet;

use bondhu_core::settings::Settings;
use bondhu_core::tally::{Inconsistent, Tally};
use bondhu_core::time::Day;
use bondhu_core::wellness::{WEEK, Wellness};
use pgrx::datum::{Date, Uuid};
use pgrx::prelude::*;

use crate::datum::numeric;
use crate::error::{EngineError, or_raise};
use crate::spi::{self, Visibility};
use crate::store::{local, settings};
use crate::table::Snapshot;

/// Days from 1970-01-01, core's first, to 2000-01-01, Postgres' first.
const POSTGRES_EPOCH: i64 = 10_957;

type Row = (
    Date,
    i64,
    i64,
    Option<AnyNumeric>,
    Option<AnyNumeric>,
    Option<AnyNumeric>,
    Option<AnyNumeric>,
    AnyNumeric,
);

/// One row for each local day of a range whose week has messages. Scores and components run
/// 0..100.
#[allow(clippy::type_complexity)] // pgrx reads the columns from the signature
#[pg_extern(stable, parallel_restricted, strict)]
fn wellness(
    user_id: Uuid,
    first_day: Date,
    last_day: Date,
) -> TableIterator<
    'static,
    (
        name!(day, Date),
        name!(message_count, i64),
        name!(active_days, i64),
        name!(score, Option<AnyNumeric>),
        name!(mean, Option<AnyNumeric>),
        name!(trend, Option<AnyNumeric>),
        name!(stability, Option<AnyNumeric>),
        name!(engagement, AnyNumeric),
    ),
> {
    let day = |date: Date| Day(i64::from(date.to_pg_epoch_days()) + POSTGRES_EPOCH);
    let (first, last) = (day(first_day), day(last_day));
    let rows = or_raise(spi::connected(|| {
        let settings = settings::read(Snapshot::Caller)?;
        let from = Day(first.0 + 1 - 2 * WEEK);
        let days = local::days(Visibility::Caller, user_id, from, last)?;
        // A day counts for the week that it begins.
        let with_messages = days.iter().flat_map(|(day, _)| day.0..day.0 + WEEK);
        let ends: BTreeSet<_> = with_messages
            .filter(|day| (first.0..=last.0).contains(day))
            .collect();
        ends.into_iter()
            .map(|day| {
                row(&days, Day(day), &settings)
                    .map_err(|error| EngineError::inconsistent(user_id, error))
            })
            .collect::<Result<Vec<_>, _>>()
    }));
    TableIterator::new(rows)
}

fn row(days: &[(Day, Tally)], day: Day, settings: &Settings) -> Result<Row, Inconsistent> {
    let (week, active_days) = sum(days, Day(day.0 - WEEK), day)?;
    let (before, _) = sum(days, Day(day.0 - 2 * WEEK), Day(day.0 - WEEK))?;
    let wellness = Wellness::of(&week, &before, active_days, settings);
    let date = i32::try_from(day.0 - POSTGRES_EPOCH).map_err(|_| Inconsistent)?;
    Ok((
        Date::saturating_from_raw(date),
        week.count,
        active_days,
        wellness.score.map(numeric),
        wellness.mean.map(numeric),
        wellness.trend.map(numeric),
        wellness.stability.map(numeric),
        numeric(wellness.engagement),
    ))
}

/// The tally of the days in `(after, through]`, and how many have messages.
fn sum(days: &[(Day, Tally)], after: Day, through: Day) -> Result<(Tally, i64), Inconsistent> {
    let mut sum = (Tally::EMPTY, 0);
    for (_, tally) in days
        .iter()
        .filter(|(day, _)| *day > after && *day <= through)
    {
        sum.0.add(tally, 1)?;
        sum.1 += 1;
    }
    Ok(sum)
}
