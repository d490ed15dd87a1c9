//! The row of `bondhu.settings`.

use bondhu_core::settings::Settings;

use crate::error::EngineError;
use crate::spi::{Sees, Statement};

static READ: Statement = Statement::new(
    "reading settings",
    c"select window_hours, min_messages, trend_threshold_hundredths, needs_support_below_hundredths,
        enthusiastic_above_hundredths, variable_above_hundredths, crisis_support_hours,
        (trait_full_confidence * 100)::integer, history_min_change
      from bondhu.settings",
    &[],
);

pub(crate) fn read(sees: Sees) -> Result<Settings, EngineError> {
    let rows = READ.run(sees, &[])?;
    let row = rows.iter().next().ok_or(EngineError::NoSettings)?;
    let number = |column| row.get::<i32>(column).map(i64::from);
    Ok(Settings {
        window_hours: number(1)?,
        min_messages: number(2)?,
        trend_threshold_hundredths: number(3)?,
        needs_support_below_hundredths: number(4)?,
        enthusiastic_above_hundredths: number(5)?,
        variable_above_hundredths: number(6)?,
        crisis_support_hours: number(7)?,
        trait_full_confidence_hundredths: number(8)?,
        history_min_change: number(9)?,
    })
}
