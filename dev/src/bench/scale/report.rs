//! What is measured, what should be, and how it grows.

use crate::bench::figures::{Bound, Comparator, Target};

use super::growth;

pub(super) const TARGETS: [Target; 6] = [
    (
        "insert_grown_ratio",
        0.85,
        Bound::Least,
        "2 clients at 20,000,000 messages ÷ at 1,000,000",
    ),
    (
        "prune_messages_touched",
        0.0,
        Bound::Greatest,
        "a pruning, 10,000 sessions with messages among it",
    ),
    (
        "cron_idle_ms",
        100.0,
        Bound::Greatest,
        "one round of what cron runs by the minute at 1,000,000 people, nothing due",
    ),
    (
        "touch_hot_share",
        0.95,
        Bound::Least,
        "touches that are written in place",
    ),
    (
        "claim_500_ms",
        20.0,
        Bound::Greatest,
        "of 1,000,000 connections: select and lease 500",
    ),
    (
        "settings_longest_wait_ms",
        100.0,
        Bound::Greatest,
        "who waits longest while a setting changes, 1,000,000 profiles",
    ),
];

pub(super) const COMPARATORS: [Comparator; 4] = [
    (
        "prune_ms",
        "10,000 sessions past their retention, and all else that the job looks for",
    ),
    ("prune_wal_mb", "write-ahead log of the same"),
    (
        "touch_again_share",
        "of a second touch within a minute, how many are written",
    ),
    ("plan_500_ms", "of 1,000,000: mark 500 as queued"),
];

/// Figures at both sizes.
#[derive(Default)]
pub(super) struct Growth {
    figures: Vec<(&'static str, f64, f64)>,
}

impl Growth {
    pub(super) fn add(&mut self, what: &'static str, small: f64, full: f64) {
        self.figures.push((what, small, full));
    }

    /// An exponent of 0 is what does not grow, 1 what grows as the database does.
    pub(super) fn print(&self) {
        println!(
            "\n{:<34} {:>9} {:>9} {:>9}",
            "growth", "÷ 20", "full", "exponent"
        );
        for (what, small, full) in &self.figures {
            let exponent = (full / small).ln() / growth().ln();
            println!("{what:<34} {small:>9.2} {full:>9.2} {exponent:>9.2}");
        }
    }
}
