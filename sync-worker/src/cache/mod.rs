//! Redis as the worker uses it: how it is reached, how long values live, the scripts that guard
//! every write. The mirror writes here, [`crate::hot`] reads and fills. What the values look like,
//! and when they count, core says ([`bondhu_core::cache`]).

mod client;
mod connection;
mod instant;
mod lifetime;
mod scripts;

pub use client::{RedisClient, RedisClientError};
pub use connection::{Connection, RedisTarget, TargetError};
pub(crate) use instant::{date_time, now, timestamp};
pub(crate) use lifetime::lifetime;
pub(crate) use scripts::{ADVANCE_STATE, COUNT, FILL, HELD, LEASE, SET_NEWER};
