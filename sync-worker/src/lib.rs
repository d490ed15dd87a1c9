//! The worker: pulls providers into Postgres, mirrors documents into Redis, answers HTTP.
//!
//! It reaches the database only through SQL.

pub mod cli;
pub mod config;
