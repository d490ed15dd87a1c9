//! What the rules need of a scored message.

use crate::mood::Mood;
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
