//! One row: its values, and storing it.
#![allow(unsafe_code)]

use super::heap::{self, Slot};
use super::{Key, LONGEST, Table, executor};
use crate::column::Value;
use crate::error::EngineError;
use crate::spi::{Parameter, Rows};

/// Where a row was found.
pub(super) enum Found {
    /// In the table.
    Slot(Slot),
    /// In a result whose columns are the definition's.
    Result(Rows),
}

/// A row of an open table.
pub(crate) struct Row<'t> {
    table: &'t Table,
    key: [Key; LONGEST],
    found: Found,
}

impl<'t> Row<'t> {
    pub(super) fn new(table: &'t Table, key: &[Key], found: Found) -> Self {
        let mut own = [key[0]; LONGEST];
        for (slot, key) in own.iter_mut().zip(key) {
            *slot = *key;
        }
        Self {
            table,
            key: own,
            found,
        }
    }

    fn key(&self) -> &[Key] {
        &self.key[..self.table.definition.key]
    }

    /// The value of a column of the definition, counted from 0; null as `None`.
    pub(crate) fn maybe<T: Value>(&self, column: usize) -> Result<Option<T>, EngineError> {
        let known = self.table.definition.columns[column];
        if known.kind.oid != T::OID {
            return Err(EngineError::UnexpectedValue(known.name));
        }
        match &self.found {
            // SAFETY: the relation was checked: the column is of the definition's type.
            Found::Slot(slot) => unsafe {
                let datum = slot.get(self.table.shape.number(column));
                Ok(datum.and_then(|datum| T::from_datum(datum, false)))
            },
            Found::Result(rows) => match rows.iter().next() {
                Some(row) => row.maybe(column as i32 + 1),
                None => Ok(None),
            },
        }
    }

    /// The value of a column that is never null.
    pub(crate) fn get<T: Value>(&self, column: usize) -> Result<T, EngineError> {
        let name = self.table.definition.columns[column].name;
        self.maybe(column)?
            .ok_or(EngineError::UnexpectedValue(name))
    }

    /// Stores the row, which is locked, with other values in the columns that the engine writes
    /// after those of the key.
    pub(crate) fn update(&self, values: &[Parameter]) -> Result<(), EngineError> {
        let table = self.table;
        if let Found::Slot(slot) = &self.found
            && table.shape()?.shortcuts.update
        {
            let first = table.definition.key;
            // SAFETY: the slot holds a row of the relation, and the values have the types of the
            // definition's columns.
            if unsafe { heap::update(table.relation, slot, &table.shape, first, values)? } {
                return Ok(());
            }
        }
        executor::update(table.definition, self.key(), values)
    }

    /// Deletes the row. It is locked.
    pub(crate) fn delete(self) -> Result<(), EngineError> {
        let table = self.table;
        if let Found::Slot(slot) = &self.found
            && table.shape()?.shortcuts.delete
        {
            // SAFETY: the slot holds a row of the relation.
            if unsafe { heap::delete(table.relation, slot)? } {
                return Ok(());
            }
        }
        executor::delete(table.definition, self.key())
    }
}
