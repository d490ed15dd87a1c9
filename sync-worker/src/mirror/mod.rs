//! The mirror: documents in Redis follow Postgres.
//!
//! One logical slot names whose documents a transaction made stale ([`intake`], [`stream`], [`decoder`],
//! [`changes`]); they are re-read from Postgres once that transaction is visible ([`prepare`],
//! [`documents`], [`visibility`]) and written with the version they are good for, never over a
//! newer one ([`apply`], [`store`]). The [`pipe`] joins these three. The [`watermark`] says how far that
//! is; what it says, a reader may rely on.
//!
//! A change of settings concerns everybody, and nobody is to wait for everybody. So nothing is re-read
//! for it: the watermark names the version that the settings have, every value the one that it was made
//! under, and one of a lower version is a miss.
//!
//! Whatever breaks ends the stream, and a new one starts from what was last acknowledged: there is
//! one way to recover, and it is the way to start.

mod acknowledgements;
mod apart;
mod apply;
mod changes;
pub mod decoder;
mod documents;
mod error;
pub(crate) mod heartbeat;
mod intake;
mod pauses;
mod pipe;
mod prepare;
mod rebuild;
mod slot;
mod status;
mod store;
mod stream;
mod thread;
mod visibility;
mod walsender;
mod watermark;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cache::RedisTarget;
use crate::config::MirrorConfig;
use crate::telemetry::{Metrics, RedisUse};
use apart::Apart;
use apply::Applier;
pub use changes::ChangeError;
pub(crate) use documents::SETTINGS_VERSION;
pub use error::{MirrorError, Recovery};
use heartbeat::Heart;
pub use heartbeat::renewed_after;
use intake::Pace;
use pauses::Pauses;
use pipe::Pipe;
use prepare::Preparer;
pub use status::{Phase, Status};
use store::Store;
use stream::{ReplicationTarget, Stream};
pub use watermark::WatermarkError;
use watermark::{Author, WatermarkWriter};

/// One that prepares, one that applies, one for heartbeats, one that hears who asks for them and one that
/// watches the slot.
const CONNECTIONS: u32 = 5;

/// A standby takes over from a mirror that hangs within 5 s: until that counts as silent, until the
/// standby looks, until nothing of its last writes can land; and half a second to connect and begin.
const _: () = assert!(
    stream::SILENT_FOR_MS as u128
        + error::STANDBY_LOOK.as_millis()
        + store::WRITE_GOOD_FOR.as_millis()
        <= 4_500
);

/// A mirror of one database into one Redis.
#[derive(Clone)]
pub struct Mirror {
    database: PgPool,
    replication: ReplicationTarget,
    redis: RedisTarget,
    /// The same for all streams of this mirror, another for every other mirror.
    name: String,
    ack_delay: Duration,
    freshness: Duration,
    status: Arc<Status>,
    apart: Arc<Apart>,
    metrics: Arc<Metrics>,
}

impl Mirror {
    /// Reads the configuration; connects to nothing yet. `database` is a pool as `bondhu_worker`.
    ///
    /// # Errors
    /// When a URL cannot be used.
    pub fn new(
        config: &MirrorConfig,
        database: PgPool,
        metrics: Arc<Metrics>,
    ) -> Result<Self, MirrorError> {
        Ok(Self {
            database,
            replication: ReplicationTarget::parse(
                &config.replication_url,
                &config.slot,
                &config.publication,
            )?,
            redis: config
                .redis
                .clone()
                .counted(metrics.redis.commands(RedisUse::Mirror)),
            name: Uuid::new_v4().to_string(),
            ack_delay: config.ack_delay,
            freshness: config.freshness,
            status: Arc::default(),
            apart: Arc::default(),
            metrics,
        })
    }

    /// Its present phase.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Mirrors until `stop`, on a thread of its own. Whatever fails is tried again; the [`Status`]
    /// says what. Dropping this ends it as a crash would.
    pub async fn run(&self, stop: CancellationToken) {
        let mirror = self.clone();
        let running =
            thread::run_on_own_thread(async move { mirror.run_until_stopped(stop).await });
        if let Err(error) = running.await {
            let reason = format!("there is no thread for the mirror: {error}");
            tracing::error!("{reason}");
            let public_reason = "has no thread of its own";
            self.status.set(Phase::Failing {
                reason,
                public_reason,
            });
        }
    }

    async fn run_until_stopped(mut self, stop: CancellationToken) {
        // Connections belong to the thread that made them.
        let (options, server) = (self.database.options(), self.database.connect_options());
        let options = options.clone().max_connections(CONNECTIONS);
        self.database = options.connect_lazy_with((*server).clone());
        let mut pauses = Pauses::new();
        let mut renew = false;
        while !stop.is_cancelled() {
            let Err(error) = self.follow_once(renew, &stop).await else {
                break;
            };
            let (reached, recovery) = (self.status.following(), error.recovery());
            renew = recovery == Recovery::RenewSlot;
            self.report(&error, recovery);
            let wait = pauses.after(reached, recovery);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.metrics.mirror.leads(false);
        self.database.close().await;
    }

    /// Reports how a stream ended.
    fn report(&self, error: &MirrorError, recovery: Recovery) {
        if let Recovery::StandBy(_) = recovery {
            if self.status.phase() != Phase::StandingBy {
                tracing::info!("{error}: standing by");
                self.status.set(Phase::StandingBy);
            }
            return;
        }
        tracing::warn!("the mirror stopped: {error}; trying again");
        self.status.set(Phase::Failing {
            reason: error.to_string(),
            public_reason: error.public_reason(),
        });
        self.metrics.mirror.restart();
    }

    /// One stream, from taking the slot to whatever ends it.
    async fn follow_once(&self, renew: bool, stop: &CancellationToken) -> Result<(), MirrorError> {
        // A standby looks often, and Redis is billed by command: only for a slot that is free is it asked.
        Stream::look(&self.replication).await?;
        // Redis first: a mirror that cannot write should not hold the slot against one that can.
        let store = Store::connect(&self.redis).await?;
        let (mut stream, origin) = Stream::open(&self.replication, renew).await?;
        self.metrics.mirror.leads(true);
        let outcome = self.mirror_stream(store, &mut stream, origin, stop).await;
        self.metrics.mirror.leads(false);
        stream.close().await;
        outcome
    }

    /// A connection to read documents through. What takes longer than a write may be under way would
    /// be refused by Redis all the same.
    async fn reading_connection(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let mut connection = self.database.acquire().await?;
        let patience = store::WRITE_GOOD_FOR.as_millis();
        let bound = format!("set statement_timeout = {patience}");
        sqlx::query(&bound).execute(&mut *connection).await?;
        Ok(connection)
    }

    async fn mirror_stream(
        &self,
        store: Store,
        stream: &mut Stream,
        origin: watermark::Origin,
        stop: &CancellationToken,
    ) -> Result<(), MirrorError> {
        let apart = || Arc::clone(&self.apart);
        let mut database = self.reading_connection().await?;
        let author = Author {
            leader: &self.name,
            freshness: self.freshness,
        };
        let resumed =
            WatermarkWriter::resume(&store, &mut database, &origin, author, apart()).await;
        let (watermark, new_epoch) = resumed?;
        tracing::info!(epoch = watermark.epoch().0, from = %origin.acknowledged, new_epoch, "the mirror follows");
        let preparer = Preparer {
            database,
            store: store.clone(),
            apart: apart(),
        };
        let applier = Applier {
            database: self.reading_connection().await?,
            store,
            watermark,
            apart: apart(),
            begun: Instant::now(),
            status: Arc::clone(&self.status),
            metrics: Arc::clone(&self.metrics),
        };
        let mut pipe = Pipe { preparer, applier };
        if new_epoch {
            self.status.set(Phase::Rebuilding);
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                rebuilt = pipe.rebuild(&self.database) => rebuilt?,
            }
        }
        let (applied, acknowledged) = watch::channel(origin.acknowledged);
        let (heart, heard) = Heart::new(self.database.clone(), self.freshness);
        let pace = Pace {
            ack_delay: self.ack_delay,
            renewed_after: renewed_after(self.freshness),
        };
        let stop = stop.clone();
        let intake = |batches| intake::read(stream, batches, acknowledged, heard, pace, stop);
        tokio::select! {
            outcome = pipe.follow(intake, applied) => outcome,
            () = heart.beat() => Ok(()),
            () = slot::watch(&self.database, self.replication.slot(), &self.metrics) => Ok(()),
        }
    }
}
