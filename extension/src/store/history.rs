//! `public.personality_history` and its evidence.

use bondhu_core::evidence::Candidate;
use bondhu_core::personality::Landmark;
use bondhu_core::state::Span;
use bondhu_core::time::Timestamp;
use pgrx::datum::Uuid;
use pgrx::pg_sys::{
    INT4ARRAYOID, INT8ARRAYOID, INT8OID, TEXTOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID,
};

use crate::error::EngineError;
use crate::spi::{Sees, Sql, Statement, time, value};

static NEWEST: Statement = Statement::new(
    "reading evidence",
    Sql::Text(
        "select c.id, c.created_at, (c.sentiment_score * 100)::bigint
      from public.chat_messages c
      where c.user_id = $1 and c.engine_version is not null
      order by c.created_at desc, c.seq desc
      limit $2",
    ),
    &[UUIDOID, INT8OID],
);

// A message that somebody is deleting is no evidence, and waiting for them could deadlock:
// they wait for the profile.
static HOLD: Statement = Statement::new(
    "holding evidence",
    Sql::Text(
        "select c.id from public.chat_messages c where c.user_id = $1 and c.id = any ($2) for key share skip locked",
    ),
    &[UUIDOID, UUIDARRAYOID],
);

static APPEND: Statement = Statement::new(
    "appending history",
    Sql::Text(
        "with change as (
        insert into public.personality_history
          (user_id, changed_at, before, after, window_start, window_end, message_count)
        select $1, $2, s.before, s.after, $7, $8, $9
        from (
          select
            jsonb_build_object(
              'openness', (($3)[1] / 100.0)::numeric(5, 2), 'conscientiousness', (($3)[2] / 100.0)::numeric(5, 2),
              'extraversion', (($3)[3] / 100.0)::numeric(5, 2), 'agreeableness', (($3)[4] / 100.0)::numeric(5, 2),
              'neuroticism', (($3)[5] / 100.0)::numeric(5, 2), 'communication_style', $4) as before,
            jsonb_build_object(
              'openness', (($5)[1] / 100.0)::numeric(5, 2), 'conscientiousness', (($5)[2] / 100.0)::numeric(5, 2),
              'extraversion', (($5)[3] / 100.0)::numeric(5, 2), 'agreeableness', (($5)[4] / 100.0)::numeric(5, 2),
              'neuroticism', (($5)[5] / 100.0)::numeric(5, 2), 'communication_style', $6) as after
        ) s
        returning id
      )
      insert into public.personality_history_evidence (user_id, history_id, message_id, weight)
      select $1, change.id, e.message_id, e.weight
      from change cross join unnest($10, $11) e (message_id, weight)",
    ),
    &[
        UUIDOID, TIMESTAMPTZOID, INT8ARRAYOID, TEXTOID, INT8ARRAYOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID,
        UUIDARRAYOID, INT4ARRAYOID,
    ],
);

/// The user's newest scored messages.
pub(crate) fn newest(user: Uuid, limit: i64) -> Result<Vec<Candidate<Uuid>>, EngineError> {
    NEWEST
        .run(Sees::Newest, [value(user), value(limit)])?
        .iter()
        .map(|row| {
            Ok(Candidate {
                id: row.get(1)?,
                created_at: row.instant(2)?,
                score: row.get(3)?,
            })
        })
        .collect()
}

/// Those of the messages that are there to stay until this transaction ends.
pub(crate) fn hold(user: Uuid, ids: Vec<Uuid>) -> Result<Vec<Uuid>, EngineError> {
    HOLD.run(Sees::Newest, [value(user), value(ids)])?
        .iter()
        .map(|row| row.get(1))
        .collect()
}

/// A material change.
pub(crate) struct Entry<'a> {
    pub(crate) user: Uuid,
    pub(crate) changed_at: Timestamp,
    pub(crate) before: &'a Landmark,
    pub(crate) after: &'a Landmark,
    pub(crate) window: Span,
    pub(crate) message_count: i64,
    /// Message ids and weights.
    pub(crate) evidence: Vec<(Uuid, i32)>,
}

/// Appends a change with its evidence.
pub(crate) fn append(entry: &Entry<'_>) -> Result<(), EngineError> {
    let (ids, weights): (Vec<_>, Vec<_>) = entry.evidence.iter().copied().unzip();
    APPEND
        .run(
            Sees::Newest,
            [
                value(entry.user),
                time(entry.changed_at),
                value(entry.before.traits.to_vec()),
                value(entry.before.communication.as_str()),
                value(entry.after.traits.to_vec()),
                value(entry.after.communication.as_str()),
                time(entry.window.after),
                time(entry.window.through),
                value(entry.message_count),
                value(ids),
                value(weights),
            ],
        )
        .map(drop)
}
