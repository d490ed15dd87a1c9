//! The row of `bondhu.settings`.

use bondhu_core::settings::Settings;
use pgrx::pg_sys::{BOOLOID, INT4OID, INT8OID};

use crate::column::{Column, Kind, column};
use crate::datum;
use crate::error::EngineError;
use crate::relation::Definition;
use crate::table::{Access, Key, Snapshot, Table};

/// The table.
pub(crate) static TABLE: Definition = Definition::new((c"bondhu", c"settings"), &COLUMNS, 1, 1);

const COLUMNS: [Column; 12] = [
    column("singleton", Kind::of(BOOLOID)),
    column("window_hours", Kind::of(INT4OID)),
    column("min_messages", Kind::of(INT4OID)),
    column("trend_threshold_hundredths", Kind::of(INT4OID)),
    column("needs_support_below_hundredths", Kind::of(INT4OID)),
    column("enthusiastic_above_hundredths", Kind::of(INT4OID)),
    column("variable_above_hundredths", Kind::of(INT4OID)),
    column("crisis_support_hours", Kind::of(INT4OID)),
    column("trait_full_confidence", Kind::numeric(6, 2)),
    column("history_min_change", Kind::of(INT4OID)),
    column("version", Kind::of(INT8OID)),
    column("recount_before", Kind::of(INT8OID)),
];

/// The settings as `snapshot` shows them.
pub(crate) fn read(snapshot: Snapshot) -> Result<Settings, EngineError> {
    let table = Table::open(&TABLE, Access::Read)?;
    let row = table
        .read(snapshot, &[Key::boolean(true)])?
        .ok_or(EngineError::NoSettings)?;
    let number = |column| row.get::<i32>(column).map(i64::from);
    Ok(Settings {
        window_hours: number(1)?,
        min_messages: number(2)?,
        trend_threshold_hundredths: number(3)?,
        needs_support_below_hundredths: number(4)?,
        enthusiastic_above_hundredths: number(5)?,
        variable_above_hundredths: number(6)?,
        crisis_support_hours: number(7)?,
        trait_full_confidence_hundredths: datum::hundredths(row.get(8)?)?,
        history_min_change: number(9)?,
        version: row.get(10)?,
        recount_before: row.get(11)?,
    })
}
