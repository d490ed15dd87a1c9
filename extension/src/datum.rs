//! Values between Postgres and core.
#![allow(unsafe_code)]

use std::ffi::CStr;

use bondhu_core::time::Timestamp;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;

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

/// Hundredths from a `numeric(3,2)`.
///
/// # Safety
/// `datum` is a valid, non-null `numeric`.
pub(crate) unsafe fn hundredths(datum: pg_sys::Datum) -> Result<i64, EngineError> {
    // SAFETY: numeric_out returns a palloc'd C string.
    let text = unsafe {
        pgrx::direct_function_call_as_datum(pg_sys::numeric_out, &[Some(datum)])
            .map(|text| CStr::from_ptr(text.cast_mut_ptr()).to_bytes())
    };
    // Two digits after the point, by the column's type: "0.57".
    match text {
        Some(
            &[
                whole @ b'0'..=b'9',
                b'.',
                tenths @ b'0'..=b'9',
                hundredths @ b'0'..=b'9',
            ],
        ) => Ok(i64::from(whole - b'0') * 100
            + i64::from(tenths - b'0') * 10
            + i64::from(hundredths - b'0')),
        _ => Err(EngineError::UnexpectedValue("sentiment_score")),
    }
}

/// "0.57" from 57 hundredths.
pub(crate) fn decimal(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A `numeric` with two digits after the point from hundredths.
pub(crate) fn numeric(hundredths: i64) -> Result<pgrx::AnyNumeric, EngineError> {
    pgrx::AnyNumeric::try_from(decimal(hundredths).as_str())
        .map_err(|_| EngineError::UnexpectedValue("a score"))
}

/// A `numeric` with four digits after the point from ten-thousandths.
pub(crate) fn numeric4(ten_thousandths: i64) -> Result<pgrx::AnyNumeric, EngineError> {
    let text = format!(
        "{}.{:04}",
        ten_thousandths / 10_000,
        ten_thousandths % 10_000
    );
    pgrx::AnyNumeric::try_from(text.as_str()).map_err(|_| EngineError::UnexpectedValue("a figure"))
}
