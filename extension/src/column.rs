//! Columns of the engine's tables, their types, and the Rust types that hold their values.
#![allow(unsafe_code)]

use std::ffi::CStr;

use pgrx::datum::{TimestampWithTimeZone, Uuid};
use pgrx::pg_sys::{
    BOOLOID, INT4OID, INT8ARRAYOID, INT8OID, NUMERICOID, Oid, TEXTOID, TIMESTAMPTZARRAYOID,
    TIMESTAMPTZOID, UUIDOID,
};
use pgrx::{Array, FromDatum, pg_sys};

/// A type as a column has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) oid: Oid,
    pub(crate) modifier: i32,
}

impl Kind {
    /// A type without a modifier.
    pub(crate) const fn of(oid: Oid) -> Self {
        Self { oid, modifier: -1 }
    }

    /// `numeric(precision, scale)`, as numeric.c packs it.
    pub(crate) const fn numeric(precision: i32, scale: i32) -> Self {
        Self {
            oid: NUMERICOID,
            modifier: ((precision << 16) | scale) + size_of::<i32>() as i32,
        }
    }
}

/// A type as SQL writes it.
pub(crate) fn type_name(oid: Oid, modifier: i32) -> String {
    // SAFETY: it answers a palloc'd C string for any type, "???" for one that is gone.
    unsafe {
        CStr::from_ptr(pg_sys::format_type_with_typemod(oid, modifier))
            .to_string_lossy()
            .into_owned()
    }
}

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether the engine leaves it null at times.
    pub(crate) nullable: bool,
}

/// A column that always has a value.
pub(crate) const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        nullable: false,
    }
}

impl Column {
    /// The same, but null at times.
    pub(crate) const fn or_null(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }

    /// Its number in a relation, counted from 1.
    ///
    /// # Safety
    /// `descriptor` is a valid tuple descriptor.
    pub(crate) unsafe fn number(self, descriptor: pg_sys::TupleDesc) -> Option<usize> {
        // SAFETY: the caller's; only columns that there are are looked at.
        unsafe {
            (1..=(*descriptor).natts as usize).find(|number| {
                let attribute = attribute(descriptor, *number);
                let name = CStr::from_ptr((*attribute).attname.data.as_ptr());
                name.to_bytes() == self.name.as_bytes() && !(*attribute).attisdropped
            })
        }
    }
}

/// A Rust type that holds the values of one SQL type, and of no other.
pub(crate) trait Value: FromDatum {
    /// That type.
    const OID: Oid;
}

macro_rules! values {
    ($($rust:ty: $sql:ident,)*) => {
        $(impl Value for $rust { const OID: Oid = $sql; })*
    };
}

values! {
    bool: BOOLOID,
    i32: INT4OID,
    i64: INT8OID,
    &str: TEXTOID,
    String: TEXTOID,
    Uuid: UUIDOID,
    TimestampWithTimeZone: TIMESTAMPTZOID,
    Numeric: NUMERICOID,
    Array<'_, i64>: INT8ARRAYOID,
    Vec<Option<TimestampWithTimeZone>>: TIMESTAMPTZARRAYOID,
}

/// A `numeric` as it is stored.
#[derive(Clone, Copy)]
pub(crate) struct Numeric(pub(crate) pg_sys::Datum);

impl FromDatum for Numeric {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, null: bool, _: Oid) -> Option<Self> {
        (!null).then_some(Self(datum))
    }
}

/// The value of a column of a tuple; null as `None`. It may point into the tuple.
///
/// # Safety
/// `tuple` is a valid tuple of `descriptor`, which has a column of that number.
pub(crate) unsafe fn value(
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
    number: usize,
) -> Option<pg_sys::Datum> {
    let mut null = false;
    // SAFETY: the caller's.
    unsafe {
        let datum = pg_sys::SPI_getbinval(tuple, descriptor, number as i32, &raw mut null);
        (!null).then_some(datum)
    }
}

/// What the catalog says of a column, by its number.
///
/// # Safety
/// The descriptor is valid and has a column of that number.
pub(crate) unsafe fn attribute(
    descriptor: pg_sys::TupleDesc,
    number: usize,
) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: the caller's.
    unsafe {
        #[cfg(feature = "pg18")]
        return pg_sys::TupleDescAttr(descriptor, number as i32 - 1);
        #[cfg(not(feature = "pg18"))]
        (*descriptor).attrs.as_ptr().add(number - 1)
    }
}
