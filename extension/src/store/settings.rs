//! The row of `bondhu.settings`.
#![allow(unsafe_code)]

use bondhu_core::settings::Settings;
use pgrx::pg_sys;

use crate::column::column;
use crate::datum;
use crate::error::EngineError;
use crate::table::{Key, Name, Snapshot, Table};

const SETTINGS: Name = Name {
    schema: c"bondhu",
    table: c"settings",
    written: false,
};

/// The settings as `snapshot` shows them.
pub(crate) fn read(snapshot: Snapshot) -> Result<Settings, EngineError> {
    let table = Table::open(&SETTINGS)?;
    let row = table
        .read(snapshot, &[Key::boolean(true)])
        .ok_or(EngineError::NoSettings)?;
    // SAFETY: the column is a numeric and never null.
    let full_confidence = unsafe {
        datum::hundredths(row.get::<pg_sys::Datum>(column("trait_full_confidence", 11))?)?
    };
    let number = |name, place| row.get::<i32>(column(name, place)).map(i64::from);
    Ok(Settings {
        window_hours: number("window_hours", 2)?,
        min_messages: number("min_messages", 3)?,
        trend_threshold_hundredths: number("trend_threshold_hundredths", 4)?,
        needs_support_below_hundredths: number("needs_support_below_hundredths", 5)?,
        enthusiastic_above_hundredths: number("enthusiastic_above_hundredths", 6)?,
        variable_above_hundredths: number("variable_above_hundredths", 7)?,
        crisis_support_hours: number("crisis_support_hours", 8)?,
        trait_full_confidence_hundredths: full_confidence,
        history_min_change: number("history_min_change", 12)?,
    })
}
