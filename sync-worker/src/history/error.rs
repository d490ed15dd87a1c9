//! What ends an import, and what to do.

use std::path::PathBuf;

/// Why an import ended.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error(
        "the file has more than 1 GiB or 1,000,000 messages.\n  Split it, and import the parts one after the other"
    )]
    TooLarge,
    /// The file is no export that is known.
    #[error(
        "this begins like a ChatGPT export and is none: {0}.\n  docs/importing.md says what a file may be; nothing was imported"
    )]
    NoExport(serde_json::Error),
    /// Nobody is called so.
    #[error("there is no account {0}.\n  Give the id or the email of one, as in auth.users")]
    NoAccount(String),
    /// More than one is called so.
    #[error("several accounts have the email {0}.\n  Give the id of the one that is meant")]
    Ambiguous(String),
    /// The person has asked to be forgotten.
    #[error(
        "this person's data is being erased, or was while it was imported: nothing more is.\n  Run it again only if they want it"
    )]
    BeingErased,
    /// It was told to stop.
    #[error("stopped. What was imported stays; the same command goes on from there")]
    Stopped,
    /// The database refuses, or does not answer.
    #[error(
        "Postgres: {0}.\n  BONDHU_OWNER_URL says where it is. What was imported stays, and the command can be run again"
    )]
    Database(#[from] sqlx::Error),
}
