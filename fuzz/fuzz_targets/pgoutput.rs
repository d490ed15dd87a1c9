//! Any bytes are a row message or an error.
//!
//! `cargo +nightly fuzz run pgoutput -- -max_len=4096`
#![no_main]

#[path = "../checks/pgoutput.rs"]
mod pgoutput;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| pgoutput::check(bytes));
