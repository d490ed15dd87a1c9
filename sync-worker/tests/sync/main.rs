//! Linking and pulling accounts, against a real Postgres and the providers' stand-in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attempts;
mod charts;
mod claims;
mod consents;
mod disconnecting;
mod endings;
mod faults;
mod fixture;
mod generated;
mod genres;
mod hostile;
mod leaks;
mod leases;
mod leaving;
mod library;
mod limits;
mod linking;
mod planning;
mod poison;
mod pulling;
mod puppet;
mod refreshing;
mod revoking;
mod sampled;
mod secrets;
mod settling;
mod untrusted;
mod wire;
mod wire_examples;
