//! Redis at rest, against Postgres.

use anyhow::{Context, Result, ensure};
use bondhu_core::cache::{Document, STATE_KEY};
use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

async fn connect(url: &str) -> Result<redis::aio::MultiplexedConnection> {
    let client = redis::Client::open(url)?;
    Ok(client.get_multiplexed_async_connection().await?)
}

async fn state(url: &str) -> Result<Value> {
    let text: Option<String> = connect(url).await?.get(STATE_KEY).await?;
    Ok(serde_json::from_str(
        &text.context("there is no watermark")?,
    )?)
}

/// Asks the mirror for proof of how far it is, as readers do: at rest it says nothing by itself for a while.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn ask(database: &PgPool) -> Result<()> {
    sqlx::query("select pg_notify('bondhu_mirror', '')")
        .execute(database)
        .await?;
    Ok(())
}

/// Whether the watermark has passed everything that is written; asks the mirror where it has not.
pub(crate) async fn caught_up(database: &PgPool, redis: &str) -> Result<()> {
    let state = state(redis).await?;
    let lsn = state["lsn"]
        .as_str()
        .context("a watermark has a position")?;
    let complete = state["ts"].as_i64().unwrap_or_default() > 0;
    let behind: i64 = sqlx::query_scalar(
        "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint - ('x' || $1)::bit(64)::bigint",
    )
    .bind(lsn)
    .fetch_one(database)
    .await?;
    // Who asks writes too, and so do checkpoints: nobody ever is quite there.
    let caught_up = complete && behind < 1024;
    if !caught_up {
        ask(database).await?;
    }
    ensure!(caught_up, "it is {behind} bytes behind");
    Ok(())
}

/// How far the log goes, in bytes since its beginning.
pub(super) async fn written(database: &PgPool) -> Result<i64> {
    Ok(
        sqlx::query_scalar("select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
            .fetch_one(database)
            .await?,
    )
}

/// Whether the watermark of a complete epoch has passed a position, in bytes; asks the mirror where it
/// has not.
pub(super) async fn passed(position: i64, database: &PgPool, redis: &str) -> Result<()> {
    let state = state(redis).await?;
    let lsn = state["lsn"]
        .as_str()
        .context("a watermark has a position")?;
    let complete = state["ts"].as_i64().unwrap_or_default() > 0;
    let behind = position - i64::from_str_radix(lsn, 16)?;
    let passed = complete && behind <= 0;
    if !passed {
        ask(database).await?;
    }
    ensure!(passed, "it is {behind} bytes behind");
    Ok(())
}

/// What a comparison found.
pub(crate) struct Found {
    /// Keys of the present epoch.
    pub(crate) compared: usize,
    /// Those that are not what Postgres builds as of their own instant.
    pub(crate) wrong: Vec<String>,
}

/// Compares the keys of the present epoch with what Postgres builds.
pub(super) async fn compare(database: &PgPool, redis: &str) -> Result<Found> {
    let epoch = state(redis).await?["epoch"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut redis = connect(redis).await?;
    let keys: Vec<String> = redis.keys("*").await?;
    let mut found = Found {
        compared: 0,
        wrong: Vec::new(),
    };
    for key in keys {
        let Some((document, user)) = Document::of_key(&key) else {
            continue;
        };
        let Some(text) = redis.get::<_, Option<String>>(&key).await? else {
            continue;
        };
        let value: Value = serde_json::from_str(&text)?;
        if !value["v"].as_str().unwrap_or_default().starts_with(&epoch) {
            continue;
        }
        found.compared += 1;
        let as_of: DateTime<Utc> = value["as_of"].as_str().unwrap_or_default().parse()?;
        let built: Option<Option<Value>> = sqlx::query_scalar(&format!(
            "select data from bondhu.{}_document(array[$1], $2)",
            document.name()
        ))
        .bind(user.parse::<Uuid>()?)
        .bind(as_of)
        .fetch_optional(database)
        .await?;
        if built.flatten().unwrap_or_default() != value["data"] {
            found.wrong.push(format!("{key} as of {as_of}"));
        }
    }
    Ok(found)
}
