//! The engine in SQL, written out from `core`: control flow is in templates, what `core` knows is
//! filled in.

pub mod folding;
