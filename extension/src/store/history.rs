//! `public.personality_history` and its evidence.

use bondhu_core::evidence::Candidate;
use bondhu_core::fold::HistoryEntry;
use bondhu_core::personality::Landmark;
use bondhu_core::traits::Traits;
use pgrx::datum::Uuid;
use pgrx::pg_sys::{INT4OID, INT8OID, JSONBOID, TIMESTAMPTZOID, UUIDARRAYOID, UUIDOID};

use crate::column::{Column, Kind, column};
use crate::datum;
use crate::error::EngineError;
use crate::relation::Definition;
use crate::spi::{Sql, Statement, Visibility, time, value};
use crate::store::{messages, profile};
use crate::table::{Access, Table};

/// The changes.
pub(crate) static TABLE: Definition = Definition::new(
    (c"public", c"personality_history"),
    &COLUMNS,
    2,
    COLUMNS.len(),
)
.below(&profile::TABLE);

const COLUMNS: [Column; 8] = [
    column("user_id", Kind::of(UUIDOID)),
    column("id", Kind::of(UUIDOID)),
    column("changed_at", Kind::of(TIMESTAMPTZOID)),
    column("before", Kind::of(JSONBOID)),
    column("after", Kind::of(JSONBOID)),
    column("window_start", Kind::of(TIMESTAMPTZOID)),
    column("window_end", Kind::of(TIMESTAMPTZOID)),
    column("message_count", Kind::of(INT8OID)),
];

/// Their evidence.
pub(crate) static EVIDENCE: Definition = Definition::new(
    (c"public", c"personality_history_evidence"),
    &OF_EVIDENCE,
    3,
    OF_EVIDENCE.len(),
)
.below(&TABLE);

const OF_EVIDENCE: [Column; 4] = [
    column("user_id", Kind::of(UUIDOID)),
    column("history_id", Kind::of(UUIDOID)),
    column("message_id", Kind::of(UUIDOID)),
    column("weight", Kind::of(INT4OID)),
];

static NEWEST: Statement = Statement::new(
    "reading evidence",
    Sql::Text(concat!(
        "select c.id, c.created_at, ",
        messages::score!(),
        " from public.chat_messages c
         where c.user_id = $1 and ",
        messages::counts!(),
        " order by c.created_at desc, c.seq desc limit $2"
    )),
    &[UUIDOID, INT8OID],
);

static RELEASE: Statement = Statement::new(
    "releasing evidence",
    Sql::Text(
        "delete from public.personality_history_evidence e where e.user_id = $1 and e.message_id = any ($2)",
    ),
    &[UUIDOID, UUIDARRAYOID],
);

static ORPHANS: Statement = Statement::new(
    "looking for evidence that is gone",
    Sql::Text(concat!(
        "select e.message_id
         from public.personality_history_evidence e
         where e.user_id = $1 and not exists (
           select from public.chat_messages c
           where c.user_id = e.user_id and c.id = e.message_id and ",
        messages::counts!(),
        ")"
    )),
    &[UUIDOID],
);

/// The user's newest messages that count.
pub(crate) fn newest(user: Uuid, limit: i64) -> Result<Vec<Candidate<Uuid>>, EngineError> {
    NEWEST
        .run(Visibility::Newest, [value(user), value(limit)])?
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

/// Takes messages of a user out of the evidence. A change that nothing supports any more
/// goes, by a trigger on the table.
pub(crate) fn release(user: Uuid, messages: Vec<Uuid>) -> Result<(), EngineError> {
    if messages.is_empty() {
        return Ok(());
    }
    RELEASE
        .run(Visibility::Newest, [value(user), value(messages)])
        .map(drop)
}

/// Messages that the evidence names although they are not there, not the user's, or do not count.
pub(crate) fn orphans(visibility: Visibility, user: Uuid) -> Result<Vec<Uuid>, EngineError> {
    ORPHANS
        .run(visibility, [value(user)])?
        .iter()
        .map(|row| row.get(1))
        .collect()
}

/// Appends a change with its evidence. The user's profile is locked.
pub(crate) fn append(user: Uuid, entry: &HistoryEntry<Uuid>) -> Result<(), EngineError> {
    let id = datum::random_uuid();
    let change = [
        value(user),
        id,
        time(entry.changed_at),
        landmark(&entry.before),
        landmark(&entry.after),
        time(entry.window.after),
        time(entry.window.through),
        value(entry.message_count),
    ];
    Table::open(&TABLE, Access::Write)?.insert(&change)?;
    let table = Table::open(&EVIDENCE, Access::Write)?;
    entry.evidence.iter().try_for_each(|(message, weight)| {
        table.insert(&[value(user), id, value(*message), value(*weight as i32)])
    })
}

fn landmark(landmark: &Landmark) -> Option<pgrx::pg_sys::Datum> {
    let traits: String = Traits::NAMES
        .iter()
        .zip(landmark.traits)
        .map(|(name, value)| format!("\"{name}\": {}.{:02}, ", value / 100, value % 100))
        .collect();
    let style = landmark.communication.as_str();
    datum::jsonb(&format!("{{{traits}\"communication_style\": \"{style}\"}}"))
}
