//! The truth: Postgres, asked by a bounded number of readers at a time.

use std::time::Duration;

use bondhu_core::cache::Document;
use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres as Db, QueryBuilder};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{HotError, Served, Source};
use crate::mirror::heartbeat;

/// A reader waits so long for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(1);

/// A document as Postgres built it.
#[derive(Debug)]
pub(super) struct Read {
    /// JSON text; `None` when there is nothing about this user.
    pub(super) data: Option<String>,
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) as_of: DateTime<Utc>,
}

impl Read {
    pub(super) fn served(self) -> Served {
        Served {
            data: self.data.unwrap_or_else(|| "null".to_owned()),
            as_of: self.as_of,
            source: Source::Postgres,
        }
    }
}

pub(super) struct Postgres {
    database: PgPool,
    turns: Semaphore,
    nudging: Semaphore,
}

impl Postgres {
    pub(super) fn new(database: PgPool, at_once: usize) -> Self {
        Self {
            database,
            turns: Semaphore::new(at_once),
            nudging: Semaphore::new(1),
        }
    }

    /// Builds a document from what is committed now.
    pub(super) async fn read(&self, user: Uuid, document: Document) -> Result<Read, HotError> {
        let turn = tokio::time::timeout(TURN_WITHIN, self.turns.acquire()).await;
        let _turn = turn
            .map_err(|_| HotError::Busy)?
            .map_err(|_| HotError::Busy)?;
        // The snapshot is taken before the clock is read. The name comes from the enum.
        let mut query = QueryBuilder::<Db>::new(
            "select d.data::text, d.until, now.as_of from (select clock_timestamp() as as_of offset 0) now
             left join lateral bondhu.",
        );
        query
            .push(document.name())
            .push("_document(array[")
            .push_bind(user)
            .push("]::uuid[], now.as_of) d on true");
        let (data, until, as_of) = query.build_query_as().fetch_one(&self.database).await?;
        Ok(Read { data, until, as_of })
    }

    /// Has the mirror move past everything that the write-ahead log holds now, unless somebody is
    /// at it already.
    pub(super) async fn nudge(&self) {
        if let Ok(_turn) = self.nudging.try_acquire()
            && let Err(error) = heartbeat::nudge(&self.database).await
        {
            tracing::debug!(%error, "no nudge");
        }
    }
}
