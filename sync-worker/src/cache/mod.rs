//! Redis as the worker uses it: how it is reached, what its values look like, the scripts that
//! guard every write. The mirror writes here, [`crate::hot`] reads and fills.

mod connection;
mod envelope;
mod lifetime;
mod link;
mod scripts;
mod state;

pub use connection::{Connection, RedisTarget, TargetError};
pub(crate) use envelope::VALUE_MOST_BYTES;
pub use envelope::{Envelope, render, render_apart};
pub(crate) use lifetime::lifetime;
pub use link::{Link, LinkError};
pub(crate) use scripts::{ADVANCE_STATE, FILL, LEASE, SET_NEWER};
pub use state::State;
pub(crate) use state::{Parts, STATE_MOST_BYTES};
