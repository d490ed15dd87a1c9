//! `/readyz`: each thing the worker depends on, and what is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqlx::PgPool;

use crate::cache::RedisTarget;
use crate::mirror::{Phase, Status};

/// A dependency that takes longer to answer counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

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
pub struct Report {
    /// Whether all of it is well.
    pub ready: bool,
    /// By name: `postgres`, `redis`, `mirror`, `sync`.
    pub dependencies: BTreeMap<&'static str, Dependency>,
}

/// What is asked.
pub struct Readiness {
    /// As `bondhu_worker`.
    pub database: PgPool,
    /// Redis and the mirror; `None` when there is no Redis.
    pub mirror: Option<(RedisTarget, Arc<Status>)>,
    /// What is synced, or why nothing is.
    pub sync: String,
}

impl Readiness {
    /// Asks everything now.
    pub async fn report(&self) -> Report {
        let (postgres, redis) = tokio::join!(self.postgres(), self.redis());
        let dependencies = BTreeMap::from([
            ("postgres", postgres),
            ("redis", redis),
            ("mirror", self.mirror()),
            ("sync", Dependency::good(&self.sync)),
        ]);
        Report {
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
            Ok(Err(error)) => Dependency::bad(error.to_string()),
            Err(_) => Dependency::bad(format!("does not answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn redis(&self) -> Dependency {
        let Some((redis, _)) = &self.mirror else {
            return Dependency::good("off: REDIS_URL is not set");
        };
        let ping = async {
            let mut connection = redis.connect(PATIENCE).await?;
            redis::cmd("PING").query_async::<()>(&mut connection).await
        };
        match tokio::time::timeout(PATIENCE, ping).await {
            Ok(Ok(())) => Dependency::good("answers"),
            Ok(Err(error)) => Dependency::bad(error.to_string()),
            Err(_) => Dependency::bad(format!("does not answer within {} s", PATIENCE.as_secs())),
        }
    }

    fn mirror(&self) -> Dependency {
        let Some((_, status)) = &self.mirror else {
            return Dependency::good("off: REDIS_URL is not set");
        };
        match status.phase() {
            Phase::Following { version, at } => Dependency::good(format!(
                "follows at {} of epoch {}, as of {at}",
                version.lsn, version.epoch.0
            )),
            Phase::StandingBy => Dependency::good("stands by: another mirror leads"),
            Phase::Starting => Dependency::bad("is starting"),
            Phase::Rebuilding => Dependency::bad("is re-reading every document for a new epoch"),
            Phase::Failing { reason, .. } => Dependency::bad(reason),
        }
    }
}
