//! The table the triggers watch, and acting as its owner.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::error::EngineError;
use crate::relation::Shape;
use crate::store::messages::TABLE;

/// The relation a trigger fires on, checked to be `public.chat_messages` with the columns that the
/// engine knows.
///
/// # Errors
/// [`EngineError::WrongTable`]: attached elsewhere the trigger would lend its table's
/// owner's rights to whoever owns that table. Else what the table lacks.
pub(crate) fn messages(trigger: &PgTrigger<'_>) -> Result<Shape, EngineError> {
    // SAFETY: the relation of a firing trigger is open.
    unsafe { TABLE.shape(trigger.trigger_data().tg_relation) }
}

/// Runs `work` as the owner of the table the trigger fires on, as foreign-key triggers do:
/// API roles write messages, never derived tables. An error ends the transaction or
/// subtransaction, which restores the role by itself.
pub(crate) fn as_owner<T>(
    trigger: &PgTrigger<'_>,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    // Not only when the relation was checked: its schema may have been renamed since.
    // SAFETY: the relation of a firing trigger is open.
    unsafe { TABLE.check_name(trigger.trigger_data().tg_relation)? };
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: the relation is open; the flags are those of ri_triggers.c.
    unsafe {
        let owner = (*(*trigger.trigger_data().tg_relation).rd_rel).relowner;
        pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
        let flags = (pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS) as i32;
        pg_sys::SetUserIdAndSecContext(owner, context | flags);
    }
    let result = work();
    // SAFETY: restores what was read above.
    unsafe { pg_sys::SetUserIdAndSecContext(user, context) };
    result
}
