//! Linking and pulling accounts, against a real Postgres and the providers' stand-in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attempts;
mod disconnecting;
mod faults;
mod fixture;
mod genres;
mod hostile;
mod leaks;
mod leases;
mod library;
mod limits;
mod linking;
mod planning;
mod pulling;
mod refreshing;
mod revoking;
mod secrets;
mod settling;
mod soaking;
mod untrusted;
mod wire;
mod wire_examples;
