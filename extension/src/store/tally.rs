//! Tallies in SQL: the columns of `public.sentiment_buckets`, in the order of [`of`].

use bondhu_core::mood::Mood;
use bondhu_core::tally::Tally;
use pgrx::pg_sys::{INT4OID, INT8OID};

use crate::column::{Column, Kind, column};
use crate::error::EngineError;
use crate::spi::{self, Parameter, value};
use crate::store::messages;
use crate::table;

/// Numbers in a tally.
pub(crate) const WIDTH: usize = SUMS.len() + Mood::ALL.len();

const SUMS: [Column; 3] = [
    column("message_count", Kind::of(INT4OID)),
    column("score_sum", Kind::of(INT8OID)),
    column("score_sum_squares", Kind::of(INT8OID)),
];

/// The columns of the table, after those of its key.
pub(crate) const COLUMNS: [Column; WIDTH] = {
    let mut columns = [SUMS[0]; WIDTH];
    let mut index = 1;
    while index < WIDTH {
        columns[index] = if index < SUMS.len() {
            SUMS[index]
        } else {
            column(Mood::ALL[index - SUMS.len()].as_str(), Kind::of(INT4OID))
        };
        index += 1;
    }
    columns
};

/// The columns' names.
fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().map(|column| column.name)
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
                "count(*) filter (where {} = '{}')",
                messages::mood!(),
                mood.as_str()
            )
        })
        .join(", ");
    format!(
        "count(*), sum({score})::bigint, sum(({score}) ^ 2)::bigint, {moods}",
        score = messages::score!()
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

/// The tally in a stored row, whose columns are [`COLUMNS`] from `first` on.
pub(crate) fn stored(row: &table::Row<'_>, first: usize) -> Result<Tally, EngineError> {
    let mut tally = Tally {
        count: row.get::<i32>(first)?.into(),
        sum: row.get(first + 1)?,
        sum_squares: row.get(first + 2)?,
        ..Tally::EMPTY
    };
    for (column, mood) in (first + SUMS.len()..).zip(&mut tally.moods) {
        *mood = row.get::<i32>(column)?.into();
    }
    Ok(tally)
}

/// What a stored row's [`COLUMNS`] become.
pub(crate) fn values(tally: &Tally) -> Result<[Parameter; WIDTH], EngineError> {
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
    Ok(values)
}
