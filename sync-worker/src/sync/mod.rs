//! Pulling: claim a connection, walk its resources page by page, conclude.
//!
//! A claim is a lease with a token, taken in the database. Work happens outside any
//! transaction; each page commits together with the checkpoint after it, and only under
//! the token. A worker that lost its lease writes nothing more.

mod account;
mod allowance;
mod checkpoint;
mod conclude;
mod context;
mod etag;
mod fetched;
mod knowledge;
mod lease;
mod load;
mod outcome;
mod page;
mod plan;
mod pull;
mod request;
mod reseal;
mod resource;
mod resources;
mod revoke;
mod run;
mod session;
mod share;
mod shortfall;
mod store;
mod trail;

pub use allowance::Allowance;
pub use context::SyncContext;
pub use outcome::SyncError;
pub use reseal::{Resealed, reseal};
pub(crate) use resources::scopes;
pub use run::{run, run_once};
