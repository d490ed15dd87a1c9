//! SQL with plans kept for the life of the backend, and a say in what a statement sees.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::sync::atomic::{AtomicPtr, Ordering};

use bondhu_core::time::Timestamp;
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum, pg_sys};

use crate::datum;
use crate::error::EngineError;

/// Which version of the rows a statement sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sees {
    /// The newest, this transaction's own changes included. The statement may write.
    Newest,
    /// What the calling query sees. Read only.
    Caller,
    /// What others have committed, and nothing this transaction did. Read only.
    Committed,
}

/// A statement's text.
pub(crate) enum Sql {
    /// Written out.
    Text(&'static str),
    /// Put together from the columns it is about.
    Made(fn() -> String),
}

/// A statement whose plan is made once per backend.
pub(crate) struct Statement {
    name: &'static str,
    sql: Sql,
    types: &'static [pg_sys::Oid],
    plan: AtomicPtr<pg_sys::_SPI_plan>,
}

/// A parameter: null, or a datum of the statement's type.
pub(crate) type Parameter = Option<pg_sys::Datum>;

/// A parameter of a value.
pub(crate) fn value(value: impl IntoDatum) -> Parameter {
    value.into_datum()
}

/// A `timestamptz` parameter.
pub(crate) fn time(at: Timestamp) -> Parameter {
    Some(pg_sys::Datum::from(datum::timestamptz(at)))
}

impl Statement {
    pub(crate) const fn new(name: &'static str, sql: Sql, types: &'static [pg_sys::Oid]) -> Self {
        Self {
            name,
            sql,
            types,
            plan: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Runs the statement. Must be called within [`connected`].
    pub(crate) fn run<const N: usize>(
        &self,
        sees: Sees,
        parameters: [Parameter; N],
    ) -> Result<Rows, EngineError> {
        if N != self.types.len() {
            return Err(EngineError::Spi(self.name, pg_sys::SPI_ERROR_ARGUMENT));
        }
        let plan = self.plan()?;
        let mut values = parameters.map(|p| p.unwrap_or(pg_sys::Datum::from(0_usize)));
        let nulls = parameters.map(|p| if p.is_some() { b' ' } else { b'n' } as _);
        // SAFETY: the plan is kept; values and nulls have the length of its types; the
        // snapshot pushed is popped, or dropped by the abort that an error leads to.
        unsafe {
            if sees == Sees::Committed {
                pg_sys::PushCopiedSnapshot(pg_sys::GetTransactionSnapshot());
                // Command 0 comes before anything this transaction wrote.
                (*pg_sys::GetActiveSnapshot()).curcid = 0;
            }
            let code = pg_sys::SPI_execute_plan(
                plan,
                values.as_mut_ptr(),
                nulls.as_ptr(),
                sees != Sees::Newest,
                0,
            );
            if sees == Sees::Committed {
                pg_sys::PopActiveSnapshot();
            }
            if code < 0 {
                return Err(EngineError::Spi(self.name, code));
            }
            let table = pg_sys::SPI_tuptable;
            let count = if table.is_null() {
                0
            } else {
                pg_sys::SPI_processed as usize
            };
            Ok(Rows {
                name: self.name,
                table,
                count,
            })
        }
    }

    fn plan(&self) -> Result<pg_sys::SPIPlanPtr, EngineError> {
        let kept = self.plan.load(Ordering::Relaxed);
        if !kept.is_null() {
            return Ok(kept);
        }
        let sql = match self.sql {
            Sql::Text(sql) => CString::new(sql),
            Sql::Made(make) => CString::new(make()),
        };
        let sql = sql.map_err(|_| EngineError::Spi(self.name, pg_sys::SPI_ERROR_ARGUMENT))?;
        let mut types = self.types.to_vec();
        // SAFETY: the SQL is a C string, the types are as many as said; a kept plan lives as
        // long as the backend.
        unsafe {
            // Left to choose, Postgres would plan statements over arrays anew each time.
            let plan = pg_sys::SPI_prepare_cursor(
                sql.as_ptr(),
                types.len() as i32,
                types.as_mut_ptr(),
                pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
            );
            if plan.is_null() {
                return Err(EngineError::Spi(self.name, pg_sys::SPI_result));
            }
            pg_sys::SPI_keepplan(plan);
            self.plan.store(plan, Ordering::Relaxed);
            Ok(plan)
        }
    }
}

/// Result rows; valid until the SPI connection ends.
pub(crate) struct Rows {
    name: &'static str,
    table: *mut pg_sys::SPITupleTable,
    count: usize,
}

impl Rows {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.count).map(|index| Row { rows: self, index })
    }
}

/// One row.
pub(crate) struct Row<'r> {
    rows: &'r Rows,
    index: usize,
}

impl Row<'_> {
    /// The value of a column, counted from 1; null as `None`. `T` is the column's type.
    pub(crate) fn maybe<T: FromDatum>(&self, column: i32) -> Option<T> {
        let mut null = false;
        // SAFETY: the index is below the number of rows SPI returned.
        unsafe {
            let table = self.rows.table;
            let tuple = *(*table).vals.add(self.index);
            let datum = pg_sys::SPI_getbinval(tuple, (*table).tupdesc, column, &raw mut null);
            T::from_datum(datum, null)
        }
    }

    /// The value of a column that is never null.
    pub(crate) fn get<T: FromDatum>(&self, column: i32) -> Result<T, EngineError> {
        self.maybe(column)
            .ok_or(EngineError::UnexpectedValue(self.rows.name))
    }

    /// An instant that is never null.
    pub(crate) fn instant(&self, column: i32) -> Result<Timestamp, EngineError> {
        self.maybe_instant(column)
            .ok_or(EngineError::UnexpectedValue(self.rows.name))
    }

    /// An instant.
    pub(crate) fn maybe_instant(&self, column: i32) -> Option<Timestamp> {
        self.maybe::<TimestampWithTimeZone>(column)
            .map(|at| datum::instant(at.into()))
    }
}

/// Runs `work` within an SPI connection.
pub(crate) fn connected<T>(
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    Spi::connect_mut(|_| work())
}
