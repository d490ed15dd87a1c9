//! What can stop the mirror, and what it does about it.

use std::time::Duration;

use pgwire_replication::PgWireError;
use redis::RedisError;

use super::changes::ChangeError;
use super::decoder::DecodeError;
use super::documents::ReadError;
use super::watermark::WatermarkError;

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Another mirror follows the slot.
    #[error("another mirror follows slot {0:?}")]
    SlotTaken(String),
    /// The slot is not one this mirror can use.
    #[error("slot {slot:?} {fault}; drop it or set BONDHU_SLOT to another name")]
    SlotUnusable {
        /// Its name.
        slot: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The publication is not there.
    #[error("publication {0:?} does not exist; apply the migrations or set BONDHU_PUBLICATION")]
    NoPublication(String),
    /// The publication came after the slot's position, so that the slot cannot be read.
    #[error("slot {0:?} is older than the publication; a new slot is made")]
    SlotPredatesPublication(String),
    /// `BONDHU_REPLICATION_URL` cannot be used.
    #[error("BONDHU_REPLICATION_URL cannot be used: {0}")]
    Url(String),
    /// The database does not answer, or refuses.
    #[error("Postgres: {0}")]
    Postgres(#[from] sqlx::Error),
    /// Documents are not to be read.
    #[error("Postgres: {0}")]
    Reading(#[from] ReadError),
    /// The stream broke.
    #[error("replication: {0}")]
    Replication(#[from] PgWireError),
    /// The server does not let the mirror in within its time.
    #[error("replication: Postgres does not answer")]
    Silent,
    /// The stream ended without an error: the server is going down.
    #[error("Postgres ended the stream")]
    Ended,
    /// The stream says something unreadable.
    #[error("pgoutput: {0}")]
    Decode(#[from] DecodeError),
    /// The stream says something that cannot be placed.
    #[error("pgoutput: {0}")]
    Change(#[from] ChangeError),
    /// Redis does not answer, or refuses.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    /// The watermark is not as this mirror left it.
    #[error("watermark: {0}")]
    Watermark(#[from] WatermarkError),
    /// A document is not JSON.
    #[error("a document cannot be written: {0}")]
    Document(#[from] serde_json::Error),
}

/// What the mirror does after a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Wait for the other mirror to end; look again after so long.
    StandBy(Duration),
    /// Start anew at once.
    Restart,
    /// Make a new slot after a pause that grows, and with it a new epoch: read again from the same
    /// one, the same bytes would fail for ever.
    RenewSlot,
    /// Start anew after a pause that grows.
    BackOff,
}

/// How often a standby looks whether the slot is free: a part of each takeover.
pub(super) const STANDBY_LOOK: Duration = Duration::from_millis(250);

impl MirrorError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::SlotTaken(_) => Recovery::StandBy(STANDBY_LOOK),
            Self::SlotPredatesPublication(_) | Self::Decode(_) | Self::Change(_) => {
                Recovery::RenewSlot
            }
            Self::Replication(PgWireError::MessageTooLarge { .. } | PgWireError::Protocol(_)) => {
                Recovery::RenewSlot
            }
            Self::Watermark(WatermarkError::Moved | WatermarkError::SettingsWentBack(..)) => {
                Recovery::Restart
            }
            Self::Watermark(WatermarkError::Redis(_) | WatermarkError::Json(_))
            | Self::SlotUnusable { .. }
            | Self::NoPublication(_)
            | Self::Url(_)
            | Self::Postgres(_)
            | Self::Reading(_)
            | Self::Replication(_)
            | Self::Silent
            | Self::Ended
            | Self::Redis(_)
            | Self::Document(_) => Recovery::BackOff,
        }
    }

    /// What anybody may know of it: which part is at fault.
    pub fn public_reason(&self) -> &'static str {
        match self {
            Self::SlotTaken(_) => "another mirror leads",
            Self::SlotUnusable { .. } | Self::Url(_) => "is not set up well",
            Self::NoPublication(_) => "misses the publication: apply the migrations",
            Self::SlotPredatesPublication(_) | Self::Decode(_) | Self::Change(_) => {
                "is making a new slot"
            }
            Self::Postgres(_)
            | Self::Reading(_)
            | Self::Replication(_)
            | Self::Silent
            | Self::Ended => "Postgres refuses it or cannot be reached",
            Self::Watermark(WatermarkError::SettingsWentBack(..)) => "is beginning a new epoch",
            Self::Redis(_) | Self::Watermark(_) => "Redis refuses it or cannot be reached",
            Self::Document(_) => "cannot write a document",
        }
    }
}
