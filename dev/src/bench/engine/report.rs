//! What is measured, and what should be.

use crate::bench::figures::{Bound, Comparator, Target};

/// The figures with targets: name, bound, whether it is a greatest or a least value, what it is.
pub(super) const TARGETS: [Target; 14] = [
    (
        "insert_ratio_many",
        0.80,
        Bound::Least,
        "2,000 users, 2 clients, no fsync",
    ),
    (
        "insert_ratio_fsync",
        0.95,
        Bound::Least,
        "the same, each commit on disk",
    ),
    (
        "insert_ratio_hot_user",
        0.60,
        Bound::Least,
        "one user with 10,000 messages",
    ),
    (
        "copy_ratio",
        0.60,
        Bound::Least,
        "COPY of 100,000 rows of 2,000 users",
    ),
    (
        "history_flat",
        1.10,
        Bound::Greatest,
        "cost at 1,000,000 messages ÷ at 100",
    ),
    (
        "context_read_us_p50",
        1_000.0,
        Bound::Greatest,
        "personality_context at 1,000,000",
    ),
    (
        "context_read_us_p99",
        1_000.0,
        Bound::Greatest,
        "the same, one read in a hundred",
    ),
    (
        "dashboard_us_p50",
        2_000.0,
        Bound::Greatest,
        "dashboard() at 1,000,000",
    ),
    (
        "import_p99_ratio",
        2.0,
        Bound::Greatest,
        "one message in a hundred while another's old ones come in ÷ alone",
    ),
    (
        "portable_ms_p50",
        1.2,
        Bound::Greatest,
        "an insert with the portable engine, above none",
    ),
    (
        "portable_tx_s",
        1_000.0,
        Bound::Least,
        "2,000 users, 2 clients, no fsync",
    ),
    (
        "portable_history_flat",
        1.10,
        Bound::Greatest,
        "cost at 1,000,000 messages ÷ of somebody new",
    ),
    (
        "portable_day_flat",
        1.15,
        Bound::Greatest,
        "cost at 10,000 messages in 24 hours, likewise",
    ),
    (
        "portable_session_kb",
        4_096.0,
        Bound::Greatest,
        "what a session holds more than without",
    ),
];

/// For comparison.
pub(super) const COMPARATORS: [Comparator; 12] = [
    (
        "score_call_us",
        "a call of score(text) in SQL; the bare core: make bench-scorer",
    ),
    (
        "session_extra_us",
        "a message of a session that nobody is in, above one without",
    ),
    (
        "announced_extra_us",
        "the same, announced where somebody is, above that",
    ),
    (
        "upsert_ratio_many",
        "PL/pgSQL, two upserts, no scoring: 2,000 users",
    ),
    (
        "upsert_ratio_hot_user",
        "PL/pgSQL, two upserts, no scoring: hot user",
    ),
    (
        "recount_ratio_100",
        "PL/pgSQL, recount of the week, at 100 messages",
    ),
    (
        "recount_ratio_10000",
        "PL/pgSQL, recount of the week, at 10,000",
    ),
    (
        "portable_copy_rows_s",
        "COPY of 10,000 rows of 2,000 users, no fsync",
    ),
    (
        "portable_score_us_25",
        "a call of the portable score(text), 25 characters",
    ),
    ("portable_score_us_70", "70 characters"),
    ("portable_score_us_500", "500 characters"),
    ("portable_score_us_8000", "8,000 characters"),
];
