//! What `make bench-…` measures.

pub mod chat;
pub mod engine;
mod figures;
pub mod mirror;
pub mod planning;
pub mod recommendations;
pub mod sync;
pub mod wasm;
