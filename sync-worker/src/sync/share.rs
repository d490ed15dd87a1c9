//! What one connection may take of the budget that all of them share.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};

/// The requests that a pull may send and has sent. The rule is in `sql/60_providers/90_planner.sql`.
#[derive(Debug)]
pub(super) struct Share {
    left: u32,
    /// When there is more.
    more_at: DateTime<Utc>,
    sent: AtomicU32,
}

impl Share {
    /// `left` requests until `more_at`.
    pub(super) const fn new(left: u32, more_at: DateTime<Utc>) -> Self {
        Self {
            left,
            more_at,
            sent: AtomicU32::new(0),
        }
    }

    /// Takes one. `Some`: there is none until then.
    pub(super) fn take(&self) -> Option<DateTime<Utc>> {
        // One pull is one task: nobody else takes in between.
        if self.sent() >= self.left {
            return Some(self.more_at);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// How many were taken.
    pub(super) fn sent(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }
}
