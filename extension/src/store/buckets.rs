//! `public.sentiment_buckets`: sums per user and 15 minutes.

use std::collections::{BTreeMap, HashMap};

use bondhu_core::mood::MOODS;
use bondhu_core::tally::Tally;
use bondhu_core::time::{Day, Timestamp};
use pgrx::datum::Uuid;
use pgrx::pg_sys::{
    INT4ARRAYOID, INT8ARRAYOID, Oid, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID,
};

use crate::datum::timestamptz_element;
use crate::error::EngineError;
use crate::spi::{Parameter, Row, Sees, Statement, time, value};

/// Deltas per user and bucket.
pub(crate) type Deltas = BTreeMap<(Uuid, Timestamp), Tally>;

const DELTA: [Oid; 18] = [
    UUIDARRAYOID,
    TIMESTAMPTZARRAYOID,
    INT4ARRAYOID,
    INT8ARRAYOID,
    INT8ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
    INT4ARRAYOID,
];

static ADD: Statement = Statement::new(
    "adding to sentiment buckets",
    c"insert into public.sentiment_buckets as b
        (user_id, bucket_start, message_count, score_sum, score_sum_squares, angry, anxious, calm, curious,
         disgust, grateful, joy, lonely, love, neutral, sad, surprise, tired)
      select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
      on conflict (user_id, bucket_start) do update set
        message_count = b.message_count + excluded.message_count,
        score_sum = b.score_sum + excluded.score_sum,
        score_sum_squares = b.score_sum_squares + excluded.score_sum_squares,
        angry = b.angry + excluded.angry, anxious = b.anxious + excluded.anxious, calm = b.calm + excluded.calm,
        curious = b.curious + excluded.curious, disgust = b.disgust + excluded.disgust,
        grateful = b.grateful + excluded.grateful, joy = b.joy + excluded.joy, lonely = b.lonely + excluded.lonely,
        love = b.love + excluded.love, neutral = b.neutral + excluded.neutral, sad = b.sad + excluded.sad,
        surprise = b.surprise + excluded.surprise, tired = b.tired + excluded.tired",
    &DELTA,
);

// A bucket that loses its last message goes: nothing may tell it was there.
static SHIFT: Statement = Statement::new(
    "taking out of sentiment buckets",
    c"with delta as materialized (
        select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
          d (user_id, bucket_start, message_count, score_sum, score_sum_squares, angry, anxious, calm, curious,
             disgust, grateful, joy, lonely, love, neutral, sad, surprise, tired)
      ), emptied as (
        delete from public.sentiment_buckets b using delta d
        where b.user_id = d.user_id and b.bucket_start = d.bucket_start and b.message_count + d.message_count = 0
      )
      update public.sentiment_buckets b set
        message_count = b.message_count + d.message_count,
        score_sum = b.score_sum + d.score_sum,
        score_sum_squares = b.score_sum_squares + d.score_sum_squares,
        angry = b.angry + d.angry, anxious = b.anxious + d.anxious, calm = b.calm + d.calm,
        curious = b.curious + d.curious, disgust = b.disgust + d.disgust,
        grateful = b.grateful + d.grateful, joy = b.joy + d.joy, lonely = b.lonely + d.lonely,
        love = b.love + d.love, neutral = b.neutral + d.neutral, sad = b.sad + d.sad,
        surprise = b.surprise + d.surprise, tired = b.tired + d.tired
      from delta d
      where b.user_id = d.user_id and b.bucket_start = d.bucket_start and b.message_count + d.message_count <> 0",
    &DELTA,
);

static DAYS: Statement = Statement::new(
    "reading daily tallies",
    c"select b.user_id, floor(extract(epoch from b.bucket_start) / 86400)::bigint, sum(b.message_count)::bigint,
        sum(b.score_sum)::bigint, sum(b.score_sum_squares)::bigint, sum(b.angry), sum(b.anxious), sum(b.calm),
        sum(b.curious), sum(b.disgust), sum(b.grateful), sum(b.joy), sum(b.lonely), sum(b.love), sum(b.neutral),
        sum(b.sad), sum(b.surprise), sum(b.tired)
      from public.sentiment_buckets b
      where b.user_id = any ($1) and b.bucket_start >= $2
      group by 1, 2",
    &[UUIDARRAYOID, TIMESTAMPTZOID],
);

static CLEAR: Statement = Statement::new(
    "clearing sentiment buckets",
    c"delete from public.sentiment_buckets where user_id = $1",
    &[UUIDOID],
);

static RECOUNT: Statement = Statement::new(
    "recounting sentiment buckets",
    c"insert into public.sentiment_buckets
        (user_id, bucket_start, message_count, score_sum, score_sum_squares, angry, anxious, calm, curious,
         disgust, grateful, joy, lonely, love, neutral, sad, surprise, tired)
      select m.user_id, date_bin('15 minutes', m.created_at, 'epoch'), count(*),
        sum((m.sentiment_score * 100)::bigint), sum(((m.sentiment_score * 100)::bigint) ^ 2),
        count(*) filter (where m.mood_detected = 'angry'), count(*) filter (where m.mood_detected = 'anxious'),
        count(*) filter (where m.mood_detected = 'calm'), count(*) filter (where m.mood_detected = 'curious'),
        count(*) filter (where m.mood_detected = 'disgust'), count(*) filter (where m.mood_detected = 'grateful'),
        count(*) filter (where m.mood_detected = 'joy'), count(*) filter (where m.mood_detected = 'lonely'),
        count(*) filter (where m.mood_detected = 'love'), count(*) filter (where m.mood_detected = 'neutral'),
        count(*) filter (where m.mood_detected = 'sad'), count(*) filter (where m.mood_detected = 'surprise'),
        count(*) filter (where m.mood_detected = 'tired')
      from public.chat_messages m
      where m.user_id = $1 and m.engine_version is not null
      group by 1, 2",
    &[UUIDOID],
);

/// Adds deltas that only add.
pub(crate) fn add(deltas: &Deltas) -> Result<(), EngineError> {
    if deltas.is_empty() {
        Ok(())
    } else {
        ADD.run(Sees::Newest, &parameters(deltas)?).map(drop)
    }
}

/// Applies deltas that take something out; the buckets exist.
pub(crate) fn shift(deltas: &Deltas) -> Result<(), EngineError> {
    if deltas.is_empty() {
        Ok(())
    } else {
        SHIFT.run(Sees::Newest, &parameters(deltas)?).map(drop)
    }
}

fn parameters(deltas: &Deltas) -> Result<Vec<Parameter>, EngineError> {
    let numbers = |of: &dyn Fn(&Tally) -> i64| value(deltas.values().map(of).collect::<Vec<_>>());
    let counts = |of: &dyn Fn(&Tally) -> i64| {
        let count = |tally| {
            i32::try_from(of(tally)).map_err(|_| EngineError::UnexpectedValue("a bucket's count"))
        };
        Ok(value(
            deltas.values().map(count).collect::<Result<Vec<_>, _>>()?,
        ))
    };
    let mut parameters = vec![
        value(deltas.keys().map(|(user, _)| *user).collect::<Vec<_>>()),
        value(
            deltas
                .keys()
                .map(|(_, start)| timestamptz_element(*start))
                .collect::<Result<Vec<_>, _>>()?,
        ),
        counts(&|tally| tally.count)?,
        numbers(&|tally| tally.sum),
        numbers(&|tally| tally.sum_squares),
    ];
    for mood in 0..MOODS {
        parameters.push(counts(&|tally| tally.moods[mood])?);
    }
    Ok(parameters)
}

/// Daily tallies of users from a day on.
pub(crate) fn days(
    sees: Sees,
    users: &[Uuid],
    from: Day,
) -> Result<HashMap<Uuid, Vec<(Day, Tally)>>, EngineError> {
    let mut days: HashMap<Uuid, Vec<(Day, Tally)>> = HashMap::new();
    if users.is_empty() {
        return Ok(days);
    }
    for row in DAYS
        .run(sees, &[value(users.to_vec()), time(from.start())])?
        .iter()
    {
        days.entry(row.get(1)?)
            .or_default()
            .push((Day(row.get(2)?), tally(&row)?));
    }
    Ok(days)
}

fn tally(row: &Row<'_>) -> Result<Tally, EngineError> {
    let mut tally = Tally {
        count: row.get(3)?,
        sum: row.get(4)?,
        sum_squares: row.get(5)?,
        ..Tally::EMPTY
    };
    for (column, mood) in (6..).zip(&mut tally.moods) {
        *mood = row.get(column)?;
    }
    Ok(tally)
}

/// Counts a user's buckets anew from the messages.
pub(crate) fn recount(user: Uuid) -> Result<(), EngineError> {
    CLEAR.run(Sees::Newest, &[value(user)])?;
    RECOUNT.run(Sees::Newest, &[value(user)]).map(drop)
}
