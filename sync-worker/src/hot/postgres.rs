//! Postgres, asked by a bounded number of readers at a time, and by a few of one user.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bondhu_core::cache::Document;
use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, QueryBuilder};
use tokio::sync::{Mutex, Semaphore};
use uuid::Uuid;

use super::trending::{Chart, Region};
use super::turns::Turns;
use super::{DocumentSource, HotError, Served};
use crate::mirror::{SETTINGS_VERSION, heartbeat};
use bondhu_core::cache::position::Lsn;

/// A reader waits so long for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(1);

/// How far the log goes: on a server that is read from, what it knows of it.
const WRITTEN: &str = "(case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
    else pg_current_wal_insert_lsn() end - '0/0'::pg_lsn)::bigint";

/// A document as Postgres built it.
#[derive(Debug)]
pub(super) struct Read {
    /// JSON text; `None` when there is nothing about this user.
    pub(super) data: Option<String>,
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) as_of: DateTime<Utc>,
    /// The version of the settings in the snapshot that it was built in.
    pub(super) settings: i64,
}

impl Read {
    pub(super) fn served(self) -> Served {
        Served {
            data: self.data.unwrap_or_else(|| "null".to_owned()),
            as_of: self.as_of,
            source: DocumentSource::Postgres,
        }
    }
}

pub(super) struct PostgresReader {
    database: PgPool,
    turns: Turns,
    nudging: Semaphore,
    asking: Mutex<()>,
    /// The furthest position that the log is known to have come to.
    known: AtomicU64,
}

impl PostgresReader {
    pub(super) fn new(database: PgPool, at_once: usize) -> Self {
        Self {
            database,
            turns: Turns::new(at_once),
            nudging: Semaphore::new(1),
            asking: Mutex::default(),
            known: AtomicU64::default(),
        }
    }

    /// Builds a document from what is committed now, which holds everything before `min_lsn`.
    pub(super) async fn read(
        &self,
        user: Uuid,
        document: Document,
        min_lsn: Option<Lsn>,
    ) -> Result<Read, HotError> {
        let _turn = self.turns.take(user, TURN_WITHIN).await?;
        // The snapshot is taken before the clock is read. The name comes from the enum.
        let mut query = QueryBuilder::<Postgres>::new("select d.data::text, d.until, now.as_of, ");
        query
            .push(WRITTEN)
            .push(", ")
            .push(SETTINGS_VERSION)
            .push(
                " from (select clock_timestamp() as as_of offset 0) now
                 left join lateral bondhu.",
            )
            .push(document.name())
            .push("_document(array[")
            .push_bind(user)
            .push("]::uuid[], now.as_of) d on true");
        let (data, until, as_of, written, settings) =
            query.build_query_as().fetch_one(&self.database).await?;
        self.require(written, min_lsn)?;
        Ok(Read {
            data,
            until,
            as_of,
            settings,
        })
    }

    /// Reads the chart of a region.
    pub(super) async fn trending(&self, user: Uuid, region: &Region) -> Result<Chart, HotError> {
        let _turn = self.turns.take(user, TURN_WITHIN).await?;
        let region = region.to_string();
        let ask = format!(
            "select bondhu.trending_videos($1)::text, (select c.ask_again_at from bondhu.video_charts c where c.region = $1),
               clock_timestamp(), {SETTINGS_VERSION}"
        );
        let read = sqlx::query_as(&ask).bind(&region).fetch_one(&self.database);
        let (data, due, as_of, settings) = read.await?;
        Ok(Chart {
            data,
            due,
            as_of,
            settings,
        })
    }

    /// Refuses a position that the log has not come to: nothing is there to wait for.
    pub(super) async fn check(&self, user: Uuid, min_lsn: Lsn) -> Result<(), HotError> {
        if self.is_written(min_lsn) {
            return Ok(());
        }
        let _turn = self.turns.take(user, TURN_WITHIN).await?;
        // One asks for all who wait.
        let _asking = self.asking.lock().await;
        if self.is_written(min_lsn) {
            return Ok(());
        }
        let ask = format!("select {WRITTEN}");
        let written: i64 = sqlx::query_scalar(&ask).fetch_one(&self.database).await?;
        self.require(written, Some(min_lsn))
    }

    fn is_written(&self, Lsn(position): Lsn) -> bool {
        position <= self.known.load(Ordering::Relaxed)
    }

    fn require(&self, written: i64, min_lsn: Option<Lsn>) -> Result<(), HotError> {
        let written = written.cast_unsigned();
        self.known.fetch_max(written, Ordering::Relaxed);
        match min_lsn {
            Some(Lsn(least)) if least > written => Err(HotError::Ahead(Lsn(written))),
            _ => Ok(()),
        }
    }

    /// Has the mirror move past everything that the write-ahead log holds now; returns whether it was
    /// asked to, for that or in vain: not when somebody is at it already, for what was written before.
    pub(super) async fn nudge(&self) -> bool {
        let Ok(_turn) = self.nudging.try_acquire() else {
            return false;
        };
        if let Err(error) = heartbeat::nudge(&self.database).await {
            tracing::debug!(%error, "no nudge");
        }
        true
    }
}
