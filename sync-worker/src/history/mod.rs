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

use std::path::Path;

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
    let user = account(&mut database, user).await?;
    let history = read(file, user)?;
    let stored = store::store(&mut database, user, &history, share, stop).await?;
    print!("{}", report::table(&history, &stored));
    if stored.is_whole {
        Ok(())
    } else {
        Err(ImportError::Stopped)
    }
}

/// Reads a file: an array is an export, else each line is a message.
fn read(file: &Path, user: Uuid) -> Result<History, ImportError> {
    let unreadable = |source| ImportError::File {
        file: file.to_owned(),
        source,
    };
    if std::fs::metadata(file).map_err(unreadable)?.len() > MOST_BYTES {
        return Err(ImportError::TooLarge);
    }
    let bytes = std::fs::read(file).map_err(unreadable)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut history = History::new(user);
    if bytes.trim_ascii_start().starts_with(b"[") {
        chatgpt::read(bytes, &mut history)?;
    } else {
        lines::read(bytes, &mut history);
    }
    history.settle()
}

/// The account of an id or an email.
async fn account(database: &mut PgConnection, named: &str) -> Result<Uuid, ImportError> {
    let found: Vec<(Uuid, bool)> = sqlx::query_as(
        "select u.id, exists (select from public.erasures e where e.user_id = u.id and e.finished_at is null)
         from auth.users u
         where u.id::text = lower($1) or (position('@' in $1) > 1 and lower(u.email) = lower($1))
         limit 2",
    )
    .bind(named)
    .fetch_all(database)
    .await?;
    match found[..] {
        [] => Err(ImportError::NoAccount(named.to_owned())),
        [(_, true)] => Err(ImportError::BeingErased),
        [(user, false)] => Ok(user),
        _ => Err(ImportError::Ambiguous(named.to_owned())),
    }
}
