//! How many requests one person's pulls may send a minute, counted in Redis
//! (`ratelimit:<provider>:{<user>}`), so that a huge library does not eat the budget of all.
//! Without Redis nobody is slowed down here: the ledger in Postgres holds in any case.

use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::rate_limit_key;
use redis::RedisError;

use crate::cache::{COUNT, Connection, RedisClient, RedisTarget};
use crate::vault::Owner;

/// Requests that one person's pulls may send to a provider a minute: a third of what Spotify's
/// cautious default budget leaves all of them (90 in 30 s).
const A_MINUTE: u64 = 60;

/// What they are counted over.
const WINDOW: Duration = Duration::from_secs(60);

/// Nobody is given back for less: the end of a window is worth no spinning.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// A count that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(250);

/// The counters.
#[derive(Clone)]
pub struct Allowance {
    redis: Option<Arc<RedisClient>>,
}

impl std::fmt::Debug for Allowance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allowance")
            .field("counts", &self.redis.is_some())
            .finish()
    }
}

impl Allowance {
    /// Counts nothing.
    #[must_use]
    pub const fn without_redis() -> Self {
        Self { redis: None }
    }

    /// Counts in a Redis that is connected to when it is first needed.
    #[must_use]
    pub fn new(redis: RedisTarget) -> Self {
        Self {
            redis: Some(Arc::new(RedisClient::new(redis, PATIENCE))),
        }
    }

    /// Counts one request. `Some`: there were too many, and it must not be sent for so long.
    pub(super) async fn take(&self, owner: Owner) -> Option<Duration> {
        let redis = self.redis.as_ref()?;
        match redis
            .with(async |connection| count(connection, owner).await)
            .await
        {
            Ok((requests, _)) if requests <= A_MINUTE => None,
            Ok((_, left)) => Some(left.max(SHORTEST_WAIT)),
            Err(error) => {
                tracing::debug!(%error, "a request is not counted: Redis does not answer");
                None
            }
        }
    }
}

/// Requests in the present minute, this one included, and what is left of it.
async fn count(mut redis: Connection, owner: Owner) -> Result<(u64, Duration), RedisError> {
    let (requests, left): (u64, u64) = COUNT
        .key(rate_limit_key(owner.provider.name(), owner.user))
        .arg(WINDOW.as_millis() as u64)
        .invoke_async(&mut redis)
        .await?;
    Ok((requests, Duration::from_millis(left)))
}
