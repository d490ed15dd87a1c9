//! What is measured, and what should be.

use crate::bench::figures::{Bound, Comparator, Target};

pub(super) const TARGETS: [Target; 4] = [
    (
        "gzip_mb",
        1.4,
        Bound::Greatest,
        "what a browser is sent: glue and module, model included",
    ),
    (
        "node_ratio",
        3.0,
        Bound::Greatest,
        "a message in Node ÷ native, in the same run",
    ),
    ("deno_ratio", 3.0, Bound::Greatest, "the same in Deno"),
    (
        "chromium_ratio",
        3.0,
        Bound::Greatest,
        "the same in Chromium",
    ),
];

pub(super) const COMPARATORS: [Comparator; 11] = [
    ("raw_mb", "the same, not compressed"),
    ("native_us", "a message, 29 bytes on average, natively"),
    ("node_us", "in Node"),
    ("deno_us", "in Deno"),
    ("chromium_us", "in Chromium"),
    (
        "node_start_ms",
        "load() in Node: the file is read and compiled",
    ),
    ("deno_start_ms", "in Deno: the text is unpacked first"),
    (
        "chromium_start_ms",
        "in Chromium: fetched from this machine, compiled meanwhile",
    ),
    ("node_first_ms", "the first score, which builds patterns"),
    ("deno_first_ms", "the same in Deno"),
    ("chromium_first_ms", "the same in Chromium"),
];
