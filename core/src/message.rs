//! What the rules need of a scored message.

use crate::mood::Mood;
use crate::time::Timestamp;

/// A scored message of the user, as it is read: their own correction comes before the engine's score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was written.
    pub created_at: Timestamp,
    /// Sentiment in hundredths, 0 (bad) to 100 (good).
    pub score: i64,
    /// Its mood.
    pub mood: Mood,
    /// Whether the support detector saw a crisis. No correction changes that.
    pub crisis: bool,
    /// Whether it counts in what is learnt of the person. A crisis is noticed either way.
    pub counts: bool,
}
