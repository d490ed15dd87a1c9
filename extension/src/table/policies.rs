//! Row security: whether it hides anything.
#![allow(unsafe_code)]

use pgrx::{Array, FromDatum, PgList, pg_sys};

use super::Access;

/// Whether no policy hides rows from the current user.
///
/// # Safety
/// `relation` is open.
pub(super) unsafe fn show_every_row(relation: pg_sys::Relation, access: Access) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let class = (*relation).rd_rel;
        let forced = (*class).relforcerowsecurity && !pg_sys::InNoForceRLSOperation();
        !(*class).relrowsecurity
            || ((*class).relowner == pg_sys::GetUserId() && !forced)
            || (access == Access::Read && one_shows_all(relation))
            || pg_sys::check_enable_rls((*relation).rd_id, pg_sys::InvalidOid, true) as u32
                != pg_sys::CheckEnableRlsResult::RLS_ENABLED
    }
}

/// Whether a policy for reading lets the current user see all, and none takes rows away: the worker
/// reads everybody's.
///
/// # Safety
/// `relation` is open.
unsafe fn one_shows_all(relation: pg_sys::Relation) -> bool {
    // SAFETY: the caller's; the policies belong to the relation.
    unsafe {
        let description = (*relation).rd_rsdesc;
        if description.is_null() || !pg_sys::row_security {
            return false;
        }
        let policies = PgList::<pg_sys::RowSecurityPolicy>::from_pg((*description).policies);
        let shows_all = |policy: *mut pg_sys::RowSecurityPolicy| {
            let command = (*policy).polcmd as u8;
            (command == b'*' || command == pg_sys::ACL_SELECT_CHR)
                && is_true((*policy).qual)
                && is_for_us((*policy).roles)
        };
        policies.iter_ptr().all(|policy| (*policy).permissive) && policies.iter_ptr().any(shows_all)
    }
}

/// # Safety
/// `expression` is null or valid.
unsafe fn is_true(expression: *mut pg_sys::Expr) -> bool {
    // SAFETY: the caller's; a node of that tag is a constant.
    unsafe {
        if expression.is_null() || (*expression).type_ != pg_sys::NodeTag::T_Const {
            return false;
        }
        let constant = expression.cast::<pg_sys::Const>();
        (*constant).consttype == pg_sys::BOOLOID
            && !(*constant).constisnull
            && (*constant).constvalue.value() != 0
    }
}

/// # Safety
/// `roles` is an array of oids.
unsafe fn is_for_us(roles: *mut pg_sys::ArrayType) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let roles = Array::<pg_sys::Oid>::from_datum(pg_sys::Datum::from(roles), false);
        let is_ours = |role: pg_sys::Oid| {
            role == pg_sys::Oid::from(pg_sys::ACL_ID_PUBLIC)
                || pg_sys::has_privs_of_role(pg_sys::GetUserId(), role)
        };
        roles.is_some_and(|roles| roles.iter().flatten().any(is_ours))
    }
}
