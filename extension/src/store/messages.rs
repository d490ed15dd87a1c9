//! A user's scored messages, read by ranges of the index on `(user_id, created_at)`.

use bondhu_core::message::Message;
use bondhu_core::mood::Mood;
use bondhu_core::state::Span;
use bondhu_core::tally::Tally;
use bondhu_core::time::{Day, Timestamp};
use pgrx::datum::Uuid;
use pgrx::pg_sys::{BOOLOID, INT4OID, TEXTOID, TIMESTAMPTZOID, UUIDOID};

use crate::column::{Column, Kind, column};
use crate::error::EngineError;
use crate::relation::Definition;
use crate::spi::{Sql, Statement, Visibility, time, value};
use crate::store::tally;

/// The table. It is written by its BEFORE trigger alone.
pub(crate) static TABLE: Definition =
    Definition::new((c"public", c"chat_messages"), &COLUMNS, 2, 2);

/// Places in [`COLUMNS`].
pub(crate) const USER_ID: usize = 0;
pub(crate) const ID: usize = 1;
pub(crate) const CREATED_AT: usize = 2;
pub(crate) const SENDER_TYPE: usize = 3;
pub(crate) const MESSAGE_TEXT: usize = 4;
pub(crate) const SENTIMENT_SCORE: usize = 5;
pub(crate) const MOOD_DETECTED: usize = 6;
pub(crate) const SUPPORT_LEVEL: usize = 7;
pub(crate) const VERSION: usize = 8;
pub(crate) const CORRECTED_SENTIMENT: usize = 9;
pub(crate) const CORRECTED_MOOD: usize = 10;
pub(crate) const COUNTS: usize = 11;

const COLUMNS: [Column; 12] = [
    column("user_id", Kind::of(UUIDOID)),
    column("id", Kind::of(UUIDOID)),
    column("created_at", Kind::of(TIMESTAMPTZOID)),
    column("sender_type", Kind::of(TEXTOID)),
    column("message_text", Kind::of(TEXTOID)),
    column("sentiment_score", Kind::numeric(3, 2)).or_null(),
    column("mood_detected", Kind::of(TEXTOID)).or_null(),
    column("support_level", Kind::of(TEXTOID)).or_null(),
    column("engine_version", Kind::of(INT4OID)).or_null(),
    column("corrected_sentiment", Kind::numeric(3, 2)).or_null(),
    column("corrected_mood", Kind::of(TEXTOID)).or_null(),
    column("counts", Kind::of(BOOLOID)),
];

/// The score of a message `c` in hundredths, as it is read: a correction comes before the engine's.
macro_rules! score {
    () => {
        "(coalesce(c.corrected_sentiment, c.sentiment_score) * 100)::bigint"
    };
}

/// Its mood, likewise.
macro_rules! mood {
    () => {
        "coalesce(c.corrected_mood, c.mood_detected)"
    };
}

/// Whether it counts in what is learnt of the person.
macro_rules! counts {
    () => {
        "c.engine_version is not null and c.counts"
    };
}

pub(crate) use {counts, mood, score};

static IN_SPAN: Statement = Statement::new(
    "reading messages of a span",
    Sql::Text(concat!(
        "select c.created_at, ",
        score!(),
        ", ",
        mood!(),
        ", c.support_level = 'crisis'
         from public.chat_messages c
         where c.user_id = $1 and c.created_at > $2 and c.created_at <= $3 and ",
        counts!()
    )),
    &[UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

static OLDEST: Statement = Statement::new(
    "reading the oldest message of a span",
    Sql::Text(concat!(
        "select c.created_at
         from public.chat_messages c
         where c.user_id = $1 and c.created_at > $2 and c.created_at <= $3 and ",
        counts!(),
        " order by c.created_at, c.seq limit 1"
    )),
    &[UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

static LATEST_OF_MOOD: Statement = Statement::new(
    "reading the latest message of a mood",
    Sql::Text(concat!(
        "select c.created_at
         from public.chat_messages c
         where c.user_id = $1 and c.created_at > $2 and ",
        mood!(),
        " = $3 and ",
        counts!(),
        " order by c.created_at desc, c.seq desc limit 1"
    )),
    &[UUIDOID, TIMESTAMPTZOID, TEXTOID],
);

static LAST_CRISIS: Statement = Statement::new(
    "reading the last crisis message",
    Sql::Text(
        "select max(c.created_at) from public.chat_messages c
         where c.user_id = $1 and c.support_level = 'crisis' and ($2 is null or c.created_at <= $2)",
    ),
    &[UUIDOID, TIMESTAMPTZOID],
);

static NEWEST: Statement = Statement::new(
    "reading the newest message",
    Sql::Text(
        "select c.created_at
         from public.chat_messages c
         where c.user_id = $1 and c.engine_version is not null and (c.counts or c.support_level = 'crisis')
         order by c.created_at desc, c.seq desc
         limit 1",
    ),
    &[UUIDOID],
);

static DAYS: Statement = Statement::new(
    "tallying messages by day",
    Sql::Made(|| {
        let sums = tally::recounted();
        format!(
            "select floor(extract(epoch from c.created_at) / 86400)::bigint, {sums}
             from public.chat_messages c
             where c.user_id = $1 and c.created_at >= $2 and c.created_at <= $3 and {}
             group by 1",
            counts!()
        )
    }),
    &[UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID],
);

/// The scored messages of a span.
pub(crate) fn in_span(
    visibility: Visibility,
    user: Uuid,
    span: Span,
) -> Result<Vec<Message>, EngineError> {
    IN_SPAN
        .run(
            visibility,
            [value(user), time(span.after), time(span.through)],
        )?
        .iter()
        .map(|row| {
            let mood = row.get::<&str>(3)?;
            Ok(Message {
                created_at: row.instant(1)?,
                score: row.get(2)?,
                mood: Mood::parse(mood).ok_or(EngineError::UnexpectedValue("mood_detected"))?,
                crisis: row.get(4)?,
                counts: true,
            })
        })
        .collect()
}

/// When the oldest scored message of a span was written.
pub(crate) fn oldest(
    visibility: Visibility,
    user: Uuid,
    span: Span,
) -> Result<Option<Timestamp>, EngineError> {
    let rows = OLDEST.run(
        visibility,
        [value(user), time(span.after), time(span.through)],
    )?;
    rows.iter()
        .next()
        .map_or(Ok(None), |row| row.maybe_instant(1))
}

/// When the newest message of a mood after an instant was written.
pub(crate) fn latest_of_mood(
    visibility: Visibility,
    user: Uuid,
    after: Timestamp,
    mood: Mood,
) -> Result<Option<Timestamp>, EngineError> {
    let rows = LATEST_OF_MOOD.run(visibility, [value(user), time(after), value(mood.as_str())])?;
    rows.iter()
        .next()
        .map_or(Ok(None), |row| row.maybe_instant(1))
}

/// When the newest crisis message was written, of those until an instant if one is given.
pub(crate) fn last_crisis(
    visibility: Visibility,
    user: Uuid,
    until: Option<Timestamp>,
) -> Result<Option<Timestamp>, EngineError> {
    let rows = LAST_CRISIS.run(visibility, [value(user), until.and_then(time)])?;
    rows.iter()
        .next()
        .map_or(Ok(None), |row| row.maybe_instant(1))
}

/// When the newest message was written that counts or shows a crisis.
pub(crate) fn newest(visibility: Visibility, user: Uuid) -> Result<Option<Timestamp>, EngineError> {
    let rows = NEWEST.run(visibility, [value(user)])?;
    rows.iter()
        .next()
        .map_or(Ok(None), |row| row.maybe_instant(1))
}

/// Daily tallies of the messages themselves, from a day to an instant.
pub(crate) fn days(
    visibility: Visibility,
    user: Uuid,
    from: Day,
    until: Timestamp,
) -> Result<Vec<(Day, Tally)>, EngineError> {
    DAYS.run(visibility, [value(user), time(from.start()), time(until)])?
        .iter()
        .map(|row| Ok((Day(row.get(1)?), tally::of(&row, 2)?)))
        .collect()
}
