//! A table as the engine knows it, and the check that a relation is that table.
//!
//! The extension is trusted, so anybody who owns a database may create it, beside tables of
//! their own under the names of Bondhu's. Nothing is read or written by position before the
//! relation has been checked; what was found is kept until Postgres says that the relation
//! may have changed.
#![allow(unsafe_code)]

mod invalidation;
mod shortcuts;

use std::cell::UnsafeCell;
use std::ffi::CStr;

use pgrx::pg_sys::{self, Oid};

use crate::column::{self, Column};
use crate::error::EngineError;
use crate::spi::Plan;

pub(crate) use shortcuts::Shortcuts;

/// Columns of the widest table.
const MOST: usize = 38;

/// One of Bondhu's tables.
pub(crate) struct Definition {
    pub(crate) schema: &'static CStr,
    pub(crate) table: &'static CStr,
    /// The columns the engine knows: those of the primary key, in its order, then others that
    /// it writes, then others that it reads.
    pub(crate) columns: &'static [Column],
    /// How many of them are the primary key.
    pub(crate) key: usize,
    /// How many of them are written, the key included.
    pub(crate) written: usize,
    /// The table that a foreign key refers to. Whoever inserts here holds the row there, which keeps
    /// the foreign key true.
    pub(crate) parent: Option<&'static Definition>,
    /// How its rows are reached through the executor.
    pub(crate) plans: Plans,
    kept: Kept,
}

/// The plans by which the executor reaches rows of a table, made when they are first needed.
pub(crate) struct Plans {
    pub(crate) read: Plan,
    pub(crate) lock: Plan,
    pub(crate) insert: Plan,
    pub(crate) update: Plan,
    pub(crate) delete: Plan,
}

impl Plans {
    const fn none() -> Self {
        Self {
            read: Plan::none(),
            lock: Plan::none(),
            insert: Plan::none(),
            update: Plan::none(),
            delete: Plan::none(),
        }
    }
}

/// A relation that is a [`Definition`]'s table.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    relation: Oid,
    generation: u64,
    numbers: [u16; MOST],
    /// The index of the primary key; 0 where there is none on the columns of the key.
    pub(crate) primary_key: Oid,
    pub(crate) shortcuts: Shortcuts,
}

impl Shape {
    /// The number, counted from 1, of a column of the definition, counted from 0.
    pub(crate) fn number(&self, column: usize) -> usize {
        usize::from(self.numbers[column])
    }
}

struct Kept(UnsafeCell<Option<Shape>>);

// SAFETY: a backend has one thread.
unsafe impl Sync for Kept {}

impl Definition {
    /// A table whose first `key` columns are its primary key, and the first `written` of which
    /// the engine writes.
    pub(crate) const fn new(
        (schema, table): (&'static CStr, &'static CStr),
        columns: &'static [Column],
        key: usize,
        written: usize,
    ) -> Self {
        assert!(key <= written && written <= columns.len() && columns.len() <= MOST);
        Self {
            schema,
            table,
            columns,
            key,
            written,
            parent: None,
            plans: Plans::none(),
            kept: Kept(UnsafeCell::new(None)),
        }
    }

    /// The same, with a parent.
    pub(crate) const fn below(mut self, parent: &'static Self) -> Self {
        self.parent = Some(parent);
        self
    }

    /// `schema.table`.
    pub(crate) fn name(&self) -> String {
        let (schema, table) = (self.schema.to_string_lossy(), self.table.to_string_lossy());
        format!("{schema}.{table}")
    }

    /// The names of the columns of its primary key, as a list.
    pub(crate) fn key_names(&self) -> String {
        let names: Vec<_> = self.columns[..self.key].iter().map(|c| c.name).collect();
        names.join(", ")
    }

    /// Checks that `relation` is this table: its name, and that each column is there and of the
    /// type known here.
    ///
    /// # Errors
    /// What is missing or of another type.
    ///
    /// # Safety
    /// `relation` is open.
    pub(crate) unsafe fn shape(
        &'static self,
        relation: pg_sys::Relation,
    ) -> Result<Shape, EngineError> {
        // SAFETY: the caller's; nobody else looks at what is kept meanwhile.
        unsafe {
            let id = (*relation).rd_id;
            let generation = invalidation::generation(id);
            if let Some(kept) = self.kept()
                && kept.relation == id
                && kept.generation == generation
            {
                return Ok(kept);
            }
            self.check_name(relation)?;
            let numbers = self.numbers((*relation).rd_att)?;
            let primary_key = shortcuts::primary_key(relation, self, &numbers);
            let shape = Shape {
                relation: id,
                generation,
                numbers,
                primary_key,
                shortcuts: Shortcuts::of(relation, self, &numbers, primary_key),
            };
            *self.kept.0.get() = Some(shape);
            invalidation::track(self);
            Ok(shape)
        }
    }

    /// What was found last.
    fn kept(&self) -> Option<Shape> {
        // SAFETY: a backend has one thread, and nothing keeps a reference to what is kept.
        unsafe { *self.kept.0.get() }
    }

    /// Checks that `relation` has the table's name.
    ///
    /// # Safety
    /// `relation` is open.
    pub(crate) unsafe fn check_name(&self, relation: pg_sys::Relation) -> Result<(), EngineError> {
        // SAFETY: the caller's; the schema's name is palloc'd.
        unsafe {
            let class = (*relation).rd_rel;
            let table = CStr::from_ptr((*class).relname.data.as_ptr());
            let schema = pg_sys::get_namespace_name((*class).relnamespace);
            let schema = if schema.is_null() {
                c""
            } else {
                CStr::from_ptr(schema)
            };
            if schema == self.schema && table == self.table {
                return Ok(());
            }
            let name = format!("{}.{}", schema.to_string_lossy(), table.to_string_lossy());
            Err(if (*class).relispartition {
                EngineError::Partition(name)
            } else {
                EngineError::WrongTable(name)
            })
        }
    }

    /// # Safety
    /// `descriptor` is valid.
    unsafe fn numbers(&self, descriptor: pg_sys::TupleDesc) -> Result<[u16; MOST], EngineError> {
        let mut numbers = [0; MOST];
        for (slot, column) in numbers.iter_mut().zip(self.columns) {
            // SAFETY: the caller's; the number is one of the descriptor.
            unsafe {
                let number = column
                    .number(descriptor)
                    .ok_or_else(|| EngineError::MissingColumn(self.name(), column.name))?;
                let attribute = column::attribute(descriptor, number);
                let (oid, modifier) = ((*attribute).atttypid, (*attribute).atttypmod);
                if oid != column.kind.oid || modifier != column.kind.modifier {
                    return Err(EngineError::WrongType {
                        column: format!("{}.{}", self.name(), column.name),
                        found: column::type_name(oid, modifier),
                        wanted: column::type_name(column.kind.oid, column.kind.modifier),
                    });
                }
                *slot = number as u16;
            }
        }
        Ok(numbers)
    }
}
