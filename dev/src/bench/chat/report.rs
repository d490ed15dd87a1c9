//! What is measured, and what should be.

use crate::bench::figures::{Bound, Comparator, Target};

pub(super) const TARGETS: [Target; 3] = [
    (
        "first_token_added_ms_p50",
        40.0,
        Bound::Greatest,
        "until the first word, over the model's own 200 ms",
    ),
    (
        "first_token_added_ms_p99",
        120.0,
        Bound::Greatest,
        "the same, of the slowest in a hundred",
    ),
    (
        "cpu_ms_per_exchange",
        2000.0,
        Bound::Greatest,
        "of the function, what it remembers included; hosted functions have 2 s",
    ),
];

pub(super) const COMPARATORS: [Comparator; 6] = [
    (
        "exchanges_per_s",
        "many at once, with a model that takes no time; everything on this machine",
    ),
    (
        "redis_share",
        "of what is read about a person, the part that Redis answers",
    ),
    (
        "worker_share",
        "the part that the worker answers, since Redis is behind or has none",
    ),
    ("start_ms", "the first exchange, which starts the function"),
    ("function_mb", "resident memory of the function at the end"),
    (
        "source_mb",
        "what is deployed besides npm packages, not compressed",
    ),
];
