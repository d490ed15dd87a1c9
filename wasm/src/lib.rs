//! `bondhu-core` for JavaScript. Nothing is decided here: what comes in is read, the core is
//! called, what it says is written. `npm/` wraps these functions into what people call; scores are
//! packed into a number, and everything else is a text of JSON.

pub mod companion;
pub mod constants;
pub mod documents;
pub mod scores;
pub mod style;
pub mod trust;
