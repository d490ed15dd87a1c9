//! SQL with plans kept for the life of the backend, and a choice of what a statement sees.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::sync::atomic::{AtomicPtr, Ordering};

use bondhu_core::time::Timestamp;
use pgrx::prelude::*;
use pgrx::{IntoDatum, pg_sys};

use crate::column::{Value, type_name};
use crate::datum;
use crate::error::EngineError;

/// Which version of the rows a statement sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visibility {
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
    plan: Plan,
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
            plan: Plan::none(),
        }
    }

    /// Runs the statement. Must be called within [`connected`].
    pub(crate) fn run<const N: usize>(
        &self,
        visibility: Visibility,
        parameters: [Parameter; N],
    ) -> Result<Rows, EngineError> {
        if N != self.types.len() {
            return Err(EngineError::Spi(self.name, pg_sys::SPI_ERROR_ARGUMENT));
        }
        let plan = self.plan.made(self.name, || {
            let sql = match self.sql {
                Sql::Text(sql) => sql.to_owned(),
                Sql::Made(make) => make(),
            };
            (sql, self.types.to_vec())
        })?;
        let mut values = parameters.map(|p| p.unwrap_or(pg_sys::Datum::from(0_usize)));
        let nulls = parameters.map(|p| if p.is_some() { b' ' } else { b'n' } as _);
        // SAFETY: values and nulls have the length of the plan's types.
        unsafe { execute(self.name, plan, visibility, &mut values, &nulls) }
    }
}

/// A plan kept for the life of the backend, once it is made.
pub(crate) struct Plan(AtomicPtr<pg_sys::_SPI_plan>);

impl Plan {
    /// None yet.
    pub(crate) const fn none() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Runs the plan, made from its text and the types of its parameters when it is first run.
    /// Must be called within [`connected`].
    pub(crate) fn run(
        &self,
        name: &'static str,
        text: impl FnOnce() -> (String, Vec<pg_sys::Oid>),
        visibility: Visibility,
        parameters: &[Parameter],
    ) -> Result<Rows, EngineError> {
        let plan = self.made(name, text)?;
        let mut values: Vec<_> = parameters
            .iter()
            .map(|p| p.unwrap_or(pg_sys::Datum::from(0_usize)))
            .collect();
        let nulls: Vec<_> = parameters
            .iter()
            .map(|p| if p.is_some() { b' ' } else { b'n' } as _)
            .collect();
        // SAFETY: the plan is kept, and knows how many parameters it has.
        unsafe {
            if pg_sys::SPI_getargcount(plan) as usize != values.len() {
                return Err(EngineError::Spi(name, pg_sys::SPI_ERROR_ARGUMENT));
            }
            execute(name, plan, visibility, &mut values, &nulls)
        }
    }

    fn made(
        &self,
        name: &'static str,
        text: impl FnOnce() -> (String, Vec<pg_sys::Oid>),
    ) -> Result<pg_sys::SPIPlanPtr, EngineError> {
        let kept = self.0.load(Ordering::Relaxed);
        if !kept.is_null() {
            return Ok(kept);
        }
        let (sql, mut types) = text();
        let sql =
            CString::new(sql).map_err(|_| EngineError::Spi(name, pg_sys::SPI_ERROR_ARGUMENT))?;
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
                return Err(EngineError::Spi(name, pg_sys::SPI_result));
            }
            pg_sys::SPI_keepplan(plan);
            self.0.store(plan, Ordering::Relaxed);
            Ok(plan)
        }
    }
}

/// # Safety
/// The plan is kept; values and nulls have the length of its types.
unsafe fn execute(
    name: &'static str,
    plan: pg_sys::SPIPlanPtr,
    visibility: Visibility,
    values: &mut [pg_sys::Datum],
    nulls: &[std::ffi::c_char],
) -> Result<Rows, EngineError> {
    // SAFETY: the caller's; the snapshot pushed is popped, or dropped by the abort that an error
    // leads to.
    unsafe {
        if visibility == Visibility::Committed {
            pg_sys::PushCopiedSnapshot(pg_sys::GetTransactionSnapshot());
            // Command 0 comes before anything this transaction wrote.
            (*pg_sys::GetActiveSnapshot()).curcid = 0;
        }
        let code = pg_sys::SPI_execute_plan(
            plan,
            values.as_mut_ptr(),
            nulls.as_ptr(),
            visibility != Visibility::Newest,
            0,
        );
        if visibility == Visibility::Committed {
            pg_sys::PopActiveSnapshot();
        }
        if code < 0 {
            return Err(EngineError::Spi(name, code));
        }
        let table = pg_sys::SPI_tuptable;
        let count = if table.is_null() {
            0
        } else {
            pg_sys::SPI_processed as usize
        };
        Ok(Rows { name, table, count })
    }
}

/// Result rows; valid until the SPI connection ends.
pub(crate) struct Rows {
    name: &'static str,
    table: *mut pg_sys::SPITupleTable,
    count: usize,
}

impl Rows {
    /// Themselves, if there are any.
    pub(crate) fn or_none(self) -> Option<Self> {
        (self.count > 0).then_some(self)
    }

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
    /// The value of a column, counted from 1; null as `None`.
    ///
    /// # Errors
    /// The column has another type: the statement read a table that is not as it should be.
    pub(crate) fn maybe<T: Value>(&self, column: i32) -> Result<Option<T>, EngineError> {
        let mut null = false;
        // SAFETY: the index is below the number of rows SPI returned, and the value of the type
        // that the result's descriptor says, which is T's.
        unsafe {
            let table = self.rows.table;
            let descriptor = (*table).tupdesc;
            let found = pg_sys::SPI_gettypeid(descriptor, column);
            if found != T::OID {
                return Err(EngineError::WrongType {
                    column: format!("column {column} of {}", self.rows.name),
                    found: type_name(found, -1),
                    wanted: type_name(T::OID, -1),
                });
            }
            let tuple = *(*table).vals.add(self.index);
            let datum = pg_sys::SPI_getbinval(tuple, descriptor, column, &raw mut null);
            Ok(T::from_datum(datum, null))
        }
    }

    /// The value of a column that is never null.
    pub(crate) fn get<T: Value>(&self, column: i32) -> Result<T, EngineError> {
        self.maybe(column)?
            .ok_or(EngineError::UnexpectedValue(self.rows.name))
    }

    /// An instant that is never null.
    pub(crate) fn instant(&self, column: i32) -> Result<Timestamp, EngineError> {
        self.maybe_instant(column)?
            .ok_or(EngineError::UnexpectedValue(self.rows.name))
    }

    /// An instant.
    pub(crate) fn maybe_instant(&self, column: i32) -> Result<Option<Timestamp>, EngineError> {
        let at = self.maybe::<TimestampWithTimeZone>(column)?;
        Ok(at.map(|at| datum::instant(at.into())))
    }
}

/// Runs `work` within an SPI connection. Row security that is forced on the tables' owner does not
/// hold for the engine, as for foreign keys: it would conclude from the rows that it may see.
pub(crate) fn connected<T>(
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: adds a flag and keeps the user. An error ends the transaction or subtransaction,
    // which restores both by itself.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
        pg_sys::SetUserIdAndSecContext(user, context | pg_sys::SECURITY_NOFORCE_RLS as i32);
    }
    let result = Spi::connect_mut(|_| work());
    // SAFETY: restores what was read above.
    unsafe { pg_sys::SetUserIdAndSecContext(user, context) };
    result
}
