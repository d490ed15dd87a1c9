//! One row: its values, and storing it.
#![allow(unsafe_code)]

use pgrx::{FromDatum, pg_sys};

use super::Table;
use crate::column::{self, Column};
use crate::error::EngineError;
use crate::spi::Parameter;

/// A row of an open table.
pub(crate) struct Row<'t> {
    pub(super) table: &'t Table,
    pub(super) slot: *mut pg_sys::TupleTableSlot,
}

impl Row<'_> {
    /// The value of a column; null as `None`. `T` is the column's type.
    pub(crate) fn maybe<T: FromDatum>(&self, column: Column) -> Result<Option<T>, EngineError> {
        // SAFETY: the slot's descriptor is the relation's, and the number one of it.
        unsafe {
            let number = column.number((*self.slot).tts_tupleDescriptor)?;
            if ((*self.slot).tts_nvalid as usize) < number {
                pg_sys::slot_getsomeattrs_int(self.slot, number as i32);
            }
            let null = *(*self.slot).tts_isnull.add(number - 1);
            let value = *(*self.slot).tts_values.add(number - 1);
            Ok(T::from_datum(value, null))
        }
    }

    /// The value of a column that is never null.
    pub(crate) fn get<T: FromDatum>(&self, column: Column) -> Result<T, EngineError> {
        self.maybe(column)?
            .ok_or(EngineError::UnexpectedValue(column.name))
    }

    /// Stores the row, which is locked, with other values in some columns.
    pub(crate) fn update(
        &self,
        values: impl Iterator<Item = (Column, Parameter)>,
    ) -> Result<(), EngineError> {
        let relation = self.table.relation;
        // SAFETY: the old row is pinned by its slot while its values are copied; nobody else
        // can have changed it since it was locked.
        unsafe {
            let descriptor = (*self.slot).tts_tupleDescriptor;
            let columns = (*descriptor).natts as usize;
            pg_sys::slot_getsomeattrs_int(self.slot, columns as i32);
            let new = Slot::new(descriptor);
            for index in 0..columns {
                let null = *(*self.slot).tts_isnull.add(index);
                new.set(index, (!null).then(|| *(*self.slot).tts_values.add(index)));
            }
            for (column, value) in values {
                new.set(column.number(descriptor)? - 1, value);
            }
            pg_sys::ExecStoreVirtualTuple(new.0);
            let tid = &raw mut (*self.slot).tts_tid;
            let mut update_indexes = UpdateIndexes::default();
            // Any snapshot will do: the row is locked.
            pg_sys::simple_table_tuple_update(
                relation,
                tid,
                new.0,
                pg_sys::GetActiveSnapshot(),
                &raw mut update_indexes,
            );
            if update_indexes == EVERY_INDEX {
                insert_into_indexes(relation, new.0);
            }
            // What follows sees it.
            pg_sys::CommandCounterIncrement();
        }
        Ok(())
    }

    /// Deletes the row. It is locked.
    pub(crate) fn delete(self) {
        // SAFETY: as `update`.
        unsafe {
            let tid = &raw mut (*self.slot).tts_tid;
            let snapshot = pg_sys::GetActiveSnapshot();
            pg_sys::simple_table_tuple_delete(self.table.relation, tid, snapshot);
            pg_sys::CommandCounterIncrement();
        }
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        // SAFETY: the slot was made by `Table::row` and is dropped once.
        unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.slot) };
    }
}

/// Stores a new row in `relation`.
///
/// # Safety
/// `relation` is open.
pub(super) unsafe fn insert(
    relation: pg_sys::Relation,
    values: impl Iterator<Item = (Column, Parameter)>,
) -> Result<(), EngineError> {
    // SAFETY: every column gets a value before the slot counts as filled.
    unsafe {
        let descriptor = (*relation).rd_att;
        let new = Slot::new(descriptor);
        for index in 0..(*descriptor).natts as usize {
            new.set(index, None);
        }
        let mut given = 0;
        for (column, value) in values {
            new.set(column.number(descriptor)? - 1, value);
            given += 1;
        }
        if given < column::count(descriptor) {
            return Err(EngineError::UnknownColumn);
        }
        pg_sys::ExecStoreVirtualTuple(new.0);
        pg_sys::simple_table_tuple_insert(relation, new.0);
        insert_into_indexes(relation, new.0);
        // What follows sees it.
        pg_sys::CommandCounterIncrement();
    }
    Ok(())
}

/// A row under construction.
struct Slot(*mut pg_sys::TupleTableSlot);

impl Slot {
    /// # Safety
    /// `descriptor` outlives the slot.
    unsafe fn new(descriptor: pg_sys::TupleDesc) -> Self {
        // SAFETY: the caller's.
        Self(unsafe {
            pg_sys::MakeSingleTupleTableSlot(descriptor, &raw const pg_sys::TTSOpsVirtual)
        })
    }

    /// # Safety
    /// `index` is below the descriptor's number of columns.
    unsafe fn set(&self, index: usize, value: Parameter) {
        // SAFETY: the caller's.
        unsafe {
            *(*self.0).tts_isnull.add(index) = value.is_none();
            *(*self.0).tts_values.add(index) = value.unwrap_or(pg_sys::Datum::null());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: made by `new`, dropped once.
        unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0) };
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
/// `slot` holds a stored row of `relation`, whose indexes are on plain columns.
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
