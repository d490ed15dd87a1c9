//! Rows through the table's access method, as the executor would reach them.
//!
//! What the executor does besides has nothing to do here, see [`Shortcuts`]: the tables have
//! no check, no generated column, no trigger on what is done and no column another row refers to
//! but the key, which never changes. A row that is inserted belongs to one that this transaction
//! has locked, so that its foreign key holds.
//!
//! [`Shortcuts`]: crate::relation::Shortcuts
#![allow(unsafe_code)]

use pgrx::pg_sys;

use super::{Key, LONGEST, Snapshot};
use crate::error::EngineError;
use crate::relation::Shape;
use crate::spi::Parameter;

/// The row of a key as a snapshot shows it.
///
/// # Safety
/// `relation` is an open heap, `index` its primary key, on columns of the types of `key`.
pub(super) unsafe fn read(
    relation: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: Snapshot,
    key: &[Key],
) -> Option<Slot> {
    // SAFETY: the caller's.
    unsafe {
        let slot = Slot::of(relation);
        snapshot
            .with(|snapshot| scan(relation, index, snapshot, key, &slot))
            .then_some(slot)
    }
}

/// The newest version of the row of a key, locked as nodeLockRows.c does `for no key update`.
///
/// # Safety
/// As [`read`].
pub(super) unsafe fn lock(
    relation: pg_sys::Relation,
    index: pg_sys::Relation,
    key: &[Key],
) -> Result<Option<Slot>, EngineError> {
    // SAFETY: the caller's; the slot holds the row just found.
    unsafe {
        let mut slot = Slot::of(relation);
        Snapshot::Transaction.with(|snapshot| {
            if !scan(relation, index, snapshot, key, &slot) {
                return Ok(None);
            }
            let isolated = pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ.cast_signed();
            let flags = if isolated {
                0
            } else {
                pg_sys::TUPLE_LOCK_FLAG_FIND_LAST_VERSION
            };
            let mut tid = (*slot.raw).tts_tid;
            let mut failure = pg_sys::TM_FailureData::default();
            let lock = (*(*relation).rd_tableam)
                .tuple_lock
                .ok_or(EngineError::TableAccess("tuple_lock", 0))?;
            let result = lock(
                relation,
                &raw mut tid,
                snapshot,
                slot.raw,
                pg_sys::GetCurrentCommandId(false),
                pg_sys::LockTupleMode::LockTupleNoKeyExclusive,
                pg_sys::LockWaitPolicy::LockWaitBlock,
                flags as u8,
                &raw mut failure,
            );
            match result {
                pg_sys::TM_Result::TM_Ok => {
                    slot.command = pg_sys::GetCurrentCommandId(true);
                    Ok(Some(slot))
                }
                pg_sys::TM_Result::TM_Updated | pg_sys::TM_Result::TM_Deleted if isolated => {
                    Err(EngineError::Serialization)
                }
                pg_sys::TM_Result::TM_Deleted => Ok(None),
                other => Err(EngineError::TableAccess("tuple_lock", other)),
            }
        })
    }
}

/// Stores a new row.
///
/// # Safety
/// `relation` is an open heap of that shape, with no columns but those of `values`, and the
/// shortcut is allowed.
pub(super) unsafe fn insert(relation: pg_sys::Relation, shape: &Shape, values: &[Parameter]) {
    // SAFETY: the caller's; every column gets a value before the slot counts as filled.
    unsafe {
        let descriptor = (*relation).rd_att;
        let new = Slot::empty(descriptor);
        for number in 1..=(*descriptor).natts as usize {
            new.set(number, None);
        }
        for (column, value) in values.iter().enumerate() {
            new.set(shape.number(column), *value);
        }
        pg_sys::ExecStoreVirtualTuple(new.raw);
        pg_sys::simple_table_tuple_insert(relation, new.raw);
        insert_into_indexes(relation, new.raw);
        // What follows sees it.
        pg_sys::CommandCounterIncrement();
    }
}

/// Stores a row, which is locked, with other values in the columns of its shape from `first` on;
/// whether it did: a row that this transaction changed since is not the newest any more.
///
/// # Safety
/// `slot` holds a row of `relation`, an open heap of that shape, the values are of its columns'
/// types, and the shortcut is allowed.
pub(super) unsafe fn update(
    relation: pg_sys::Relation,
    slot: &Slot,
    shape: &Shape,
    first: usize,
    values: &[Parameter],
) -> Result<bool, EngineError> {
    // SAFETY: the caller's; the old row is pinned by its slot while its values are copied.
    unsafe {
        pg_sys::CheckCmdReplicaIdentity(relation, pg_sys::CmdType::CMD_UPDATE);
        let descriptor = (*slot.raw).tts_tupleDescriptor;
        let new = Slot::empty(descriptor);
        for number in (1..=(*descriptor).natts as usize).rev() {
            new.set(number, slot.get(number));
        }
        for (column, value) in (first..).zip(values) {
            new.set(shape.number(column), *value);
        }
        pg_sys::ExecStoreVirtualTuple(new.raw);
        let mut failure = pg_sys::TM_FailureData::default();
        let mut lock = pg_sys::LockTupleMode::LockTupleNoKeyExclusive;
        let mut update_indexes = UpdateIndexes::default();
        let update = (*(*relation).rd_tableam)
            .tuple_update
            .ok_or(EngineError::TableAccess("tuple_update", 0))?;
        let result = update(
            relation,
            &raw mut (*slot.raw).tts_tid,
            new.raw,
            slot.command,
            // Any will do: the row is locked.
            pg_sys::GetActiveSnapshot(),
            std::ptr::null_mut(),
            true,
            &raw mut failure,
            &raw mut lock,
            &raw mut update_indexes,
        );
        if !took_place("tuple_update", result)? {
            return Ok(false);
        }
        if update_indexes == EVERY_INDEX {
            insert_into_indexes(relation, new.raw);
        }
        // What follows sees it.
        pg_sys::CommandCounterIncrement();
    }
    Ok(true)
}

/// Deletes a row, which is locked; whether it did, as [`update`].
///
/// # Safety
/// `slot` holds a row of `relation`, an open heap, and the shortcut is allowed.
pub(super) unsafe fn delete(relation: pg_sys::Relation, slot: &Slot) -> Result<bool, EngineError> {
    // SAFETY: the caller's.
    unsafe {
        pg_sys::CheckCmdReplicaIdentity(relation, pg_sys::CmdType::CMD_DELETE);
        let mut failure = pg_sys::TM_FailureData::default();
        let delete = (*(*relation).rd_tableam)
            .tuple_delete
            .ok_or(EngineError::TableAccess("tuple_delete", 0))?;
        let result = delete(
            relation,
            &raw mut (*slot.raw).tts_tid,
            slot.command,
            pg_sys::GetActiveSnapshot(),
            std::ptr::null_mut(),
            true,
            &raw mut failure,
            false,
        );
        let done = took_place("tuple_delete", result)?;
        pg_sys::CommandCounterIncrement();
        Ok(done)
    }
}

fn took_place(what: &'static str, result: pg_sys::TM_Result::Type) -> Result<bool, EngineError> {
    match result {
        pg_sys::TM_Result::TM_Ok => Ok(true),
        // Only this transaction can have, through a trigger: it holds the lock.
        pg_sys::TM_Result::TM_SelfModified
        | pg_sys::TM_Result::TM_Updated
        | pg_sys::TM_Result::TM_Deleted => Ok(false),
        other => Err(EngineError::TableAccess(what, other)),
    }
}

/// Puts the row of a key into `slot`; whether there is one.
///
/// # Safety
/// As [`read`].
unsafe fn scan(
    relation: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    key: &[Key],
    slot: &Slot,
) -> bool {
    let mut keys = [pg_sys::ScanKeyData::default(); LONGEST];
    let count = key.len().min(keys.len()) as i32;
    // SAFETY: the caller's; the scan ends here, and the slot holds on to the row it found.
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
        let scan = begin_scan(relation, index, snapshot, count);
        pg_sys::index_rescan(scan, keys.as_mut_ptr(), count, std::ptr::null_mut(), 0);
        let forward = pg_sys::ScanDirection::ForwardScanDirection;
        let found = pg_sys::index_getnext_slot(scan, forward, slot.raw);
        pg_sys::index_endscan(scan);
        found
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

/// A row that was found, or is under construction.
pub(super) struct Slot {
    raw: *mut pg_sys::TupleTableSlot,
    /// When it was locked: what this transaction does to it afterwards is told by that, as the
    /// executor tells it by when the statement began.
    command: pg_sys::CommandId,
}

impl Slot {
    /// For a stored row of a relation.
    ///
    /// # Safety
    /// `relation` is open.
    unsafe fn of(relation: pg_sys::Relation) -> Self {
        // SAFETY: the caller's.
        let raw = unsafe { pg_sys::table_slot_create(relation, std::ptr::null_mut()) };
        Self { raw, command: 0 }
    }

    /// For a new row.
    ///
    /// # Safety
    /// `descriptor` outlives the slot.
    unsafe fn empty(descriptor: pg_sys::TupleDesc) -> Self {
        // SAFETY: the caller's.
        let raw = unsafe {
            pg_sys::MakeSingleTupleTableSlot(descriptor, &raw const pg_sys::TTSOpsVirtual)
        };
        Self { raw, command: 0 }
    }

    /// # Safety
    /// The slot holds a row with a column of that number.
    pub(super) unsafe fn get(&self, number: usize) -> Parameter {
        // SAFETY: the caller's.
        unsafe {
            if ((*self.raw).tts_nvalid as usize) < number {
                pg_sys::slot_getsomeattrs_int(self.raw, number as i32);
            }
            let null = *(*self.raw).tts_isnull.add(number - 1);
            (!null).then(|| *(*self.raw).tts_values.add(number - 1))
        }
    }

    /// # Safety
    /// The descriptor has a column of that number.
    unsafe fn set(&self, number: usize, value: Parameter) {
        // SAFETY: the caller's.
        unsafe {
            *(*self.raw).tts_isnull.add(number - 1) = value.is_none();
            *(*self.raw).tts_values.add(number - 1) = value.unwrap_or(pg_sys::Datum::null());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: made here, dropped once.
        unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.raw) };
    }
}

#[cfg(feature = "pg15")]
type UpdateIndexes = bool;
#[cfg(feature = "pg15")]
const EVERY_INDEX: UpdateIndexes = true;
#[cfg(not(feature = "pg15"))]
type UpdateIndexes = pg_sys::TU_UpdateIndexes::Type;
#[cfg(not(feature = "pg15"))]
const EVERY_INDEX: UpdateIndexes = pg_sys::TU_UpdateIndexes::TU_All;

/// Points the indexes of a table at a row, or at a version of one that did not fit beside the old.
///
/// # Safety
/// `slot` holds a stored row of `relation`, whose indexes are plain, see `Shortcuts`.
unsafe fn insert_into_indexes(relation: pg_sys::Relation, slot: *mut pg_sys::TupleTableSlot) {
    const COLUMNS: usize = pg_sys::INDEX_MAX_KEYS as usize;
    // SAFETY: the caller's; the arrays have room for any index.
    unsafe {
        let indexes = pgrx::PgList::<()>::from_pg(pg_sys::RelationGetIndexList(relation));
        for index in indexes.iter_oid() {
            let index = pg_sys::index_open(index, pg_sys::RowExclusiveLock as i32);
            let info = pg_sys::BuildIndexInfo(index);
            let mut values = [pg_sys::Datum::null(); COLUMNS];
            let mut nulls = [false; COLUMNS];
            pg_sys::FormIndexDatum(
                info,
                slot,
                std::ptr::null_mut(),
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            let unique = if (*(*index).rd_index).indisunique {
                pg_sys::IndexUniqueCheck::UNIQUE_CHECK_YES
            } else {
                pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO
            };
            let tid = &raw mut (*slot).tts_tid;
            pg_sys::index_insert(
                index,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
                tid,
                relation,
                unique,
                false,
                info,
            );
            pg_sys::index_close(index, pg_sys::NoLock as i32);
        }
    }
}
