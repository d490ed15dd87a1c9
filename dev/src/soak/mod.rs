//! What `make soak-…` breaks, for as long as one likes.

pub mod mirror;
pub mod sync;
