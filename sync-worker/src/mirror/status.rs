//! What the mirror is doing, for `/readyz`.

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use bondhu_core::cache::position::Version;

/// What the mirror is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Connecting.
    Starting,
    /// Re-reading what a new epoch begins with.
    Rebuilding,
    /// Redis follows Postgres.
    Following {
        /// How far.
        version: Version,
        /// As of when.
        at: DateTime<Utc>,
    },
    /// Another mirror leads; this one takes over when it ends.
    StandingBy,
    /// It cannot, and tries again.
    Failing {
        /// Why, for who runs the worker.
        reason: String,
        /// The same for anybody who asks: no address, no name, nothing that a server said.
        public_reason: &'static str,
    },
}

/// The mirror's present phase; any number may watch.
#[derive(Debug)]
pub struct Status(watch::Sender<Phase>);

impl Default for Status {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Starting))
    }
}

impl Status {
    pub(super) fn set(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// The present phase.
    pub fn phase(&self) -> Phase {
        self.0.borrow().clone()
    }

    /// How far Redis follows, if it does.
    pub(super) fn following(&self) -> Option<Version> {
        match *self.0.borrow() {
            Phase::Following { version, .. } => Some(version),
            _ => None,
        }
    }

    /// Follows the phases from here on.
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }
}
