//! Values between Postgres and core.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};

use bondhu_core::time::Timestamp;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::{AnyNumeric, FromDatum, pg_sys};

use crate::column::Numeric;
use crate::error::EngineError;

/// Microseconds from 1970-01-01 to 2000-01-01, Postgres' epoch.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// An instant from a `timestamptz`.
pub(crate) fn instant(timestamptz: i64) -> Timestamp {
    Timestamp(timestamptz.saturating_add(POSTGRES_EPOCH))
}

/// A `timestamptz` from an instant. The infinities are kept out: they mean something else.
pub(crate) fn timestamptz(at: Timestamp) -> i64 {
    at.0.saturating_sub(POSTGRES_EPOCH).clamp(-FINITE, FINITE)
}

/// A `timestamptz` for an array.
pub(crate) fn timestamptz_element(at: Timestamp) -> Result<TimestampWithTimeZone, EngineError> {
    TimestampWithTimeZone::try_from(timestamptz(at))
        .map_err(|_| EngineError::UnexpectedValue("a timestamp"))
}

/// 4713 BC: the earliest time Postgres stores.
const FINITE: i64 = 211_813_488_000_000_000;

/// The start of the current transaction: SQL's `now()`.
pub(crate) fn now() -> Timestamp {
    // SAFETY: reads a variable of the current transaction.
    instant(unsafe { pg_sys::GetCurrentTransactionStartTimestamp() })
}

/// Hundredths from a `numeric` that has two digits after the point, by its column's type, and
/// is not negative.
pub(crate) fn hundredths(number: Numeric) -> Result<i64, EngineError> {
    // SAFETY: numeric_out returns a palloc'd C string.
    let text = unsafe {
        pgrx::direct_function_call_as_datum(pg_sys::numeric_out, &[Some(number.0)])
            .map(|text| CStr::from_ptr(text.cast_mut_ptr()).to_bytes())
    };
    let digits = match text {
        Some([whole @ .., b'.', tenths, hundredths]) => whole.iter().chain([tenths, hundredths]),
        _ => return Err(NO_HUNDREDTHS),
    };
    digits.into_iter().try_fold(0_i64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'));
        digit
            .and_then(|digit| number.checked_mul(10)?.checked_add(digit))
            .ok_or(NO_HUNDREDTHS)
    })
}

const NO_HUNDREDTHS: EngineError = EngineError::UnexpectedValue("a numeric of two digits");

/// A `numeric` with two digits after the point from hundredths.
pub(crate) fn numeric(hundredths: i64) -> AnyNumeric {
    decimal(hundredths, 2)
}

/// A `numeric` with four digits after the point from ten-thousandths.
pub(crate) fn numeric4(ten_thousandths: i64) -> AnyNumeric {
    decimal(ten_thousandths, 4)
}

fn decimal(units: i64, digits: i32) -> AnyNumeric {
    // SAFETY: makes a numeric of any integer, and is never null.
    unsafe {
        let numeric = pg_sys::int64_div_fast_to_numeric(units, digits);
        AnyNumeric::from_datum(pg_sys::Datum::from(numeric), false).unwrap_or_default()
    }
}

/// A random `uuid`.
pub(crate) fn random_uuid() -> Option<pg_sys::Datum> {
    // SAFETY: takes no argument.
    unsafe { pgrx::direct_function_call_as_datum(pg_sys::gen_random_uuid, &[]) }
}

/// A `jsonb` from its text.
pub(crate) fn jsonb(text: &str) -> Option<pg_sys::Datum> {
    let text = CString::new(text).ok()?;
    // SAFETY: jsonb_in reads a C string and copies what it keeps.
    unsafe {
        let argument = Some(pg_sys::Datum::from(text.as_ptr()));
        pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[argument])
    }
}
