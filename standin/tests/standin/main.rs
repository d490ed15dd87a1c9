//! The stand-in keeps to the providers' published descriptions and to their habits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod descriptions;
mod faults;
mod oauth;
mod spotify;
mod youtube;
