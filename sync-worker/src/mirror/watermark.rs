//! `mirror:state`: how far Redis follows, as one JSON text, and whose stream that is.

use chrono::Utc;
use redis::RedisError;
use serde::{Deserialize, Serialize};

use super::position::{Epoch, Lsn, Version};
use super::store::Store;

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

/// The text of `mirror:state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// 8 hex digits.
    epoch: String,
    /// 16 hex digits: Redis holds everything committed before.
    lsn: String,
    /// Unix ms, the mirror's clock: that was everything there was as of then.
    ts: i64,
    system: String,
    timeline: u32,
}

impl State {
    fn epoch(&self) -> Option<Epoch> {
        u32::from_str_radix(&self.epoch, 16).ok().map(Epoch)
    }

    fn lsn(&self) -> Option<Lsn> {
        u64::from_str_radix(&self.lsn, 16).ok().map(Lsn)
    }

    /// Whether a stream from `origin` goes on where this state ends, with no gap between.
    fn reaches(&self, origin: &Origin) -> bool {
        self.system == origin.system
            && self.timeline == origin.timeline
            && self
                .lsn()
                .is_some_and(|lsn| origin.acknowledged <= lsn && lsn <= origin.written)
    }
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
    /// It cannot be written down.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The watermark as this mirror wrote it last.
#[derive(Debug)]
pub(super) struct Watermark {
    state: State,
    written: String,
    epoch: Epoch,
    lsn: Lsn,
}

impl Watermark {
    /// Takes up the epoch that Redis is in when the stream goes on from there; else begins a new
    /// one, and says so: what Redis holds may then be older than it claims.
    ///
    /// # Errors
    /// When Redis does not answer, or another mirror interferes.
    pub(super) async fn resume(
        store: &Store,
        origin: &Origin,
    ) -> Result<(Self, bool), WatermarkError> {
        let written = store.state().await?;
        let former: Option<State> = serde_json::from_str(&written).ok();
        if let Some(state) = &former
            && state.reaches(origin)
            && let (Some(epoch), Some(lsn)) = (state.epoch(), state.lsn())
        {
            return Ok((
                Self {
                    state: state.clone(),
                    written,
                    epoch,
                    lsn,
                },
                false,
            ));
        }
        let now = Utc::now();
        let epoch = Epoch::after(
            former.and_then(|state| state.epoch()),
            now.timestamp().cast_unsigned(),
        );
        let mut watermark = Self {
            state: State {
                epoch: format!("{:08x}", epoch.0),
                lsn: String::new(),
                // Not until documents are re-read does the new epoch hold anything.
                ts: 0,
                system: origin.system.clone(),
                timeline: origin.timeline,
            },
            written,
            epoch,
            lsn: origin.acknowledged,
        };
        watermark.advance(store, origin.acknowledged, None).await?;
        Ok((watermark, true))
    }

    /// The version that documents re-read for a batch ending at `end` carry.
    pub(super) fn version(&self, end: Lsn) -> Version {
        Version {
            epoch: self.epoch,
            lsn: end,
        }
    }

    /// How far Redis follows.
    pub(super) fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// The epoch.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Says that Redis holds everything before `end`, and as of when that was all. Never goes back.
    ///
    /// # Errors
    /// [`WatermarkError::Moved`] when somebody or something else changed it.
    pub(super) async fn advance(
        &mut self,
        store: &Store,
        end: Lsn,
        complete_at_ms: Option<i64>,
    ) -> Result<(), WatermarkError> {
        self.lsn = self.lsn.max(end);
        self.state.lsn = format!("{:016x}", self.lsn.0);
        self.state.ts = complete_at_ms.map_or(self.state.ts, |at| at.max(self.state.ts));
        let next = serde_json::to_string(&self.state)?;
        if !store.advance_state(&self.written, &next).await? {
            return Err(WatermarkError::Moved);
        }
        self.written = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Lsn, Origin, State};

    fn state(lsn: u64) -> State {
        State {
            epoch: "00000001".into(),
            lsn: format!("{lsn:016x}"),
            ts: 0,
            system: "7".into(),
            timeline: 1,
        }
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
        assert!(state(100).reaches(&origin(90, 200)));
        assert!(state(100).reaches(&origin(100, 100)));
    }

    #[test]
    fn a_stream_that_begins_after_the_watermark_has_a_gap() {
        assert!(!state(100).reaches(&origin(101, 200)));
    }

    #[test]
    fn a_server_that_is_behind_the_watermark_is_an_older_copy() {
        assert!(!state(100).reaches(&origin(50, 99)));
    }

    #[test]
    fn another_server_or_timeline_is_another_stream() {
        let here = origin(90, 200);
        assert!(!state(100).reaches(&Origin {
            system: "8".into(),
            ..here.clone()
        }));
        assert!(!state(100).reaches(&Origin {
            timeline: 2,
            ..here
        }));
    }
}
