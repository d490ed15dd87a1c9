//! `/readyz`: each thing the worker depends on, and what is wrong with it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::cache::{Connection, RedisClient, RedisClientError, RedisTarget};
use crate::mirror::{Phase, Status, renewed_after};

/// A dependency that takes longer to answer counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// An answer is given to everybody who asks within this time: asking costs the worker nothing more.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What strangers are told of a dependency that fails; the reason is in the log.
const REFUSES: &str = "refuses or cannot be reached; the worker's log says why";

/// How one dependency stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// Whether the worker can do its work with it.
    pub ok: bool,
    /// What it is doing, or what is wrong.
    pub detail: String,
}

impl Dependency {
    fn good(detail: impl Into<String>) -> Self {
        Self {
            ok: true,
            detail: detail.into(),
        }
    }

    fn bad(detail: impl Into<String>) -> Self {
        Self {
            ok: false,
            detail: detail.into(),
        }
    }
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize)]
pub struct ReadinessReport {
    /// Whether all of it is well.
    pub ready: bool,
    /// By name: `postgres`, `redis`, `mirror`, `sync`.
    pub dependencies: BTreeMap<&'static str, Dependency>,
}

/// What there is to ask of a mirror.
pub struct MirrorReadiness {
    /// The Redis that it writes to.
    pub redis: RedisTarget,
    /// What it does.
    pub status: Arc<Status>,
    /// How long readers trust it while it is silent.
    pub freshness: Duration,
}

/// What is asked, by one at a time.
pub struct Readiness {
    database: PgPool,
    mirror: Option<Mirroring>,
    sync: String,
    last: Mutex<Option<(Instant, Arc<ReadinessReport>)>>,
}

struct Mirroring {
    redis: RedisClient,
    status: Arc<Status>,
    freshness: Duration,
    /// When Redis answered last. It is billed by command, and those who probe come often.
    answered: std::sync::Mutex<Option<Instant>>,
}

impl Mirroring {
    /// Whether Redis has just answered the mirror, or somebody who asked before.
    fn has_just_answered(&self) -> bool {
        if let Phase::Following { at, .. } = self.status.phase()
            && (Utc::now() - at).to_std().unwrap_or_default() < self.freshness
        {
            return true;
        }
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.is_some_and(|at| at.elapsed() < renewed_after(self.freshness))
    }

    async fn ping(&self) -> Result<(), RedisClientError> {
        let ping = self.redis.with(async |mut connection: Connection| {
            redis::cmd("PING").query_async::<()>(&mut connection).await
        });
        let answer = ping.await;
        let answered = answer.is_ok().then(Instant::now);
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = answered;
        answer
    }
}

impl Readiness {
    /// Of a database as `bondhu_worker`, Redis and the mirror unless there is no Redis, and what is
    /// synced or why nothing is.
    #[must_use]
    pub fn new(database: PgPool, mirror: Option<MirrorReadiness>, sync: String) -> Self {
        let mirroring = |of: MirrorReadiness| Mirroring {
            redis: RedisClient::new(of.redis, PATIENCE),
            status: of.status,
            freshness: of.freshness,
            answered: std::sync::Mutex::default(),
        };
        Self {
            database,
            mirror: mirror.map(mirroring),
            sync,
            last: Mutex::default(),
        }
    }

    /// How everything stands, as of a moment ago at most.
    pub async fn report(&self) -> Arc<ReadinessReport> {
        let mut last = self.last.lock().await;
        if let Some((since, report)) = &*last
            && since.elapsed() < GOOD_FOR
        {
            return Arc::clone(report);
        }
        let report = Arc::new(self.ask().await);
        *last = Some((Instant::now(), Arc::clone(&report)));
        report
    }

    async fn ask(&self) -> ReadinessReport {
        let (postgres, redis) = tokio::join!(self.postgres(), self.redis());
        let dependencies = BTreeMap::from([
            ("postgres", postgres),
            ("redis", redis),
            ("mirror", self.mirror()),
            ("sync", Dependency::good(&self.sync)),
        ]);
        ReadinessReport {
            ready: dependencies.values().all(|dependency| dependency.ok),
            dependencies,
        }
    }

    async fn postgres(&self) -> Dependency {
        let migrated =
            sqlx::query_scalar::<_, bool>("select to_regclass('bondhu.sync_jobs') is not null");
        match tokio::time::timeout(PATIENCE, migrated.fetch_one(&self.database)).await {
            Ok(Ok(true)) => Dependency::good("answers"),
            Ok(Ok(false)) => Dependency::bad("has no Bondhu schema: apply the migrations"),
            Ok(Err(error)) => {
                tracing::warn!("not ready: Postgres: {error}");
                Dependency::bad(REFUSES)
            }
            Err(_) => Dependency::bad(format!("does not answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn redis(&self) -> Dependency {
        let Some(mirror) = &self.mirror else {
            return Dependency::good("off: REDIS_URL is not set");
        };
        if mirror.has_just_answered() {
            return Dependency::good("answers");
        }
        match tokio::time::timeout(PATIENCE, mirror.ping()).await {
            Ok(Ok(())) => Dependency::good("answers"),
            Ok(Err(error)) => {
                tracing::warn!("not ready: Redis: {error}");
                Dependency::bad(REFUSES)
            }
            Err(_) => Dependency::bad(format!("does not answer within {} s", PATIENCE.as_secs())),
        }
    }

    fn mirror(&self) -> Dependency {
        let Some(mirror) = &self.mirror else {
            return Dependency::good("off: REDIS_URL is not set");
        };
        match mirror.status.phase() {
            Phase::Following { version, at } => Dependency::good(format!(
                "follows at {} of epoch {}, as of {at}",
                version.lsn, version.epoch.0
            )),
            Phase::StandingBy => Dependency::good("stands by: another mirror leads"),
            Phase::Starting => Dependency::bad("is starting"),
            Phase::Rebuilding => Dependency::bad("is re-reading every document for a new epoch"),
            Phase::Failing { public_reason, .. } => {
                Dependency::bad(format!("{public_reason}; the worker's log says why"))
            }
        }
    }
}
