//! `bondhu.safety_events`: what operators look after. Few messages come here.

use pgrx::datum::Uuid;
use pgrx::pg_sys::{UUIDARRAYOID, UUIDOID};

use crate::error::EngineError;
use crate::spi::{Sql, Statement, Visibility, value};

/// The crisis messages of a user that are still to be kept.
macro_rules! crises {
    () => {
        "from public.chat_messages c cross join bondhu.settings s
         where c.user_id = $1 and c.support_level = 'crisis' and c.engine_version is not null
           and c.created_at >= now() - make_interval(days => s.safety_event_retention_days)"
    };
}

static NOTE: Statement = Statement::new(
    "noting safety events",
    Sql::Text(concat!(
        "insert into bondhu.safety_events (user_id, message_id, written_at, engine_version)
         select c.user_id, c.id, c.created_at, c.engine_version ",
        crises!(),
        " and c.id = any ($2)
         on conflict (user_id, message_id) do update
           set written_at = excluded.written_at, engine_version = excluded.engine_version"
    )),
    &[UUIDOID, UUIDARRAYOID],
);

static WITHDRAW: Statement = Statement::new(
    "withdrawing safety events",
    Sql::Text(
        "delete from bondhu.safety_events e where e.user_id = $1 and e.message_id = any ($2)",
    ),
    &[UUIDOID, UUIDARRAYOID],
);

static MISSING: Statement = Statement::new(
    "looking for missing safety events",
    Sql::Text(concat!(
        "select c.id ",
        crises!(),
        " and not exists (
           select from bondhu.safety_events e where e.user_id = c.user_id and e.message_id = c.id
         )"
    )),
    &[UUIDOID],
);

static UNFOUNDED: Statement = Statement::new(
    "looking for unfounded safety events",
    Sql::Text(
        "select e.message_id
         from bondhu.safety_events e
         where e.user_id = $1 and not exists (
           select from public.chat_messages c
           where c.user_id = e.user_id and c.id = e.message_id
             and c.support_level = 'crisis' and c.engine_version is not null
         )",
    ),
    &[UUIDOID],
);

/// Notes those of a user's messages in which a crisis was seen.
pub(crate) fn note(user: Uuid, messages: Vec<Uuid>) -> Result<(), EngineError> {
    if messages.is_empty() {
        return Ok(());
    }
    NOTE.run(Visibility::Newest, [value(user), value(messages)])
        .map(drop)
}

/// Takes back what was noted of messages that are gone, or in which nothing is seen any more.
pub(crate) fn withdraw(user: Uuid, messages: Vec<Uuid>) -> Result<(), EngineError> {
    if messages.is_empty() {
        return Ok(());
    }
    WITHDRAW
        .run(Visibility::Newest, [value(user), value(messages)])
        .map(drop)
}

/// Crisis messages that have no event.
pub(crate) fn missing(visibility: Visibility, user: Uuid) -> Result<Vec<Uuid>, EngineError> {
    ids(&MISSING, visibility, user)
}

/// Messages that have an event, and in which no crisis is seen.
pub(crate) fn unfounded(visibility: Visibility, user: Uuid) -> Result<Vec<Uuid>, EngineError> {
    ids(&UNFOUNDED, visibility, user)
}

fn ids(
    statement: &Statement,
    visibility: Visibility,
    user: Uuid,
) -> Result<Vec<Uuid>, EngineError> {
    let rows = statement.run(visibility, [value(user)])?;
    rows.iter().map(|row| row.get(1)).collect()
}
