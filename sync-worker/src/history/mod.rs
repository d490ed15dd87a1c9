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
    let (account, now) = account(&mut database, user).await?;
    let history = read(file, History::new(account.user, now))?;
    let stored = store::store(&mut database, &account, &history, share, stop).await?;
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

/// Whose messages they are.
#[derive(Debug)]
struct Account {
    user: Uuid,
    /// What they had erased before: another one ends the import.
    erasures: Vec<Uuid>,
}

/// The account of an id or an email, and the time where it is.
async fn account(
    database: &mut PgConnection,
    named: &str,
) -> Result<(Account, DateTime<Utc>), ImportError> {
    let mut found: Vec<(Uuid, DateTime<Utc>, bool, Vec<Uuid>)> = sqlx::query_as(
        "select u.id, clock_timestamp(), bondhu.is_being_erased(u.id),
           array(select e.id from public.erasures e where e.user_id = u.id)
         from auth.users u
         where u.id::text = lower($1) or (position('@' in $1) > 1 and lower(u.email) = lower($1))
         limit 2",
    )
    .bind(named)
    .fetch_all(database)
    .await?;
    if found.len() > 1 {
        return Err(ImportError::Ambiguous(named.to_owned()));
    }
    match found.pop() {
        None => Err(ImportError::NoAccount(named.to_owned())),
        Some((_, _, true, _)) => Err(ImportError::BeingErased),
        Some((user, now, false, erasures)) => Ok((Account { user, erasures }, now)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use uuid::Uuid;

    use super::{History, ImportError, read};

    fn read_bytes(bytes: &[u8]) -> Result<History, ImportError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read(file.path(), History::new(Uuid::from_u128(1), Utc::now()))
    }

    #[test]
    fn a_file_is_known_by_how_it_begins() {
        let line = r#"{"text": "hi", "sender": "user", "at": "2024-05-01T06:00:00Z"}"#;
        let export = r#"[{"id": "c", "current_node": "a", "mapping": {"a": {"message": {
            "author": {"role": "user"}, "create_time": 1.0, "content": {"content_type": "text", "parts": ["hi"]}}}}}]"#;
        for content in [line, export] {
            for before in ["", "\u{feff}", "\r\n \n", "\u{feff}\n"] {
                let history = read_bytes(format!("{before}{content}\r\n").as_bytes()).unwrap();
                let said: Vec<_> = history.messages.iter().map(|m| m.text.as_str()).collect();
                assert_eq!(said, ["hi"], "{before:?}{content}");
                assert!(history.left.is_empty(), "{:?}", history.left);
            }
        }
    }

    #[test]
    fn an_empty_file_has_no_messages_and_a_broken_export_is_refused() {
        assert_eq!(read_bytes(b"").unwrap().read(), 0);
        assert_eq!(read_bytes(b"\xef\xbb\xbf\r\n").unwrap().read(), 0);
        for broken in [&b"[{\"mapping\": {}"[..], b"[] and more", b"[\"\xff\"]"] {
            let refused = read_bytes(broken);
            assert!(
                matches!(refused, Err(ImportError::NoExport(_))),
                "{refused:?}"
            );
        }
    }
}
