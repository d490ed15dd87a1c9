//! When a check of a relation has to be made again.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use pgrx::pg_sys;

use super::Definition;

/// How often one of the engine's relations may have changed since the backend began.
static GENERATION: AtomicU64 = AtomicU64::new(0);
static LISTENING: AtomicBool = AtomicBool::new(false);

/// The relation that was last to be checked: it may change meanwhile, and none is kept of it yet.
static CHECKED: AtomicU32 = AtomicU32::new(0);

/// The definitions whose relations were checked.
struct Tracked(UnsafeCell<Vec<&'static Definition>>);

// SAFETY: a backend has one thread.
unsafe impl Sync for Tracked {}

static TRACKED: Tracked = Tracked(UnsafeCell::new(Vec::new()));

/// Adds a definition: from now on changes of its relation are counted.
pub(super) fn track(definition: &'static Definition) {
    // SAFETY: a backend has one thread, and nothing here calls Postgres, which calls `note`.
    unsafe {
        let tracked = &mut *TRACKED.0.get();
        if !tracked.iter().any(|known| std::ptr::eq(*known, definition)) {
            tracked.push(definition);
        }
    }
}

/// Grows whenever a relation of the engine's, or the given one, which is about to be checked, may have
/// changed: its columns, indexes, triggers, rules, constraints, name or owner.
pub(super) fn generation(of: pg_sys::Oid) -> u64 {
    CHECKED.store(of.to_u32(), Ordering::Relaxed);
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
    let ours = |definition: &&Definition| {
        definition
            .kept()
            .is_some_and(|shape| shape.relation == relation)
    };
    // SAFETY: a backend has one thread, and `track` is not under way.
    let tracked = unsafe { &*TRACKED.0.get() };
    let is_checked = relation.to_u32() == CHECKED.load(Ordering::Relaxed);
    if relation == pg_sys::InvalidOid || is_checked || tracked.iter().any(ours) {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
}
