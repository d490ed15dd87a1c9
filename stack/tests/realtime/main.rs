//! The stand-in for Realtime: what a client is told, what it hears, and what it must not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod frames;
mod http;
mod joining;
mod policies;
mod presence;
mod project;
mod sending;
mod tokens;
