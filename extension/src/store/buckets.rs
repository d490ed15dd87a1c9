//! `public.sentiment_buckets`: sums per user and 15 minutes.

use bondhu_core::fold::Deltas;
use bondhu_core::tally::{Inconsistent, Tally};
use bondhu_core::time::Day;
use pgrx::datum::Uuid;
use pgrx::pg_sys::{TIMESTAMPTZOID, UUIDOID};

use crate::column::{Column, Kind, column};
use crate::datum::timestamptz;
use crate::error::EngineError;
use crate::relation::Definition;
use crate::spi::{Sql, Statement, Visibility, time, value};
use crate::store::{Difference, messages, profile, tally};
use crate::table::{Key, Table};

/// The table.
pub(crate) static TABLE: Definition = Definition::new(
    (c"public", c"sentiment_buckets"),
    &COLUMNS,
    KEY,
    COLUMNS.len(),
)
.below(&profile::TABLE);

const KEY: usize = 2;

const COLUMNS: [Column; KEY + tally::WIDTH] = {
    let mut columns = [column("user_id", Kind::of(UUIDOID)); KEY + tally::WIDTH];
    columns[1] = column("bucket_start", Kind::of(TIMESTAMPTZOID));
    let mut index = 0;
    while index < tally::WIDTH {
        columns[KEY + index] = tally::COLUMNS[index];
        index += 1;
    }
    columns
};

static DAYS: Statement = Statement::new(
    "reading daily tallies",
    Sql::Made(|| {
        let sums = tally::sums();
        format!(
            "select floor(extract(epoch from b.bucket_start) / 86400)::bigint, {sums}
             from public.sentiment_buckets b
             where b.user_id = $1 and b.bucket_start >= $2
             group by 1"
        )
    }),
    &[UUIDOID, TIMESTAMPTZOID],
);

static CLEAR: Statement = Statement::new(
    "clearing sentiment buckets",
    Sql::Text("delete from public.sentiment_buckets where user_id = $1"),
    &[UUIDOID],
);

/// The buckets of a user, from the messages.
fn recounted() -> String {
    let sums = tally::recounted();
    format!(
        "select c.user_id, date_bin('15 minutes', c.created_at, 'epoch'), {sums}
         from public.chat_messages c
         where c.user_id = $1 and {}
         group by 1, 2",
        messages::counts!()
    )
}

static RECOUNT: Statement = Statement::new(
    "recounting sentiment buckets",
    Sql::Made(|| {
        let columns = tally::names();
        let recounted = recounted();
        format!(
            "insert into public.sentiment_buckets (user_id, bucket_start, {columns}) {recounted}"
        )
    }),
    &[UUIDOID],
);

static DIFFERENCES: Statement = Statement::new(
    "comparing sentiment buckets",
    Sql::Made(|| {
        let columns = tally::names();
        let recounted = recounted();
        format!(
            "select bucket_start::text, b.tally, r.tally
             from (
               select bucket_start, row({columns})::text as tally
               from public.sentiment_buckets
               where user_id = $1
             ) b
             full join (
               select bucket_start, row({columns})::text as tally
               from ({recounted}) c (user_id, bucket_start, {columns})
             ) r using (bucket_start)
             where b.tally is distinct from r.tally
             order by bucket_start"
        )
    }),
    &[UUIDOID],
);

/// Applies what a user's buckets change by. Whoever does so has the user's profile locked.
/// A bucket that loses its last message goes: nothing may tell it was there.
pub(crate) fn apply(table: &Table, user: Uuid, deltas: &Deltas) -> Result<(), EngineError> {
    for (start, delta) in deltas.iter().filter(|(_, delta)| **delta != Tally::EMPTY) {
        let key = [Key::uuid(user), Key::timestamptz(timestamptz(*start))];
        let row = table.lock(&key)?;
        let stored = |row| tally::stored(row, KEY);
        let mut sum = row.as_ref().map_or(Ok(Tally::EMPTY), stored)?;
        sum.add(delta, 1)
            .map_err(|error| EngineError::inconsistent(user, error))?;
        if !sum.is_sound() {
            return Err(EngineError::inconsistent(user, Inconsistent));
        }
        match row {
            Some(row) if sum == Tally::EMPTY => row.delete()?,
            Some(row) => row.update(&tally::values(&sum)?)?,
            None => {
                let mut new = [None; KEY + tally::WIDTH];
                let (key, tally) = new.split_at_mut(KEY);
                key.copy_from_slice(&[value(user), time(*start)]);
                tally.copy_from_slice(&tally::values(&sum)?);
                table.insert(&new)?;
            }
        }
    }
    Ok(())
}

/// Daily tallies of a user from a day on.
pub(crate) fn days(
    visibility: Visibility,
    user: Uuid,
    from: Day,
) -> Result<Vec<(Day, Tally)>, EngineError> {
    DAYS.run(visibility, [value(user), time(from.start())])?
        .iter()
        .map(|row| Ok((Day(row.get(1)?), tally::of(&row, 2)?)))
        .collect()
}

/// Counts a user's buckets anew from the messages.
pub(crate) fn recount(user: Uuid) -> Result<(), EngineError> {
    CLEAR.run(Visibility::Newest, [value(user)])?;
    RECOUNT.run(Visibility::Newest, [value(user)]).map(drop)
}

/// The buckets of a user that are not what the messages make them, named by their start.
pub(crate) fn differences(
    visibility: Visibility,
    user: Uuid,
) -> Result<Vec<Difference>, EngineError> {
    DIFFERENCES
        .run(visibility, [value(user)])?
        .iter()
        .map(|row| Ok((row.get(1)?, row.maybe(2)?, row.maybe(3)?)))
        .collect()
}
