//! YouTube's chart of a region, the same for everybody: one key a region, filled by who first misses it.
//! It is no document of the mirror's: nobody's rows are in it, and it changes once in six hours.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use bondhu_core::cache::watermark::{STATE_MOST_BYTES, Watermark};
use bondhu_core::cache::{DOCUMENT_MOST_BYTES, STATE_KEY, TRENDING_TTL, trending_key};
use chrono::{DateTime, Utc};
use redis::Cmd;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{DocumentSource, HotError, HotReader, Served};
use crate::cache::{Connection, RedisClient, RedisClientError, now};

/// While nobody of a region has brought its chart, one may come at any time.
const NONE_YET: Duration = Duration::from_secs(60);

/// A country's code, as ISO 3166-1 has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region(String);

/// What is no region.
#[derive(Debug, thiserror::Error)]
#[error("region is two letters, a country's code as ISO 3166-1 has it, such as BD")]
pub struct RegionError;

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_code
            .then(|| Self(text.to_ascii_uppercase()))
            .ok_or(RegionError)
    }
}

impl Display for Region {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// What Redis holds. Made under other settings, it may show what a switch has closed.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    as_of: DateTime<Utc>,
    until: DateTime<Utc>,
    settings: i64,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// A chart as Postgres has it.
pub(super) struct Chart {
    /// JSON, as `trending('video', …)` answers.
    pub(super) data: String,
    /// When a newer one may be there; none is known of a region without a chart.
    pub(super) due: Option<DateTime<Utc>>,
    pub(super) as_of: DateTime<Utc>,
    pub(super) settings: i64,
}

impl HotReader {
    /// The chart of a region, as the RPC `trending` answers it.
    ///
    /// # Errors
    /// When Postgres is needed and cannot be asked.
    pub async fn trending(&self, user: Uuid, region: &Region) -> Result<Served, HotError> {
        let outcome = self.chart(user, region).await;
        match &outcome {
            Ok(served) => self.metrics.hot.read(served.source.name()),
            Err(_) => self.metrics.hot.failure(),
        }
        outcome
    }

    async fn chart(&self, user: Uuid, region: &Region) -> Result<Served, HotError> {
        if let Some(redis) = &self.redis {
            match kept(redis, region).await {
                Ok(Some(served)) => return Ok(served),
                Ok(None) | Err(RedisClientError::Paused) => {}
                Err(RedisClientError::Redis(error)) => {
                    tracing::warn!("reading from Postgres, since Redis fails: {error}");
                }
            }
        }
        let chart = self.postgres.trending(user, region).await?;
        if let Some(redis) = &self.redis
            && let Err(error) = keep(redis, region, &chart).await
        {
            tracing::debug!(%error, "a chart was not kept");
        }
        Ok(Served {
            data: chart.data,
            as_of: chart.as_of,
            source: DocumentSource::Postgres,
        })
    }
}

async fn kept(redis: &RedisClient, region: &Region) -> Result<Option<Served>, RedisClientError> {
    let key = trending_key(region);
    let [watermark, value] = &redis
        .with(async |connection: Connection| {
            let (watermark, value) = ((STATE_KEY, STATE_MOST_BYTES), (&*key, DOCUMENT_MOST_BYTES));
            connection.texts(watermark, value).await
        })
        .await?;
    // The mirror tells of settings that changed: while it is silent, nothing does.
    let trusted = Watermark::parse(watermark).filter(|of| of.trusted(now()).is_ok());
    let value: Option<Kept<'_>> = serde_json::from_slice(value).ok();
    Ok(trusted
        .zip(value)
        .filter(|(watermark, kept)| kept.settings == watermark.settings && kept.until > Utc::now())
        .map(|(_, kept)| Served {
            data: kept.data.get().to_owned(),
            as_of: kept.as_of,
            source: DocumentSource::Redis,
        }))
}

async fn keep(redis: &RedisClient, region: &Region, chart: &Chart) -> Result<(), RedisClientError> {
    let left = chart.due.map_or(NONE_YET, |due| {
        (due - chart.as_of).to_std().unwrap_or_default()
    });
    // One that is due is asked for by the next pull.
    let left = left.clamp(NONE_YET, TRENDING_TTL);
    let Ok(data) = serde_json::from_str(&chart.data) else {
        return Ok(());
    };
    let kept = Kept {
        as_of: chart.as_of,
        until: chart.as_of + left,
        settings: chart.settings,
        data,
    };
    let Ok(text) = serde_json::to_string(&kept) else {
        return Ok(());
    };
    let mut set = Cmd::set(trending_key(region), text);
    set.arg("EX").arg(left.as_secs());
    let set = vec![set];
    redis
        .with(async |connection: Connection| connection.in_order::<redis::Value>(set).await)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Region;

    #[test]
    fn a_region_is_two_letters() {
        assert_eq!(
            "bd".parse::<Region>()
                .ok()
                .map(|of| of.to_string())
                .as_deref(),
            Some("BD")
        );
        for forged in ["", "B", "BDX", "B1", "é", "*{", "B\n"] {
            assert!(forged.parse::<Region>().is_err(), "{forged:?}");
        }
    }
}
