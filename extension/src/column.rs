//! Columns of a row by name.
#![allow(unsafe_code)]

use std::ffi::CStr;

use pgrx::pg_sys;

use crate::error::EngineError;

/// Number of a column, counted from 1.
///
/// # Safety
/// `descriptor` is a valid tuple descriptor.
pub(crate) unsafe fn number(
    descriptor: pg_sys::TupleDesc,
    name: &'static CStr,
) -> Result<i32, EngineError> {
    // SAFETY: the caller's; the name is a C string.
    match unsafe { pg_sys::SPI_fnumber(descriptor, name.as_ptr()) } {
        number @ 1.. => Ok(number),
        _ => Err(EngineError::MissingColumn(name)),
    }
}

/// Value of a column; null as `None`. It may point into the tuple.
///
/// # Safety
/// `tuple` is a valid tuple of `descriptor`.
pub(crate) unsafe fn datum(
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
    name: &'static CStr,
) -> Result<Option<pg_sys::Datum>, EngineError> {
    let mut null = false;
    // SAFETY: the caller's.
    unsafe {
        let datum =
            pg_sys::SPI_getbinval(tuple, descriptor, number(descriptor, name)?, &raw mut null);
        Ok((!null).then_some(datum))
    }
}
