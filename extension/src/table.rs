//! Rows of the engine's own tables by primary key, without planner and executor.
//!
//! Each message changes a row of `personality_profiles` and one of `sentiment_buckets`. Through
//! SPI that costs more than the insert of the message itself; through the table's access method,
//! as the executor would call it, a fifth. What the executor does besides is not needed here:
//! these tables have no check, no generated column, no trigger on insert or update and no column
//! another row refers to but the key, which never changes. A row that is inserted belongs to
//! a profile that this transaction has locked, so that its foreign key holds.
#![allow(unsafe_code)]

mod row;

use std::ffi::CStr;

use pgrx::{IntoDatum, pg_sys};

pub(crate) use row::Row;

use crate::column::Column;
use crate::error::EngineError;
use crate::spi::Parameter;

/// A table's name and what the engine does with it.
pub(crate) struct Name {
    pub(crate) schema: &'static CStr,
    pub(crate) table: &'static CStr,
    /// Whether rows are written; else they are only read.
    pub(crate) written: bool,
}

/// What writing asks for.
const WRITING: u32 =
    pg_sys::ACL_SELECT | pg_sys::ACL_INSERT | pg_sys::ACL_UPDATE | pg_sys::ACL_DELETE;

/// A column of a primary key: the operator `=` of its type, and the value looked for.
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

/// An open table and its primary key. The lock on it stays until the transaction ends.
pub(crate) struct Table {
    relation: pg_sys::Relation,
    index: pg_sys::Relation,
}

impl Table {
    /// Opens a table as the current user.
    pub(crate) fn open(name: &Name) -> Result<Self, EngineError> {
        let missing = EngineError::MissingTable(name.table);
        // SAFETY: catalog lookups by valid names; both relations are closed when dropped.
        unsafe {
            let schema = pg_sys::get_namespace_oid(name.schema.as_ptr(), true);
            let table = pg_sys::get_relname_relid(name.table.as_ptr(), schema);
            if table == pg_sys::InvalidOid {
                return Err(missing);
            }
            let (lock, rights) = if name.written {
                (pg_sys::RowExclusiveLock, WRITING)
            } else {
                (pg_sys::AccessShareLock, pg_sys::ACL_SELECT)
            };
            let rights = pg_sys::AclMode::from(rights);
            let relation = pg_sys::table_open(table, lock as i32);
            // Every right asked for, not any of them.
            let may = pg_sys::pg_class_aclmask(
                table,
                pg_sys::GetUserId(),
                rights,
                pg_sys::AclMaskHow::ACLMASK_ALL,
            );
            let index = primary_key(relation);
            if may != rights || index == pg_sys::InvalidOid {
                pg_sys::table_close(relation, pg_sys::NoLock as i32);
                return Err(if index == pg_sys::InvalidOid {
                    missing
                } else {
                    EngineError::MayNot(name.table)
                });
            }
            let index = pg_sys::index_open(index, lock as i32);
            Ok(Self { relation, index })
        }
    }

    /// The row of a key as a snapshot shows it. Nobody is kept from changing it.
    pub(crate) fn read(&self, snapshot: Snapshot, key: &[Key]) -> Option<Row<'_>> {
        let row = self.row();
        snapshot
            .with(|snapshot| self.scan(snapshot, key, &row))
            .then_some(row)
    }

    /// The newest version of the row of a key, locked until the transaction ends.
    ///
    /// # Errors
    /// 40001 where the transaction's isolation forbids to see that version.
    pub(crate) fn lock(&self, key: &[Key]) -> Result<Option<Row<'_>>, EngineError> {
        let row = self.row();
        Snapshot::Transaction.with(|snapshot| {
            if !self.scan(snapshot, key, &row) {
                return Ok(None);
            }
            // As nodeLockRows.c does for `for no key update`.
            // SAFETY: the slot holds the row just found; the access method is the relation's.
            let (result, isolated) = unsafe {
                let isolated = pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ.cast_signed();
                let mut tid = (*row.slot).tts_tid;
                let mut failure = pg_sys::TM_FailureData::default();
                let flags = if isolated {
                    0
                } else {
                    pg_sys::TUPLE_LOCK_FLAG_FIND_LAST_VERSION
                };
                let lock = (*(*self.relation).rd_tableam)
                    .tuple_lock
                    .ok_or(EngineError::TableAccess("tuple_lock", 0))?;
                let result = lock(
                    self.relation,
                    &raw mut tid,
                    snapshot,
                    row.slot,
                    pg_sys::GetCurrentCommandId(false),
                    pg_sys::LockTupleMode::LockTupleNoKeyExclusive,
                    pg_sys::LockWaitPolicy::LockWaitBlock,
                    flags as u8,
                    &raw mut failure,
                );
                (result, isolated)
            };
            match result {
                pg_sys::TM_Result::TM_Ok => Ok(Some(row)),
                pg_sys::TM_Result::TM_Updated | pg_sys::TM_Result::TM_Deleted if isolated => {
                    Err(EngineError::Serialization)
                }
                pg_sys::TM_Result::TM_Deleted => Ok(None),
                other => Err(EngineError::TableAccess("tuple_lock", other)),
            }
        })
    }

    /// Stores a new row.
    ///
    /// # Errors
    /// `values` names a column that the table lacks, or leaves one out: defaults are the
    /// executor's.
    pub(crate) fn insert(
        &self,
        values: impl Iterator<Item = (Column, Parameter)>,
    ) -> Result<(), EngineError> {
        // SAFETY: the relation is open.
        unsafe { row::insert(self.relation, values) }
    }

    fn row(&self) -> Row<'_> {
        // SAFETY: a slot of the open relation; the row drops it.
        let slot = unsafe { pg_sys::table_slot_create(self.relation, std::ptr::null_mut()) };
        Row { table: self, slot }
    }

    /// Puts the row of a key into `row`; whether there is one.
    fn scan(&self, snapshot: pg_sys::Snapshot, key: &[Key], row: &Row<'_>) -> bool {
        let mut keys = [pg_sys::ScanKeyData::default(); 2];
        let count = key.len().min(keys.len());
        // SAFETY: the keys are those of the index, in its order; the scan ends here, and the
        // slot holds on to the row it found.
        unsafe {
            for ((slot, key), column) in keys.iter_mut().zip(key).zip(1..) {
                pg_sys::ScanKeyInit(
                    slot,
                    column,
                    pg_sys::BTEqualStrategyNumber as u16,
                    key.equal.into(),
                    key.value,
                );
            }
            let scan = begin_scan(self.relation, self.index, snapshot, count as i32);
            pg_sys::index_rescan(
                scan,
                keys.as_mut_ptr(),
                count as i32,
                std::ptr::null_mut(),
                0,
            );
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            let found = pg_sys::index_getnext_slot(scan, forward, row.slot);
            pg_sys::index_endscan(scan);
            found
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: both were opened by `open`.
        unsafe {
            pg_sys::index_close(self.index, pg_sys::NoLock as i32);
            pg_sys::table_close(self.relation, pg_sys::NoLock as i32);
        }
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

/// # Safety
/// `relation` is open.
unsafe fn primary_key(relation: pg_sys::Relation) -> pg_sys::Oid {
    // SAFETY: the caller's.
    unsafe {
        #[cfg(feature = "pg18")]
        return pg_sys::RelationGetPrimaryKeyIndex(relation, false);
        #[cfg(not(feature = "pg18"))]
        pg_sys::RelationGetPrimaryKeyIndex(relation)
    }
}

/// # Safety
/// The index is the relation's, both are open.
unsafe fn begin_scan(
    relation: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    keys: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: the caller's.
    unsafe {
        #[cfg(feature = "pg18")]
        return pg_sys::index_beginscan(relation, index, snapshot, std::ptr::null_mut(), keys, 0);
        #[cfg(not(feature = "pg18"))]
        pg_sys::index_beginscan(relation, index, snapshot, keys, 0)
    }
}
