//! Columns of a row by name.
#![allow(unsafe_code)]

use std::ffi::CStr;

use pgrx::pg_sys;

use crate::error::EngineError;

/// A column and where it is expected, counted from 1: looked for there first.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) place: usize,
}

/// The column of that name, expected at `place`.
pub(crate) const fn column(name: &'static str, place: usize) -> Column {
    Column { name, place }
}

impl Column {
    /// Its number, counted from 1.
    ///
    /// # Safety
    /// `descriptor` is a valid tuple descriptor.
    pub(crate) unsafe fn number(self, descriptor: pg_sys::TupleDesc) -> Result<usize, EngineError> {
        // SAFETY: the caller's; only columns that there are are looked at.
        unsafe {
            let count = (*descriptor).natts as usize;
            let is_here = |number: &usize| {
                let attribute = attribute(descriptor, number - 1);
                let name = CStr::from_ptr((*attribute).attname.data.as_ptr());
                name.to_bytes() == self.name.as_bytes() && !(*attribute).attisdropped
            };
            Some(self.place)
                .filter(|place| *place <= count)
                .into_iter()
                .chain(1..=count)
                .find(is_here)
                .ok_or(EngineError::MissingColumn(self.name))
        }
    }

    /// Its value; null as `None`. It may point into the tuple.
    ///
    /// # Safety
    /// `tuple` is a valid tuple of `descriptor`.
    pub(crate) unsafe fn value(
        self,
        tuple: pg_sys::HeapTuple,
        descriptor: pg_sys::TupleDesc,
    ) -> Result<Option<pg_sys::Datum>, EngineError> {
        let mut null = false;
        // SAFETY: the caller's.
        unsafe {
            let number = self.number(descriptor)? as i32;
            let datum = pg_sys::SPI_getbinval(tuple, descriptor, number, &raw mut null);
            Ok((!null).then_some(datum))
        }
    }
}

/// How many columns there are, dropped ones left out.
///
/// # Safety
/// `descriptor` is a valid tuple descriptor.
pub(crate) unsafe fn count(descriptor: pg_sys::TupleDesc) -> usize {
    // SAFETY: the caller's; only columns that there are are looked at.
    unsafe {
        (0..(*descriptor).natts as usize)
            .filter(|index| !(*attribute(descriptor, *index)).attisdropped)
            .count()
    }
}

/// # Safety
/// The descriptor is valid and has more than `index` columns.
unsafe fn attribute(
    descriptor: pg_sys::TupleDesc,
    index: usize,
) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: the caller's.
    unsafe {
        #[cfg(feature = "pg18")]
        return pg_sys::TupleDescAttr(descriptor, index as i32);
        #[cfg(not(feature = "pg18"))]
        (*descriptor).attrs.as_ptr().add(index)
    }
}
