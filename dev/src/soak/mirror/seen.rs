//! What the people of the soak saw.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Reads, and those of them that Redis served.
#[derive(Debug, Default)]
pub(super) struct Sources {
    all: AtomicU64,
    redis: AtomicU64,
}

impl Sources {
    fn add(&self, from_redis: bool) {
        self.all.fetch_add(1, Ordering::Relaxed);
        self.redis.fetch_add(from_redis.into(), Ordering::Relaxed);
    }

    pub(super) fn all(&self) -> u64 {
        self.all.load(Ordering::Relaxed)
    }

    /// The part that Redis served, 0 to 1.
    pub(super) fn share(&self) -> f64 {
        self.redis.load(Ordering::Relaxed) as f64 / self.all().max(1) as f64
    }
}

/// What all of them saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    reads: AtomicU64,
    from_redis: AtomicU64,
    calm: AtomicBool,
    /// In moments of calm.
    plain: Sources,
    /// In moments of calm, of what the reader had just written.
    own: Sources,
    writes: AtomicU64,
    stale: AtomicU64,
    worst_staleness: Mutex<Duration>,
}

impl Seen {
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(super) fn served_by_redis(&self) -> u64 {
        self.from_redis.load(Ordering::Relaxed)
    }

    /// Reads in moments of calm: plain ones, and those of what the reader had just written.
    pub(super) fn between_faults(&self) -> [&Sources; 2] {
        [&self.plain, &self.own]
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Reads that lacked what their reader asked for.
    pub(super) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// The oldest commit that a plain read lacked.
    pub(super) fn worst_staleness(&self) -> Duration {
        *self
            .worst_staleness
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on nothing is broken, or something is again.
    pub(super) fn set_calm(&self, calm: bool) {
        self.calm.store(calm, Ordering::Relaxed);
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(super) fn wrote(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// A read: where from, whether of what was just written, whether in a moment of calm.
    pub(super) fn read(&self, from_redis: bool, own: bool, calm: bool) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.from_redis
            .fetch_add(u64::from(from_redis), Ordering::Relaxed);
        if calm {
            let sources = if own { &self.own } else { &self.plain };
            sources.add(from_redis);
        }
    }

    pub(super) fn lacked_what_was_asked_for(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    /// A plain read lacked a commit of that age.
    pub(super) fn lacked(&self, age: Duration) {
        let mut worst = self
            .worst_staleness
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *worst = age.max(*worst);
    }
}
