//! The mirror, between a real Postgres and a real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod alone;
mod costs;
mod crashes;
mod decoder;
mod documents;
mod erasing;
mod faults;
mod hot;
mod oracle;
mod poison;
mod readers;
mod settings;
mod severe;
mod stage;
mod storms;
mod successions;
mod visibility;
