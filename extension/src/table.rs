//! Rows of the engine's own tables by primary key.
//!
//! Each message changes a row of `personality_profiles` and one of `sentiment_buckets`. Through
//! SPI that costs more than the insert of the message itself; through the table's access method,
//! as the executor would call it, a fifth. So rows of the tables as the migrations made them are
//! read and written without planner and executor. Where an owner gave a table more than that (a
//! check, a trigger, a rule, an expression index, partitions; see [`Shortcuts`]), or a policy
//! decides what the current user sees, the executor does it, with the same result.
//!
//! [`Shortcuts`]: crate::relation::Shortcuts
#![allow(unsafe_code)]

mod executor;
mod heap;
mod policies;
mod row;

use std::ffi::c_char;

use pgrx::{IntoDatum, pg_sys};

pub(crate) use row::Row;

use crate::error::EngineError;
use crate::relation::{Definition, Shape};
use crate::spi::{Parameter, Visibility};
use row::Found;

/// What a table is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// What writing asks for.
const WRITING: u32 =
    pg_sys::ACL_SELECT | pg_sys::ACL_INSERT | pg_sys::ACL_UPDATE | pg_sys::ACL_DELETE;

/// Columns of the longest primary key by which rows are looked for.
const LONGEST: usize = 2;

/// A column of a primary key: the operator `=` of its type, and the value looked for.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    equal: u32,
    value: pg_sys::Datum,
}

impl Key {
    pub(crate) fn uuid(value: pgrx::datum::Uuid) -> Self {
        Self {
            equal: pg_sys::F_UUID_EQ,
            value: value.into_datum().unwrap_or(pg_sys::Datum::null()),
        }
    }

    pub(crate) fn timestamptz(value: i64) -> Self {
        Self {
            equal: pg_sys::F_TIMESTAMPTZ_EQ,
            value: pg_sys::Datum::from(value),
        }
    }

    pub(crate) fn boolean(value: bool) -> Self {
        Self {
            equal: pg_sys::F_BOOLEQ,
            value: pg_sys::Datum::from(value),
        }
    }
}

/// An open table. The lock on it stays until the transaction ends.
pub(crate) struct Table {
    definition: &'static Definition,
    relation: pg_sys::Relation,
    /// The primary key, where rows are read without the executor.
    index: Option<pg_sys::Relation>,
    shape: Shape,
}

impl Table {
    /// Opens a table as the current user.
    ///
    /// # Errors
    /// It is missing, is not what the definition says, or the user may not do what it is for.
    pub(crate) fn open(
        definition: &'static Definition,
        access: Access,
    ) -> Result<Self, EngineError> {
        let (lock, rights) = match access {
            Access::Read => (pg_sys::AccessShareLock, pg_sys::ACL_SELECT),
            Access::Write => (pg_sys::RowExclusiveLock, WRITING),
        };
        // SAFETY: catalog lookups by valid names; both relations are closed when dropped.
        unsafe {
            let schema = pg_sys::get_namespace_oid(definition.schema.as_ptr(), true);
            let table = pg_sys::get_relname_relid(definition.table.as_ptr(), schema);
            if table == pg_sys::InvalidOid {
                return Err(EngineError::MissingTable(definition.name()));
            }
            let relation = Open(pg_sys::table_open(table, lock as i32));
            if !is_table(relation.0) {
                return Err(EngineError::NotATable(definition.name()));
            }
            let rights = pg_sys::AclMode::from(rights);
            // Every right asked for, not any of them.
            let may = pg_sys::pg_class_aclmask(
                table,
                pg_sys::GetUserId(),
                rights,
                pg_sys::AclMaskHow::ACLMASK_ALL,
            );
            if may != rights {
                return Err(EngineError::MayNot(definition.name()));
            }
            if access == Access::Write {
                pg_sys::PreventCommandIfReadOnly(c"UPDATE".as_ptr());
                if !is_ours(relation.0) {
                    return Err(EngineError::ForeignOwner(definition.name()));
                }
            }
            let shape = definition.shape(relation.0)?;
            if shape.primary_key == pg_sys::InvalidOid {
                let (name, key) = (definition.name(), definition.key_names());
                return Err(EngineError::PrimaryKey(name, key));
            }
            let index = (shape.shortcuts.read && policies::show_every_row(relation.0, access))
                .then(|| pg_sys::index_open(shape.primary_key, lock as i32));
            let relation = relation.keep();
            Ok(Self {
                definition,
                relation,
                index,
                shape,
            })
        }
    }

    /// The row of a key as a snapshot shows it. Nobody is kept from changing it. Must be called
    /// within [`crate::spi::connected`], as all that follow.
    pub(crate) fn read(
        &self,
        snapshot: Snapshot,
        key: &[Key],
    ) -> Result<Option<Row<'_>>, EngineError> {
        let found = match self.index {
            Some(index) => {
                // SAFETY: the relation is open, and the index its primary key.
                unsafe { heap::read(self.relation, index, snapshot, key).map(Found::Slot) }
            }
            None => executor::read(self.definition, snapshot.into(), key)?.map(Found::Result),
        };
        Ok(found.map(|found| Row::new(self, key, found)))
    }

    /// The newest version of the row of a key, locked until the transaction ends.
    ///
    /// # Errors
    /// 40001 where the transaction's isolation forbids to see that version.
    pub(crate) fn lock(&self, key: &[Key]) -> Result<Option<Row<'_>>, EngineError> {
        let found = match self.index {
            Some(index) => {
                // SAFETY: the relation is open, and the index its primary key.
                unsafe { heap::lock(self.relation, index, key)?.map(Found::Slot) }
            }
            None => executor::lock(self.definition, key)?.map(Found::Result),
        };
        Ok(found.map(|found| Row::new(self, key, found)))
    }

    /// Stores a new row: the values of the columns that the engine writes.
    pub(crate) fn insert(&self, values: &[Parameter]) -> Result<(), EngineError> {
        if self.index.is_some() && self.shape()?.shortcuts.insert {
            // SAFETY: the relation is open, and has no columns but those of the values.
            unsafe { heap::insert(self.relation, &self.shape, values) };
            return Ok(());
        }
        executor::insert(self.definition, values)
    }

    /// As it is now: what a trigger did since the table was opened may have changed it.
    fn shape(&self) -> Result<Shape, EngineError> {
        // SAFETY: the relation is open.
        unsafe { self.definition.shape(self.relation) }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: both were opened by `open`.
        unsafe {
            if let Some(index) = self.index {
                pg_sys::index_close(index, pg_sys::NoLock as i32);
            }
            pg_sys::table_close(self.relation, pg_sys::NoLock as i32);
        }
    }
}

/// An open relation that closes if it is not kept.
struct Open(pg_sys::Relation);

impl Open {
    fn keep(self) -> pg_sys::Relation {
        let relation = self.0;
        std::mem::forget(self);
        relation
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: it is open; its lock stays.
        unsafe { pg_sys::table_close(self.0, pg_sys::NoLock as i32) };
    }
}

/// Whether it has rows of its own or of partitions. Views and foreign tables hold somebody else's.
///
/// # Safety
/// `relation` is open.
unsafe fn is_table(relation: pg_sys::Relation) -> bool {
    // SAFETY: the caller's.
    let kind = unsafe { (*(*relation).rd_rel).relkind };
    kind == pg_sys::RELKIND_RELATION as c_char
        || kind == pg_sys::RELKIND_PARTITIONED_TABLE as c_char
}

/// Whether what happens on a write is the doing of the current user. A trigger, or a function that
/// is SECURITY DEFINER, lends its owner's rights to it: not to be used by the owner of another
/// table, whose triggers fire on the write.
///
/// # Safety
/// `relation` is open.
unsafe fn is_ours(relation: pg_sys::Relation) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let owner = (*(*relation).rd_rel).relowner;
        owner == pg_sys::GetUserId()
            || !pg_sys::InLocalUserIdChange()
            || pg_sys::superuser_arg(owner)
    }
}

/// What a read sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Snapshot {
    /// What a new statement of the transaction would.
    Transaction,
    /// What the calling query sees.
    Caller,
}

impl From<Snapshot> for Visibility {
    fn from(snapshot: Snapshot) -> Self {
        match snapshot {
            Snapshot::Transaction => Self::Newest,
            Snapshot::Caller => Self::Caller,
        }
    }
}

impl Snapshot {
    fn with<T>(self, work: impl FnOnce(pg_sys::Snapshot) -> T) -> T {
        // SAFETY: what is pushed is popped, or dropped by the abort that an error leads to.
        unsafe {
            if self == Self::Transaction {
                pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
            }
            let result = work(pg_sys::GetActiveSnapshot());
            if self == Self::Transaction {
                pg_sys::PopActiveSnapshot();
            }
            result
        }
    }
}
