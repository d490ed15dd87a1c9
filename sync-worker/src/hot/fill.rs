//! Writing back what was missing: one reader at a time, and never over the mirror.

use std::time::Duration;

use bondhu_core::cache::envelope::{render, render_apart};
use bondhu_core::cache::trust::Seen;
use bondhu_core::cache::{DOCUMENT_MOST_BYTES, Document, NEGATIVE_TTL};
use uuid::Uuid;

use super::postgres::Read;
use crate::cache::{Connection, FILL, LEASE, RedisClient, RedisClientError, lifetime, timestamp};
use bondhu_core::cache::position::Version;

/// A lease that is not used within this time goes to another reader.
const LIFETIME: Duration = Duration::from_secs(3);

/// The right to fill one document, until the mirror writes it or its time is over.
///
/// The mirror's write takes the lease away, and it also writes documents that nobody holds but
/// somebody has a lease on. So what was read before a change never lands after it.
pub(super) struct FillLease {
    key: String,
    lease_key: String,
    token: String,
    document: Document,
    /// Read before the document is: everything before it is in what will be read.
    watermark: Version,
}

impl FillLease {
    /// `None` while somebody else has it, or when the document is no longer as it was seen.
    pub(super) async fn take(
        redis: &RedisClient,
        user: Uuid,
        document: Document,
        seen: Seen,
    ) -> Result<Option<Self>, RedisClientError> {
        let lease = Self {
            key: document.key(user),
            lease_key: document.lease_key(user),
            token: Uuid::new_v4().to_string(),
            document,
            watermark: seen.watermark,
        };
        let version = seen.version.map(|version| version.to_string());
        let take = async |mut connection: Connection| {
            LEASE
                .key(&lease.key)
                .key(&lease.lease_key)
                .arg(&lease.token)
                .arg(LIFETIME.as_millis() as u64)
                .arg(version.unwrap_or_default())
                .invoke_async::<bool>(&mut connection)
                .await
        };
        let taken = redis.with(take).await?;
        Ok(taken.then_some(lease))
    }

    /// Writes what was read, if the lease still stands; returns whether it did. Of what is too large
    /// it is written that Redis does not keep it.
    pub(super) async fn fill(
        self,
        redis: &RedisClient,
        read: &Read,
    ) -> Result<bool, RedisClientError> {
        let Some((value, lifetime)) = self.value(read) else {
            return Ok(false);
        };
        let fill = async |mut connection: Connection| {
            FILL.key(&self.key)
                .key(&self.lease_key)
                .arg(&self.token)
                .arg(self.watermark.to_string())
                .arg(&value)
                .arg(lifetime.as_millis() as u64)
                .invoke_async(&mut connection)
                .await
        };
        redis.with(fill).await
    }

    fn value(&self, read: &Read) -> Option<(String, Duration)> {
        let (text, as_of) = (read.data.as_deref(), timestamp(read.as_of));
        if text.is_some_and(|text| text.len() > DOCUMENT_MOST_BYTES) {
            return Some((render_apart(self.watermark, as_of).ok()?, NEGATIVE_TTL));
        }
        let data = text.map(serde_json::from_str).transpose().ok()?;
        let value = render(
            self.watermark,
            as_of,
            read.until.map(timestamp),
            read.settings,
            data,
        )
        .ok()?;
        let lifetime = lifetime(self.document, text.is_some(), read.as_of, read.until)?;
        Some((value, lifetime))
    }
}
