//! Linking and pulling accounts, against a real Postgres and the providers' stand-in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod disconnecting;
mod faults;
mod fixture;
mod genres;
mod leaks;
mod leases;
mod library;
mod limits;
mod linking;
mod planning;
mod pulling;
mod refreshing;
mod secrets;
mod untrusted;
mod wire;
mod wire_examples;
