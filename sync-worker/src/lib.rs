//! The worker: pulls providers into Postgres, mirrors documents into Redis, answers HTTP.
//!
//! It reaches the database only through SQL.

pub mod adopt;
pub mod cache;
pub mod capacity;
pub mod cli;
pub mod commands;
pub mod config;
pub mod cron;
pub mod doctor;
pub mod error;
pub mod genres;
pub mod history;
pub mod hot;
pub mod http;
pub mod jwt;
pub mod mirror;
pub mod oauth;
pub mod provider;
pub mod providers;
mod recommend;
pub mod shutdown;
pub mod sync;
pub mod tastes;
pub mod telemetry;
pub mod vault;
