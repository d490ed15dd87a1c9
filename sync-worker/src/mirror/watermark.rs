//! `mirror:state`: how far Redis follows, as one JSON text, and whose stream that is.

use std::sync::Arc;
use std::time::Duration;

use bondhu_core::cache::FRESHNESS_LEAST;
use bondhu_core::cache::watermark::Watermark;
use chrono::Utc;
use redis::RedisError;
use sqlx::PgConnection;

use super::apart::Apart;
use super::documents;
use super::error::MirrorError;
use super::store::{Store, WRITE_GOOD_FOR};
use bondhu_core::cache::position::{Epoch, Lsn, Version};

/// Where a stream starts and on which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The cluster's identifier.
    pub system: String,
    /// Its timeline.
    pub timeline: u32,
    /// Everything committed before this position was acknowledged and will not come again.
    pub acknowledged: Lsn,
    /// How far the server's log goes.
    pub written: Lsn,
}

/// Whether a stream from `origin` continues where `former` ends, with no gap between. A version of
/// the settings that is lower than it was says that their row is from before.
fn continues(former: &Watermark, origin: &Origin, settings: i64) -> bool {
    let lsn = former.version.lsn;
    former.system == origin.system
        && former.timeline == origin.timeline
        && former.settings <= settings
        && (origin.acknowledged..=origin.written).contains(&lsn)
}

/// Why the watermark cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum WatermarkError {
    /// Redis does not answer.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Another mirror wrote it, or Redis lost it.
    #[error("Redis was flushed, failed over, or another mirror took over")]
    Moved,
    /// Somebody put an older row of settings back, past its trigger.
    #[error("the settings went back from version {0} to {1}; a new epoch begins")]
    SettingsWentBack(i64, i64),
    /// It cannot be written down.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Who writes the watermark, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Author<'a> {
    /// The name of the mirror.
    pub leader: &'a str,
    /// How long readers rely on it while the mirror is silent.
    pub freshness: Duration,
}

/// The watermark as this mirror wrote it last.
#[derive(Debug)]
pub(super) struct WatermarkWriter {
    origin: Origin,
    leader: String,
    version: Version,
    complete_at_ms: i64,
    settings: i64,
    /// How long readers rely on it while this mirror is silent.
    freshness: Duration,
    written: Vec<u8>,
    apart: Arc<Apart>,
}

impl WatermarkWriter {
    /// Takes up the epoch that Redis is in when the stream goes on from there; else begins a new
    /// one, and says so: what Redis holds may then be older than it claims. Either begins with the
    /// version that the settings have now in `database`, so that no later change is missed.
    ///
    /// # Errors
    /// When Redis or Postgres does not answer, or another mirror interferes.
    pub(super) async fn resume(
        store: &Store,
        database: &mut PgConnection,
        origin: &Origin,
        Author { leader, freshness }: Author<'_>,
        apart: Arc<Apart>,
    ) -> Result<(Self, bool), MirrorError> {
        let written = store.state().await?;
        let now = store.now_ms();
        // An epoch of the future would be the last one for as long: nobody's mirror began it.
        let former = Watermark::parse(&written)
            .filter(|former| former.version.epoch.is_possible(now / 1000));
        if former
            .as_ref()
            .is_some_and(|former| former.leader != leader && !former.leader.is_empty())
        {
            // What it prepared before it lost the slot is refused from then on.
            tokio::time::sleep(WRITE_GOOD_FOR).await;
        }
        // After the former watermark: whoever wrote that knew no later version.
        let settings = documents::settings_version(database).await?;
        let goes_on = former
            .as_ref()
            .filter(|former| continues(former, origin, settings))
            // What nobody trusts any more is not to be trusted again for a longer word of this mirror's.
            .map(|former| {
                let age = now.checked_sub(former.complete_at_ms);
                let age = age.and_then(|age| u64::try_from(age).ok());
                let is_good =
                    age.is_some_and(|age| Duration::from_millis(age) <= former.good_for());
                (
                    former.version,
                    if is_good { former.complete_at_ms } else { 0 },
                )
            });
        let (version, complete_at_ms) = goes_on.unwrap_or_else(|| {
            let version = Version {
                epoch: Epoch::after(
                    former.map(|former| former.version.epoch),
                    Utc::now().timestamp().cast_unsigned(),
                ),
                lsn: origin.acknowledged,
            };
            // Not until documents are re-read does a new epoch hold anything.
            (version, 0)
        });
        let mut watermark = Self {
            origin: origin.clone(),
            leader: leader.to_owned(),
            version,
            complete_at_ms,
            settings,
            freshness,
            written,
            apart,
        };
        watermark.advance(store, version.lsn, None, None).await?;
        Ok((watermark, goes_on.is_none()))
    }

    /// The version that documents re-read for a batch ending at `end` carry.
    pub(super) fn version(&self, end: Lsn) -> Version {
        Version {
            lsn: end,
            ..self.version
        }
    }

    /// How far Redis follows.
    pub(super) fn lsn(&self) -> Lsn {
        self.version.lsn
    }

    /// The epoch.
    pub(super) fn epoch(&self) -> Epoch {
        self.version.epoch
    }

    /// Says that Redis holds everything before `end`, as of when that was all, and which version the
    /// settings have there, if it may be another one. Never goes back.
    ///
    /// # Errors
    /// [`WatermarkError::Moved`] when somebody or something else changed it,
    /// [`WatermarkError::SettingsWentBack`] when only a new epoch may have these settings.
    pub(super) async fn advance(
        &mut self,
        store: &Store,
        end: Lsn,
        complete_at_ms: Option<i64>,
        settings: Option<i64>,
    ) -> Result<(), WatermarkError> {
        let settings = settings.unwrap_or(self.settings);
        if settings < self.settings {
            return Err(WatermarkError::SettingsWentBack(self.settings, settings));
        }
        self.settings = settings;
        self.version.lsn = self.version.lsn.max(end);
        self.complete_at_ms =
            complete_at_ms.map_or(self.complete_at_ms, |at| at.max(self.complete_at_ms));
        self.write(store).await
    }

    /// Says that this mirror has written its last, so that the next one need not wait, nor readers
    /// rely on it for long.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub(super) async fn release(&mut self, store: &Store) -> Result<(), WatermarkError> {
        self.leader.clear();
        self.freshness = FRESHNESS_LEAST;
        self.write(store).await
    }

    async fn write(&mut self, store: &Store) -> Result<(), WatermarkError> {
        let next = Watermark {
            version: self.version,
            complete_at_ms: self.complete_at_ms,
            system: self.origin.system.clone(),
            timeline: self.origin.timeline,
            leader: self.leader.clone(),
            apart: self.apart.count(),
            settings: self.settings,
            good_for_seconds: u32::try_from(self.freshness.as_secs()).unwrap_or(u32::MAX),
        }
        .parts()?;
        let moved = store.advance_state(&self.written, &next).await?;
        self.complete_at_ms = moved.ok_or(WatermarkError::Moved)?;
        self.written = next.at(self.complete_at_ms).into_bytes();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Epoch, Lsn, Origin, Version, Watermark};

    fn watermark(lsn: u64) -> Watermark {
        Watermark {
            version: Version {
                epoch: Epoch(1),
                lsn: Lsn(lsn),
            },
            complete_at_ms: 0,
            system: "7".into(),
            timeline: 1,
            leader: "one".into(),
            apart: 0,
            settings: 3,
            good_for_seconds: 5,
        }
    }

    fn continues(former: &Watermark, origin: &Origin) -> bool {
        super::continues(former, origin, 3)
    }

    fn origin(acknowledged: u64, written: u64) -> Origin {
        Origin {
            system: "7".into(),
            timeline: 1,
            acknowledged: Lsn(acknowledged),
            written: Lsn(written),
        }
    }

    #[test]
    fn a_stream_that_begins_before_the_watermark_goes_on_in_its_epoch() {
        assert!(continues(&watermark(100), &origin(90, 200)));
        assert!(continues(&watermark(100), &origin(100, 100)));
    }

    #[test]
    fn a_stream_that_begins_after_the_watermark_has_a_gap() {
        assert!(!continues(&watermark(100), &origin(101, 200)));
    }

    #[test]
    fn a_server_that_is_behind_the_watermark_is_an_older_copy() {
        assert!(!continues(&watermark(100), &origin(50, 99)));
    }

    #[test]
    fn settings_of_a_lower_version_are_from_before() {
        let goes_on = |settings| super::continues(&watermark(100), &origin(90, 200), settings);
        assert_eq!([2, 3, 4].map(goes_on), [false, true, true]);
    }

    #[test]
    fn another_server_or_timeline_is_another_stream() {
        let here = origin(90, 200);
        assert!(!continues(
            &watermark(100),
            &Origin {
                system: "8".into(),
                ..here.clone()
            }
        ));
        assert!(!continues(
            &watermark(100),
            &Origin {
                timeline: 2,
                ..here
            }
        ));
    }
}
