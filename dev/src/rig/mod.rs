//! What benches and soaks run on: servers, people, load and a comparison of the end.

pub mod companion;
pub mod mirror;
pub mod sync;
