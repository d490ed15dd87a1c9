//! What any host of the rules has to give, so that engines can be held against each other.
//!
//! `corpus/` has cases of what follows from operations on messages, `golden/` scores of texts and
//! verdicts on cached documents; `tests/engine` holds an engine inside Postgres against the first
//! two, and against a recount that shares no code with it.

/// `corpus/cases.json`: its README says how to read it.
pub const CASES: &str = include_str!("../corpus/cases.json");
