//! The engine inside Postgres: what a message leads to, and that nothing else is left of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub
)]

mod additions;
mod assessments;
mod backups;
mod boundaries;
mod charts;
mod concurrency;
mod controls;
mod corpus;
mod dashboard;
mod documents;
mod engines;
mod formats;
mod freshness;
mod history;
mod indexes;
mod installing;
mod law;
mod messages;
mod planted;
mod portable;
mod preflight;
mod public_objects;
mod recommendations;
mod recount;
mod repeated_rules;
mod replicas;
mod restoring;
mod safety;
mod sequences;
mod storms;
mod strangers;
mod switching;
mod text_rule;
mod types;
mod uninstalling;
mod upgrading;
