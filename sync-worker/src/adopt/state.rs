//! How far an adoption has come, in the database that it is of.

use sqlx::postgres::PgConnectOptions;
use sqlx::types::Json;
use sqlx::{Connection as _, PgConnection};

use super::collisions::Moved;
use super::error::AdoptError;
use super::judged::Kind;

/// One adoption of a database at a time: the number is of this program's choice.
const LOCK: i64 = 0x626f_6e64_6875_6164;

/// Another one is waited for so long.
const ALONE_WITHIN_S: u32 = 30;

/// The row of `before_bondhu.adoption`.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Adoption {
    /// What of the CLI's records was made for it: `schema`, `table` or `nothing`.
    pub(super) records_made: String,
    /// What makes room.
    pub(super) moved: Json<Vec<Moved>>,
    /// Whether linked accounts are taken over.
    pub(super) with_links: bool,
    /// Whether everything is imported.
    pub(super) is_finished: bool,
}

/// How far one kind has come.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Step {
    /// Rows that there are.
    pub(super) rows_of: i64,
    /// Rows looked at.
    pub(super) rows_read: i64,
    /// Rows imported; the others had been there, or cannot be taken.
    pub(super) rows_taken: i64,
    /// The key of the last row looked at.
    pub(super) after: Option<serde_json::Value>,
    /// Whether it is done.
    pub(super) is_finished: bool,
}

/// Connects as the owner, alone.
///
/// # Errors
/// The database does not answer, or another adoption is under way.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, AdoptError> {
    let mut database = PgConnection::connect_with(options).await?;
    sqlx::raw_sql("set client_min_messages = warning; set search_path = pg_catalog, pg_temp")
        .execute(&mut database)
        .await?;
    // One that was killed a moment ago ends with the statement that its server is at.
    sqlx::raw_sql(&format!("set lock_timeout = '{ALONE_WITHIN_S}s'"))
        .execute(&mut database)
        .await?;
    let alone = sqlx::query("select pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut database)
        .await;
    match alone {
        Err(error) if is_locked(&error) => return Err(AdoptError::Busy),
        result => result?,
    };
    sqlx::raw_sql("reset lock_timeout")
        .execute(&mut database)
        .await?;
    Ok(database)
}

fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some("55P03")
}

/// Whether Bondhu is installed.
pub(super) async fn is_installed(database: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select to_regclass('bondhu.settings') is not null")
        .fetch_one(database)
        .await
}

impl Adoption {
    /// The one that has begun here, if any.
    pub(super) async fn read(database: &mut PgConnection) -> Result<Option<Self>, sqlx::Error> {
        let begun: bool =
            sqlx::query_scalar("select to_regclass('before_bondhu.adoption') is not null")
                .fetch_one(&mut *database)
                .await?;
        if !begun {
            return Ok(None);
        }
        sqlx::query_as(
            "select records_made, moved, with_links, finished_at is not null as is_finished from before_bondhu.adoption",
        )
        .fetch_optional(database)
        .await
    }

    /// The one that has begun here.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn expect(database: &mut PgConnection) -> Result<Self, AdoptError> {
        Self::read(database).await?.ok_or(AdoptError::NotBegun)
    }

    /// Begins one, within the transaction that the connection is in.
    pub(super) async fn begin(
        database: &mut PgConnection,
        records_made: &str,
        moved: &[Moved],
        with_links: bool,
    ) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(include_str!("sql/state.sql"))
            .execute(&mut *database)
            .await?;
        sqlx::query(
            "insert into before_bondhu.adoption (records_made, moved, with_links) values ($1, $2, $3)",
        )
        .bind(records_made)
        .bind(Json(moved))
        .bind(with_links)
        .execute(database)
        .await?;
        Ok(())
    }

    /// Everything is imported.
    pub(super) async fn finish(database: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update before_bondhu.adoption set finished_at = now() where finished_at is null",
        )
        .execute(database)
        .await?;
        Ok(())
    }
}

impl Step {
    /// How far a kind has come; begun, where it was not, with what `count` says there is.
    pub(super) async fn of(
        database: &mut PgConnection,
        kind: Kind,
        count: &str,
    ) -> Result<Self, sqlx::Error> {
        if let Some(step) = Self::read(database, kind).await? {
            return Ok(step);
        }
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut *database).await?;
        sqlx::query("insert into before_bondhu.adoption_steps (kind, rows_of) values ($1, $2)")
            .bind(kind.name())
            .bind(rows)
            .execute(database)
            .await?;
        Ok(Self {
            rows_of: rows,
            rows_read: 0,
            rows_taken: 0,
            after: None,
            is_finished: false,
        })
    }

    /// How far a kind has come; `None`: it was not begun.
    pub(super) async fn read(
        database: &mut PgConnection,
        kind: Kind,
    ) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as(
            "select rows_of, rows_read, rows_taken, after, finished_at is not null as is_finished
             from before_bondhu.adoption_steps where kind = $1",
        )
        .bind(kind.name())
        .fetch_optional(database)
        .await
    }

    /// Stores how far it has come, within the transaction of the batch that brought it there.
    pub(super) async fn keep(
        &self,
        database: &mut PgConnection,
        kind: Kind,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update before_bondhu.adoption_steps
             set rows_read = $2, rows_taken = $3, after = $4,
                 finished_at = case when $5 then coalesce(finished_at, now()) end
             where kind = $1",
        )
        .bind(kind.name())
        .bind(self.rows_read)
        .bind(self.rows_taken)
        .bind(&self.after)
        .bind(self.is_finished)
        .execute(database)
        .await?;
        Ok(())
    }
}
