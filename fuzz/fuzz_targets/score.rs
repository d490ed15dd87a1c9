//! Any bytes that are text get a score in range, and their explanation agrees with it.
//!
//! `cargo +nightly fuzz run score -- -max_len=8192`
#![no_main]

use bondhu_core::score::{explain, score};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let first = score(&text);
    assert!((0..=100).contains(&first.sentiment));
    assert!((0..=100).contains(&first.mood_confidence));
    assert_eq!(first, score(&text));
    assert_eq!(first, explain(&text).score);
});
