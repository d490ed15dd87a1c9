//! Re-reading documents from Postgres, many users at a time, in one statement: a round trip costs
//! as much as building some documents, and one statement has one snapshot.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use bondhu_core::cache::{DOCUMENT_MOST_BYTES, Document};
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use serde_json::value::RawValue;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::visibility::Snapshot;

/// A reading of more is made in parts: so much of it is in memory twice at most.
const READING_MOST_BYTES: usize = 32 << 20;

/// SQL: the version of the settings in the snapshot of a statement. What the same statement builds is
/// built under these or later ones. 0 while there are none.
pub(crate) const SETTINGS_VERSION: &str = "coalesce((select version from bondhu.settings), 0)";

/// Why a reading came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is too much at once.
    #[error("too much to read at once")]
    TooMuch,
    /// What Postgres says.
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
}

impl ReadError {
    /// Whether the documents that were read cause it, so that others may be read: a function of
    /// these documents failed, took too long, or returned something impossible.
    pub(super) fn is_caused_by_documents(&self) -> bool {
        match self {
            Self::TooMuch
            | Self::Postgres(sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }) => true,
            Self::Postgres(sqlx::Error::Database(error)) => error.code().is_some_and(|code| {
                // Data, limits, out of memory, cancelled for its time, raised, internal.
                matches!(&*code, "53200" | "57014")
                    || matches!(code.get(..2), Some("21" | "22" | "23" | "54" | "P0" | "XX"))
            }),
            Self::Postgres(_) => false,
        }
    }
}

/// Which documents, of whom.
pub(super) type Wanted = BTreeMap<Document, Vec<Uuid>>;

/// Keys by document.
pub(super) fn wanted(keys: impl Iterator<Item = (Uuid, Document)>) -> Wanted {
    let mut wanted = Wanted::new();
    for (user, document) in keys {
        wanted.entry(document).or_default().push(user);
    }
    wanted
}

/// A document as Postgres built it.
#[derive(Debug)]
pub(super) struct Body {
    /// Which document.
    pub document: Document,
    /// Whose it is.
    pub user: Uuid,
    /// What it says; `None` when there is nothing to keep about this user.
    pub data: Option<Box<RawValue>>,
    /// The next instant at which it changes by time alone.
    pub until: Option<DateTime<Utc>>,
    /// There is one, and it has more bytes than a document may have.
    pub large: bool,
}

impl Body {
    /// That there is nothing.
    pub(super) fn none(document: Document, user: Uuid) -> Self {
        Self {
            document,
            user,
            data: None,
            until: None,
            large: false,
        }
    }
}

/// Documents of one snapshot.
#[derive(Debug)]
pub(super) struct Reading {
    /// What it sees.
    pub snapshot: Snapshot,
    /// Nothing that it sees was made after.
    pub as_of: DateTime<Utc>,
    /// Nothing that was made before is missing.
    pub begun: Instant,
    /// The version of the settings that it was made under.
    pub settings: i64,
    /// Those asked about who have a session that has not ended.
    pub active: HashSet<Uuid>,
    /// What was asked for; users who no longer exist are left out.
    pub bodies: Vec<Body>,
}

/// Whose documents are built.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subjects<'a> {
    /// Of those among these users who have a session that has not ended.
    Active(&'a [Uuid]),
    /// Of everyone who was asked for.
    Everyone,
}

/// The first row tells of the reading itself, each other one of a document.
#[derive(sqlx::FromRow)]
struct Row {
    /// Position in [`Document::ALL`]; none in the first row.
    document: Option<i16>,
    user_id: Option<Uuid>,
    data: Option<String>,
    until: Option<DateTime<Utc>>,
    large: bool,
    as_of: Option<DateTime<Utc>>,
    snapshot: Option<String>,
    settings: Option<i64>,
    here: Option<Vec<Uuid>>,
}

/// Builds what is `wanted` of `whose`.
///
/// # Errors
/// When the database does not answer, its functions are not those of this version, or what they
/// come to is too much.
pub(super) async fn read(
    connection: &mut PgConnection,
    wanted: &Wanted,
    subjects: Subjects<'_>,
) -> Result<Reading, ReadError> {
    let (asked, only) = match subjects {
        Subjects::Active(users) => (users, " where id in (select unnest(here))"),
        Subjects::Everyone => (&[][..], ""),
    };
    // Names come from the enum: no input reaches this text, and there are few texts, so that each
    // is prepared once. The clock is read once the snapshot is taken.
    let mut query = QueryBuilder::<Postgres>::new(
        "with reading as materialized (
           select clock_timestamp() as as_of, pg_current_snapshot()::text as snapshot, ",
    );
    query.push(SETTINGS_VERSION).push(
        " as settings, array(
             select distinct user_id from public.user_sessions where ended_at is null and user_id = any(",
    );
    query.push_bind(asked).push(
        ")) as here)
         select null::smallint as document, null::uuid as user_id, null as data, null::timestamptz as until,
                false as large, as_of, snapshot, settings, here from reading",
    );
    for (document, users) in wanted {
        let (number, name) = (*document as i16, document.name());
        query
            .push(format_args!(
                " union all select {number}::smallint, d.user_id,
                    case when octet_length(d.data) <= {DOCUMENT_MOST_BYTES} then d.data end, d.until,
                    coalesce(octet_length(d.data) > {DOCUMENT_MOST_BYTES}, false), null, null, null, null
                  from reading cross join lateral (select user_id, data::text as data, until
                    from bondhu.{name}_document(array(select id from unnest("
            ))
            .push_bind(users)
            .push("::uuid[]) wanted (id)")
            .push(only)
            .push("), as_of) offset 0) d");
    }
    let begun = Instant::now();
    let mut stream = query.build_query_as::<Row>().fetch(connection);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = stream.try_next().await? {
        bytes += row.data.as_ref().map_or(0, String::len);
        if bytes > READING_MOST_BYTES {
            return Err(ReadError::TooMuch);
        }
        rows.push(row);
    }
    drop(stream);
    let unreadable = || sqlx::Error::Decode("not what a reading returns".into());
    Ok(assemble(begun, rows).ok_or_else(unreadable)?)
}

fn assemble(begun: Instant, rows: Vec<Row>) -> Option<Reading> {
    let mut rows = rows.into_iter();
    let first = rows.next()?;
    let bodies = rows.map(|row| {
        Some(Body {
            document: *Document::ALL.get(usize::try_from(row.document?).ok()?)?,
            user: row.user_id?,
            data: match row.data {
                Some(text) => Some(RawValue::from_string(text).ok()?),
                None => None,
            },
            until: row.until,
            large: row.large,
        })
    });
    Some(Reading {
        snapshot: first.snapshot?.parse().ok()?,
        as_of: first.as_of?,
        begun,
        settings: first.settings?,
        active: first.here?.into_iter().collect(),
        bodies: bodies.collect::<Option<_>>()?,
    })
}

/// The version of the settings as of now.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn settings_version(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let ask = format!("select {SETTINGS_VERSION}");
    sqlx::query_scalar(&ask).fetch_one(connection).await
}

/// Up to `page` users with a session that has not ended, in order, after `after`.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn active_after(
    connection: &mut PgConnection,
    after: Uuid,
    page: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select distinct user_id from public.user_sessions
         where ended_at is null and user_id > $1 order by user_id limit $2",
    )
    .bind(after)
    .bind(page)
    .fetch_all(connection)
    .await
}
