//! What the rules need of a scored message.

use crate::mood::Mood;
use crate::tally::Tally;
use crate::time::Timestamp;

/// A scored message of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was written.
    pub created_at: Timestamp,
    /// Sentiment in hundredths, 0 (bad) to 100 (good).
    pub score: i64,
    /// Its mood.
    pub mood: Mood,
    /// Whether the support detector saw a crisis.
    pub crisis: bool,
}

impl Message {
    /// What the message adds to a plain tally.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::of(self.score, self.mood)
    }
}
