//! What an operator may set of the engine: the row of `bondhu.settings`.

/// The engine's settings. [`Default`] is what a new installation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which settings these are: grows with each change.
    pub version: i64,
    /// What was made under a lower version is to be counted anew from the messages.
    pub recount_before: i64,
    /// Length of the sentiment window in hours; the trend compares it with the window before.
    pub window_hours: i64,
    /// Below this many scored messages in a window nothing is concluded from it.
    pub min_messages: i64,
    /// A mean that moved by more than this is rising or falling.
    pub trend_threshold_hundredths: i64,
    /// A mean below this needs support.
    pub needs_support_below_hundredths: i64,
    /// A mean above this is enthusiastic.
    pub enthusiastic_above_hundredths: i64,
    /// A sample standard deviation above this is variable.
    pub variable_above_hundredths: i64,
    /// How long a crisis message keeps `needs_support`.
    pub crisis_support_hours: i64,
    /// Effective number of messages, in hundredths, from which traits are no longer shrunk.
    pub trait_full_confidence_hundredths: i64,
    /// Points a trait has to move for a row of history.
    pub history_min_change: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 1,
            recount_before: 1,
            window_hours: 24,
            min_messages: 5,
            trend_threshold_hundredths: 10,
            needs_support_below_hundredths: 30,
            enthusiastic_above_hundredths: 70,
            variable_above_hundredths: 30,
            crisis_support_hours: 72,
            trait_full_confidence_hundredths: 3_000,
            history_min_change: 1,
        }
    }
}
