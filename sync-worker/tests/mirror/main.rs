//! The mirror, between a real Postgres and a real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documents;
mod faults;
mod stage;
mod visibility;
