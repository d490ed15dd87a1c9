//! What is measured, and what should be.

use crate::bench::figures::{Bound, Comparator, Target};

pub(super) const TARGETS: [Target; 13] = [
    (
        "lag_ms_p50",
        3.0,
        Bound::Greatest,
        "commit to readable in Redis, 1,000 transactions/s",
    ),
    (
        "lag_ms_p99",
        20.0,
        Bound::Greatest,
        "the same, one in a hundred",
    ),
    (
        "backlog_tx_s",
        50_000.0,
        Bound::Least,
        "draining single-row transactions",
    ),
    (
        "backlog_rows_s",
        100_000.0,
        Bound::Least,
        "draining one transaction of 1,000,000 rows",
    ),
    (
        "backlog_ratio",
        0.8,
        Bound::Least,
        "single-row: against pg_recvlogical to /dev/null",
    ),
    (
        "mirror_cpu_us_per_tx",
        100.0,
        Bound::Greatest,
        "µs of processor a message: worker, its backends, walsender, Redis",
    ),
    (
        "commands_per_message",
        6.0,
        Bound::Greatest,
        "Redis commands, of somebody with a session",
    ),
    (
        "idle_commands_day",
        3_000.0,
        Bound::Greatest,
        "Redis commands a day at rest, with a freshness of 60 s",
    ),
    (
        "ryw_ms_p99",
        25.0,
        Bound::Greatest,
        "reading back what was just written, over HTTP",
    ),
    (
        "ryw_from_redis",
        0.95,
        Bound::Least,
        "share of these that Redis served",
    ),
    (
        "hot_ratio",
        1.0,
        Bound::Least,
        "reads/s over HTTP against the same from Postgres",
    ),
    ("rss_idle_mb", 64.0, Bound::Greatest, "worker at rest"),
    (
        "rss_backlog_mb",
        128.0,
        Bound::Greatest,
        "worker at its highest, all of the above",
    ),
];

pub(super) const COMPARATORS: [Comparator; 11] = [
    (
        "floor_tx_s",
        "pg_recvlogical on the same single-row transactions",
    ),
    (
        "writer_loss_fsync",
        "% of the tps of writers who use every core, on disk",
    ),
    ("writer_loss_cpu", "the same, without waiting for the disk"),
    ("hot_us_p50", "a read over HTTP, one at a time"),
    ("hot_us_p99", "the same, one in a hundred"),
    ("hot_reads_s", "reads over HTTP, 8 at a time"),
    ("raw_us_p50", "GET from Redis, one at a time"),
    ("raw_us_p99", "the same, one in a hundred"),
    (
        "postgres_us_p50",
        "the same document from Postgres, one at a time",
    ),
    ("postgres_us_p99", "the same, one in a hundred"),
    ("postgres_reads_s", "the same from Postgres, 8 at a time"),
];
