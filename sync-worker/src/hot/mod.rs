//! Hot reads: a document from Redis while it can be trusted, else from Postgres.
//!
//! Core says which value counts ([`bondhu_core::cache::trust`]). What is missing is read from Postgres
//! by one reader under a lease and written back ([`fill`]), unless the mirror has written meanwhile;
//! whoever cannot have the lease waits a moment for that, then reads Postgres too, a bounded number at
//! a time ([`postgres`]), fairly shared ([`turns`]).

mod fill;
mod postgres;
mod trending;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::envelope::{Envelope, VALUE_MOST_BYTES};
use bondhu_core::cache::position::Lsn;
use bondhu_core::cache::trust::{Miss, Seen, Verdict, judge};
use bondhu_core::cache::watermark::STATE_MOST_BYTES;
use bondhu_core::cache::{Document, STATE_KEY};
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use crate::cache::{Connection, RedisClient, RedisClientError, RedisTarget, date_time, now};
use crate::telemetry::{Metrics, RedisUse};
use fill::FillLease;
use postgres::PostgresReader;

pub use trending::{Region, RegionError};

/// A read waits so long for Redis to come to where it should be.
const LONGEST_WAIT: Duration = Duration::from_millis(25);

/// Between two looks while waiting, each time twice as long up to the last: a look is a command.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(8);

/// After so many looks the mirror is behind for want of news rather than of time.
const LOOKS_BEFORE_NUDGE: usize = 3;

/// Redis that takes longer to answer counts as away.
const REDIS_PATIENCE: Duration = Duration::from_millis(250);

/// Where a document came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentSource {
    /// A copy that the mirror keeps current.
    Redis,
    /// Built for this reader.
    Postgres,
}

impl DocumentSource {
    /// As headers and metrics name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }
}

/// A document as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// JSON; `null` when there is no such document.
    pub data: String,
    /// The instant it is exact as of, by Postgres' clock.
    pub as_of: DateTime<Utc>,
    /// Where it came from.
    pub source: DocumentSource,
}

/// Why a document cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HotError {
    /// Too many read Postgres at once.
    #[error("too many reads at once; try again in a second")]
    Busy,
    /// What was asked for is not there to be waited for.
    #[error(
        "min_lsn lies beyond all that is written, which ends at {0}; pass what commit_position() returned"
    )]
    Ahead(Lsn),
    /// Postgres does not answer.
    #[error("Postgres: {0}")]
    Postgres(#[from] sqlx::Error),
}

/// Reads documents.
pub struct HotReader {
    redis: Option<RedisClient>,
    postgres: PostgresReader,
    metrics: Arc<Metrics>,
}

impl HotReader {
    /// Over a pool as `bondhu_worker`, at most `reads` of it at once, and a Redis if there is one.
    #[must_use]
    pub fn new(
        database: PgPool,
        reads: usize,
        redis: Option<RedisTarget>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            redis: redis.map(|target| {
                let counted = target.counted(metrics.redis.commands(RedisUse::Hot));
                RedisClient::new(counted, REDIS_PATIENCE)
            }),
            postgres: PostgresReader::new(database, reads),
            metrics,
        })
    }

    /// The document of a user. With `min_lsn` it holds every commit before that position of the
    /// write-ahead log: what the caller has written itself.
    ///
    /// # Errors
    /// When Postgres is needed and cannot be asked.
    pub async fn read(
        self: &Arc<Self>,
        user: Uuid,
        document: Document,
        min_lsn: Option<Lsn>,
    ) -> Result<Served, HotError> {
        let outcome = self.redis_or_postgres(user, document, min_lsn).await;
        match &outcome {
            Ok(served) => self.metrics.hot.read(served.source.name()),
            Err(_) => self.metrics.hot.failure(),
        }
        outcome
    }

    async fn redis_or_postgres(
        self: &Arc<Self>,
        user: Uuid,
        document: Document,
        min_lsn: Option<Lsn>,
    ) -> Result<Served, HotError> {
        match self.from_redis(user, document, min_lsn).await {
            Ok(Some(served)) => return Ok(served),
            Ok(None) | Err(RedisReadError::Redis(RedisClientError::Paused)) => {}
            Err(RedisReadError::Redis(RedisClientError::Redis(error))) => {
                tracing::warn!("reading from Postgres, since Redis fails: {error}");
            }
            Err(RedisReadError::Hot(error)) => return Err(error),
        }
        let read = self.postgres.read(user, document, min_lsn).await?;
        Ok(read.served())
    }

    /// `None` sends the reader to Postgres.
    async fn from_redis(
        self: &Arc<Self>,
        user: Uuid,
        document: Document,
        min_lsn: Option<Lsn>,
    ) -> Result<Option<Served>, RedisReadError> {
        let Some(redis) = &self.redis else {
            return Ok(None);
        };
        let deadline = Instant::now() + LONGEST_WAIT;
        let (mut looks, mut pause, mut nudged) = (0, FIRST_PAUSE, false);
        loop {
            looks += 1;
            let miss = match look(redis, user, document, min_lsn).await? {
                Ok(Hit { served, refresh }) => {
                    if let Some(seen) = refresh {
                        self.refresh(user, document, seen);
                    }
                    return Ok(Some(served));
                }
                Err(miss) => miss,
            };
            match miss {
                Miss::Untrusted(_) | Miss::Apart => return Ok(None),
                Miss::Absent(_, seen) => {
                    if let Some(lease) = FillLease::take(redis, user, document, seen).await? {
                        let read = self.postgres.read(user, document, min_lsn).await;
                        let read = read.map_err(RedisReadError::Hot)?;
                        self.metrics.hot.fill();
                        // Kept or not: it was read from Postgres and is good.
                        if let Err(error) = lease.fill(redis, &read).await {
                            tracing::debug!(%error, "a document was not kept");
                        }
                        return Ok(Some(read.served()));
                    }
                }
                // What was asked for may lie after the last commit that concerns documents: nothing would
                // move the watermark past it for a while.
                Miss::Behind if looks >= LOOKS_BEFORE_NUDGE && !nudged => {
                    if let Some(least) = min_lsn {
                        let checked = self.postgres.check(user, least).await;
                        checked.map_err(RedisReadError::Hot)?;
                    }
                    nudged = self.postgres.nudge().await;
                }
                Miss::Behind => {}
            }
            if Instant::now() + pause > deadline {
                return Ok(None);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Fills anew what is about to expire, unless somebody does already.
    fn refresh(self: &Arc<Self>, user: Uuid, document: Document, seen: Seen) {
        let reader = Arc::clone(self);
        tokio::spawn(async move {
            let Some(redis) = &reader.redis else { return };
            let refreshed = async {
                if let Some(lease) = FillLease::take(redis, user, document, seen).await? {
                    let read = reader.postgres.read(user, document, None).await;
                    lease
                        .fill(redis, &read.map_err(RedisReadError::Hot)?)
                        .await?;
                    reader.metrics.hot.fill();
                }
                Ok::<(), RedisReadError>(())
            };
            if let Err(error) = refreshed.await {
                tracing::debug!(%error, "a document was not refreshed");
            }
        });
    }
}

/// What stands between a reader and Redis.
#[derive(Debug, thiserror::Error)]
enum RedisReadError {
    #[error(transparent)]
    Redis(#[from] RedisClientError),
    #[error(transparent)]
    Hot(HotError),
}

/// A value that counts.
struct Hit {
    served: Served,
    /// It is time to fill it anew, and this was seen.
    refresh: Option<Seen>,
}

/// Looks once. The watermark is read before the value, as [`judge`] needs it.
async fn look(
    redis: &RedisClient,
    user: Uuid,
    document: Document,
    min_lsn: Option<Lsn>,
) -> Result<Result<Hit, Miss>, RedisClientError> {
    let key = document.key(user);
    // Whatever is there, no more of it is taken in than one of ours can have.
    let [watermark, value] = &redis
        .with(async |connection: Connection| {
            let (watermark, value) = ((STATE_KEY, STATE_MOST_BYTES), (&*key, VALUE_MOST_BYTES));
            connection.texts(watermark, value).await
        })
        .await?;
    Ok(match judge(document, watermark, value, min_lsn, now()) {
        Verdict::Serve {
            value,
            expires_soon,
            seen,
        } => Ok(Hit {
            served: served_from_redis(&value),
            refresh: expires_soon.then_some(seen),
        }),
        Verdict::Miss(miss) => Err(miss),
    })
}

fn served_from_redis(value: &Envelope<'_>) -> Served {
    Served {
        data: value.data.get().to_owned(),
        as_of: date_time(value.as_of),
        source: DocumentSource::Redis,
    }
}
