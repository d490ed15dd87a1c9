//! What ends the process, as a person reads it: the cause, and what to do.

use std::net::SocketAddr;

use crate::adopt::AdoptError;
use crate::config::ConfigError;
use crate::cron::CronError;
use crate::history::ImportError;
use crate::mirror::MirrorError;

/// Why a subcommand ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another process listens there.
    #[error(
        "cannot listen on {addr}: the address is in use.\n  \
         Stop what listens there, or set {variable} to a free one, e.g. {variable}=127.0.0.1:8788"
    )]
    AddressInUse {
        /// The address.
        addr: SocketAddr,
        /// What sets it.
        variable: &'static str,
    },
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {addr}: {source}.\n  {variable} sets the address")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What sets it.
        variable: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// HTTP stopped.
    #[error("HTTP ended: {0}")]
    Http(std::io::Error),
    /// The database does not answer, or refuses.
    #[error("Postgres: {0}.\n  DATABASE_URL says where it is; `sync-worker doctor` tells more")]
    Postgres(#[from] sqlx::Error),
    /// The mirror's configuration cannot be used.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The scheduled jobs cannot be reached.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// An adoption ended before its end.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// An import ended before its end.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The key's name will not do.
    #[error("the key's id must be 1 to 32 of a-z, A-Z, 0-9, _ and -")]
    KeyId,
    /// Some stored tokens were sealed with a key that is not here, or are damaged.
    #[error(
        "{0} tokens could not be opened and stay as they are.\n  \
         Add the key that sealed them to BONDHU_TOKEN_KEYS and run this again; without it, their accounts have to be linked again"
    )]
    Unreadable(u64),
    /// `doctor` found something that does not work.
    #[error("{0} checks failed; what to do is beside each")]
    Unwell(usize),
    /// The process lacks something of its surroundings.
    #[error("{0}")]
    Process(String),
}
