//! When what was found out about relations is no longer true.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pgrx::pg_sys;

use crate::store;

/// How often one of the engine's relations may have changed since the backend began.
static GENERATION: AtomicU64 = AtomicU64::new(0);
static LISTENING: AtomicBool = AtomicBool::new(false);

/// Grows whenever a relation of the engine's may have changed: its columns, indexes, triggers,
/// rules, constraints, name or owner.
pub(super) fn generation() -> u64 {
    if !LISTENING.load(Ordering::Relaxed) {
        LISTENING.store(true, Ordering::Relaxed);
        // SAFETY: registers a function that is there as long as the backend.
        unsafe {
            pg_sys::CacheRegisterRelcacheCallback(Some(note), pg_sys::Datum::null());
        }
    }
    GENERATION.load(Ordering::Relaxed)
}

/// Called by Postgres for each change of any relation; 0 is all of them. Must not fail.
unsafe extern "C-unwind" fn note(_: pg_sys::Datum, relation: pg_sys::Oid) {
    let ours = |definition: &&super::Definition| {
        definition
            .kept()
            .is_some_and(|shape| shape.relation == relation)
    };
    if relation == pg_sys::InvalidOid || store::TABLES.iter().any(ours) {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
}
