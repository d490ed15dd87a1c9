//! Tallies in SQL: the columns of `public.sentiment_buckets`, in the order of [`of`].

use bondhu_core::mood::Mood;
use bondhu_core::tally::Tally;

use crate::column::{Column, column};
use crate::error::EngineError;
use crate::spi::{self, Parameter, value};
use crate::table;

/// Numbers in a tally.
const WIDTH: usize = 3 + Mood::ALL.len();

const SUMS: [&str; 3] = ["message_count", "score_sum", "score_sum_squares"];

/// The columns' names.
fn columns() -> impl Iterator<Item = &'static str> {
    SUMS.into_iter().chain(Mood::ALL.map(Mood::as_str))
}

/// The columns' names, as a list.
pub(crate) fn names() -> String {
    columns().collect::<Vec<_>>().join(", ")
}

/// Their sums over a group of buckets `b`, as a list.
pub(crate) fn sums() -> String {
    let sums: Vec<_> = columns()
        .map(|column| format!("sum(b.{column})::bigint"))
        .collect();
    sums.join(", ")
}

/// The tally of a group of messages `c`.
pub(crate) fn recounted() -> String {
    let moods = Mood::ALL
        .map(|mood| {
            format!(
                "count(*) filter (where c.mood_detected = '{}')",
                mood.as_str()
            )
        })
        .join(", ");
    format!(
        "count(*), sum((c.sentiment_score * 100)::bigint)::bigint,
         sum(((c.sentiment_score * 100)::bigint) ^ 2)::bigint, {moods}"
    )
}

/// The tally in a result's row, whose numbers are bigints from column `first` on.
pub(crate) fn of(row: &spi::Row<'_>, first: i32) -> Result<Tally, EngineError> {
    let mut tally = Tally {
        count: row.get(first)?,
        sum: row.get(first + 1)?,
        sum_squares: row.get(first + 2)?,
        ..Tally::EMPTY
    };
    for (column, mood) in (first + 3..).zip(&mut tally.moods) {
        *mood = row.get(column)?;
    }
    Ok(tally)
}

/// The tally in a stored row.
pub(crate) fn stored(row: &table::Row<'_>) -> Result<Tally, EngineError> {
    let [count, sum, sum_squares, moods @ ..] = places();
    let mut tally = Tally {
        count: row.get::<i32>(count)?.into(),
        sum: row.get(sum)?,
        sum_squares: row.get(sum_squares)?,
        ..Tally::EMPTY
    };
    for (column, mood) in moods.into_iter().zip(&mut tally.moods) {
        *mood = row.get::<i32>(column)?.into();
    }
    Ok(tally)
}

/// What a stored row's columns become.
pub(crate) fn values(
    tally: &Tally,
) -> Result<impl Iterator<Item = (Column, Parameter)>, EngineError> {
    let count = |number| {
        i32::try_from(number).map_err(|_| EngineError::UnexpectedValue("a bucket's count"))
    };
    let mut values = [None; WIDTH];
    let [of_count, of_sum, of_squares, of_moods @ ..] = &mut values;
    *of_count = value(count(tally.count)?);
    *of_sum = value(tally.sum);
    *of_squares = value(tally.sum_squares);
    for (slot, number) in of_moods.iter_mut().zip(tally.moods) {
        *slot = value(count(number)?);
    }
    Ok(places().into_iter().zip(values))
}

/// The columns, which come after user and start.
fn places() -> [Column; WIDTH] {
    let mut places = [column(SUMS[0], 3); WIDTH];
    for ((slot, name), place) in places.iter_mut().zip(columns()).zip(3..) {
        *slot = column(name, place);
    }
    places
}
