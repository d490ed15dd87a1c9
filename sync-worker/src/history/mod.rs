//! Bringing in a conversation that somebody had elsewhere: JSON lines, or the conversations of a ChatGPT data export.
//!
//! Ids follow from what a message is, so that the same file brings nothing the second time, and an import that was ended goes on
//! by being run again.

mod chatgpt;
mod error;
mod lines;
mod message;
mod report;
mod store;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use error::ImportError;
use message::History;

/// A larger file is to be split: it is read as a whole.
const MOST_BYTES: u64 = 1 << 30;

/// Imports a file's messages for one person, and prints what became of them. `user`: the account's id or email; `share`: for how
/// many per cent of the time the import is busy.
///
/// # Errors
/// [`ImportError`]; what was imported stays.
pub async fn import_messages(
    owner: &PgConnectOptions,
    file: &Path,
    user: &str,
    share: u8,
    stop: &CancellationToken,
) -> Result<(), ImportError> {
    let mut database = sqlx::Connection::connect_with(owner).await?;
    let (user, now) = account(&mut database, user).await?;
    let history = read(file, History::new(user, now))?;
    let stored = store::store(&mut database, user, &history, share, stop).await?;
    print!("{}", report::table(&history, &stored));
    if stored.is_whole {
        Ok(())
    } else {
        Err(ImportError::Stopped)
    }
}

/// Reads a file: an array is an export, else each line is a message.
fn read(file: &Path, mut history: History) -> Result<History, ImportError> {
    let mut bytes = Vec::new();
    // A pipe does not say how long it is.
    File::open(file)
        .and_then(|opened| opened.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| ImportError::File {
            file: file.to_owned(),
            source,
        })?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ImportError::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if bytes.trim_ascii_start().starts_with(b"[") {
        chatgpt::read(bytes, &mut history)?;
    } else {
        lines::read(bytes, &mut history);
    }
    history.settle()
}

/// The account of an id or an email, and the time where it is.
async fn account(
    database: &mut PgConnection,
    named: &str,
) -> Result<(Uuid, DateTime<Utc>), ImportError> {
    let found: Vec<(Uuid, DateTime<Utc>, bool)> = sqlx::query_as(
        "select u.id, clock_timestamp(), bondhu.is_being_erased(u.id)
         from auth.users u
         where u.id::text = lower($1) or (position('@' in $1) > 1 and lower(u.email) = lower($1))
         limit 2",
    )
    .bind(named)
    .fetch_all(database)
    .await?;
    match found[..] {
        [] => Err(ImportError::NoAccount(named.to_owned())),
        [(_, _, true)] => Err(ImportError::BeingErased),
        [(user, now, false)] => Ok((user, now)),
        _ => Err(ImportError::Ambiguous(named.to_owned())),
    }
}
