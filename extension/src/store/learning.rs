//! `bondhu.people_not_learnt_from`: whose messages do not count.

use std::cell::Cell;

use bondhu_core::fold::Change;
use pgrx::datum::Uuid;
use pgrx::pg_sys::{self, UUIDARRAYOID, UUIDOID};

use crate::column::{Column, Kind, column};
use crate::error::EngineError;
use crate::relation::Definition;
use crate::spi::{Sql, Statement, Visibility, value};
use crate::table::{Access, Key, Snapshot, Table};

static TABLE: Definition = Definition::new((c"bondhu", c"people_not_learnt_from"), &COLUMNS, 1, 1);

const COLUMNS: [Column; 1] = [column("user_id", Kind::of(UUIDOID))];

static UNCOUNT: Statement = Statement::new(
    "having messages count no more",
    Sql::Text(
        "update public.chat_messages c set counts = false
         where c.user_id = $1 and c.id = any ($2) and c.counts",
    ),
    &[UUIDOID, UUIDARRAYOID],
);

/// Whether what a user writes is learnt from, as a new statement would find it.
pub(crate) fn is_learnt_from(user: Uuid) -> Result<bool, EngineError> {
    let table = Table::open(&TABLE, Access::Read)?;
    let found = table.read(Snapshot::Transaction, &[Key::uuid(user)])?;
    Ok(found.is_none())
}

/// A command of a transaction, which its rows see the same of.
type Command = (pg_sys::TimestampTz, pg_sys::CommandId);

thread_local! {
    /// What the last row found, for the others of its command.
    static FOUND: Cell<Option<(Command, Uuid, bool)>> = const { Cell::new(None) };
}

/// The same for a row that a command is about to store, which asks once for all rows of a user that follow
/// each other.
pub(crate) fn is_learnt_from_by_command(
    user: Uuid,
    ask: impl FnOnce() -> Result<bool, EngineError>,
) -> Result<bool, EngineError> {
    // SAFETY: reads variables of the backend.
    #[allow(unsafe_code)]
    let command = unsafe {
        (
            pg_sys::GetCurrentTransactionStartTimestamp(),
            pg_sys::GetCurrentCommandId(false),
        )
    };
    if let Some((of, whose, found)) = FOUND.get()
        && of == command
        && whose == user
    {
        return Ok(found);
    }
    let found = ask()?;
    FOUND.set(Some((command, user, found)));
    Ok(found)
}

/// Has the messages just stored count no more that were about to be when their author withdrew: those
/// that were read before as being learnt from.
pub(crate) fn uncount(user: Uuid, change: &Change<Uuid>) -> Result<(), EngineError> {
    let counted = change.added.iter().filter(|row| row.message.counts);
    let ids: Vec<_> = counted.map(|row| row.id).collect();
    if ids.is_empty() || is_learnt_from(user)? {
        return Ok(());
    }
    UNCOUNT
        .run(Visibility::Newest, [value(user), value(ids)])
        .map(drop)
}
