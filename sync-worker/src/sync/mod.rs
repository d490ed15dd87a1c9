//! Pulling: claim a connection, walk its resources page by page, conclude.
//!
//! A claim is a lease with a token, taken in the database. Work happens outside any
//! transaction; each page commits together with the checkpoint after it, and only under
//! the token. A worker that lost its lease writes nothing more.

mod checkpoint;
mod lease;
mod outcome;
mod pull;
mod resource;
mod rows;
mod run;
mod session;

pub use outcome::SyncError;
pub use run::{SyncContext, run, run_once};
