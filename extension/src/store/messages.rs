//! Scored messages, read by ranges of the index on `(user_id, created_at)`.

use std::collections::HashMap;

use bondhu_core::message::Message;
use bondhu_core::mood::Mood;
use bondhu_core::state::Span;
use bondhu_core::time::Timestamp;
use pgrx::datum::Uuid;
use pgrx::pg_sys::{TEXTOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};

use crate::datum::timestamptz_element;
use crate::error::EngineError;
use crate::spi::{Parameter, Row, Sees, Statement, time, value};

// `offset 0` keeps the range scan a range scan, whatever the planner thinks of the size.
static IN_SPANS: Statement = Statement::new(
    "reading messages of spans",
    c"select s.user_id, m.created_at, m.score, m.mood_detected, m.crisis
      from unnest($1, $2, $3) s (user_id, after, through)
      cross join lateral (
        select c.created_at, (c.sentiment_score * 100)::bigint as score, c.mood_detected, c.support_level = 'crisis' as crisis
        from public.chat_messages c
        where c.user_id = s.user_id and c.created_at > s.after and c.created_at <= s.through
          and c.engine_version is not null
        offset 0
      ) m",
    &[UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID],
);

static OLDEST: Statement = Statement::new(
    "reading oldest messages of spans",
    c"select (
        select c.created_at
        from public.chat_messages c
        where c.user_id = s.user_id and c.created_at > s.after and c.created_at <= s.through
          and c.engine_version is not null
        order by c.created_at, c.seq
        limit 1
      )
      from unnest($1, $2, $3) with ordinality s (user_id, after, through, position)
      order by s.position",
    &[UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID],
);

static LATEST_OF_MOOD: Statement = Statement::new(
    "reading the latest message of a mood",
    c"select c.created_at
      from public.chat_messages c
      where c.user_id = $1 and c.created_at > $2 and c.mood_detected = $3
      order by c.created_at desc, c.seq desc
      limit 1",
    &[UUIDOID, TIMESTAMPTZOID, TEXTOID],
);

static LAST_CRISIS: Statement = Statement::new(
    "reading the last crisis message",
    c"select max(c.created_at) from public.chat_messages c where c.user_id = $1 and c.support_level = 'crisis'",
    &[UUIDOID],
);

static NEWEST: Statement = Statement::new(
    "reading the newest message",
    c"select c.created_at
      from public.chat_messages c
      where c.user_id = $1 and c.engine_version is not null
      order by c.created_at desc, c.seq desc
      limit 1",
    &[UUIDOID],
);

fn spans_parameters(spans: &[(Uuid, Span)]) -> Result<[Parameter; 3], EngineError> {
    let users: Vec<_> = spans.iter().map(|(user, _)| *user).collect();
    let after = spans
        .iter()
        .map(|(_, span)| timestamptz_element(span.after))
        .collect::<Result<Vec<_>, _>>()?;
    let through = spans
        .iter()
        .map(|(_, span)| timestamptz_element(span.through))
        .collect::<Result<Vec<_>, _>>()?;
    Ok([value(users), value(after), value(through)])
}

/// The scored messages of spans, by user.
pub(crate) fn in_spans(
    sees: Sees,
    spans: &[(Uuid, Span)],
) -> Result<HashMap<Uuid, Vec<Message>>, EngineError> {
    let mut messages: HashMap<Uuid, Vec<Message>> = HashMap::new();
    if spans.is_empty() {
        return Ok(messages);
    }
    for row in IN_SPANS.run(sees, &spans_parameters(spans)?)?.iter() {
        messages
            .entry(row.get(1)?)
            .or_default()
            .push(message(&row)?);
    }
    Ok(messages)
}

fn message(row: &Row<'_>) -> Result<Message, EngineError> {
    let mood = row.get::<&str>(4)?;
    Ok(Message {
        created_at: row.instant(2)?,
        score: row.get(3)?,
        mood: Mood::parse(mood).ok_or(EngineError::UnexpectedValue("mood_detected"))?,
        crisis: row.get(5)?,
    })
}

/// The time of the oldest scored message of each span.
pub(crate) fn oldest(
    sees: Sees,
    spans: &[(Uuid, Span)],
) -> Result<Vec<Option<Timestamp>>, EngineError> {
    let rows = OLDEST.run(sees, &spans_parameters(spans)?)?;
    Ok(rows.iter().map(|row| row.maybe_instant(1)).collect())
}

/// The newest message of a mood after an instant.
pub(crate) fn latest_of_mood(
    user: Uuid,
    after: Timestamp,
    mood: Mood,
) -> Result<Option<Timestamp>, EngineError> {
    let rows = LATEST_OF_MOOD.run(
        Sees::Newest,
        &[value(user), time(after), value(mood.as_str())],
    )?;
    Ok(rows.iter().next().and_then(|row| row.maybe_instant(1)))
}

/// The newest crisis message.
pub(crate) fn last_crisis(user: Uuid) -> Result<Option<Timestamp>, EngineError> {
    let rows = LAST_CRISIS.run(Sees::Newest, &[value(user)])?;
    Ok(rows.iter().next().and_then(|row| row.maybe_instant(1)))
}

/// The newest scored message.
pub(crate) fn newest(user: Uuid) -> Result<Option<Timestamp>, EngineError> {
    let rows = NEWEST.run(Sees::Newest, &[value(user)])?;
    Ok(rows.iter().next().and_then(|row| row.maybe_instant(1)))
}
