//! The table the triggers watch, and acting as its owner.
#![allow(unsafe_code)]

use std::ffi::CStr;

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::error::EngineError;

/// Checks that a trigger fires on `public.chat_messages`.
///
/// # Errors
/// [`EngineError::WrongTable`]: attached elsewhere the trigger would lend its table's
/// owner's rights to whoever owns that table.
pub(crate) fn check(trigger: &PgTrigger<'_>) -> Result<(), EngineError> {
    // SAFETY: the relation of a firing trigger is open and named.
    let (schema, table) = unsafe {
        let relation = trigger.trigger_data().tg_relation;
        let class = (*relation).rd_rel;
        let schema = pg_sys::get_namespace_name((*class).relnamespace);
        let schema = if schema.is_null() {
            c""
        } else {
            CStr::from_ptr(schema)
        };
        (schema, CStr::from_ptr((*class).relname.data.as_ptr()))
    };
    if schema == c"public" && table == c"chat_messages" {
        return Ok(());
    }
    Err(EngineError::WrongTable(format!(
        "{}.{}",
        schema.to_string_lossy(),
        table.to_string_lossy()
    )))
}

/// Runs `work` as the owner of the table the trigger fires on, as foreign-key triggers do:
/// API roles write messages, never derived tables. An error ends the transaction or
/// subtransaction, which restores the role by itself.
pub(crate) fn as_owner<T>(
    trigger: &PgTrigger<'_>,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
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
