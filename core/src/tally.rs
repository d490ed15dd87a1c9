//! Sums over scored messages: linear, so that order cannot matter and a message can
//! be taken out again.

use crate::mood::{MOODS, Mood};

/// A stored sum does not cover what is taken out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored sums do not agree with the stored messages")]
pub struct Inconsistent;

/// Count, sum and sum of squares of scores in hundredths, and a count for each mood.
/// Each may be weighted (traits) or plain (windows, buckets).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of messages (× weight).
    pub count: i64,
    /// Sum of scores in hundredths (× weight).
    pub sum: i64,
    /// Sum of squared scores in hundredths squared (× weight).
    pub sum_squares: i64,
    /// Number of messages of each mood (× weight), in the order of [`Mood::ALL`].
    pub moods: [i64; MOODS],
}

impl Tally {
    /// Nothing counted.
    pub const EMPTY: Self = Self {
        count: 0,
        sum: 0,
        sum_squares: 0,
        moods: [0; MOODS],
    };

    /// What one message of this score (hundredths) and mood adds.
    #[must_use]
    pub fn of(score: i64, mood: Mood) -> Self {
        let mut tally = Self {
            count: 1,
            sum: score,
            sum_squares: score * score,
            moods: [0; MOODS],
        };
        tally.moods[mood.index()] = 1;
        tally
    }

    /// Adds `other × factor`; `factor` may be negative.
    ///
    /// # Errors
    /// [`Inconsistent`] when a sum would overflow. It may go below zero: a delta does.
    pub fn add(&mut self, other: &Self, factor: i64) -> Result<(), Inconsistent> {
        let add = |into: &mut i64, value: i64| -> Result<(), Inconsistent> {
            *into = value
                .checked_mul(factor)
                .and_then(|v| into.checked_add(v))
                .ok_or(Inconsistent)?;
            Ok(())
        };
        add(&mut self.count, other.count)?;
        add(&mut self.sum, other.sum)?;
        add(&mut self.sum_squares, other.sum_squares)?;
        self.moods
            .iter_mut()
            .zip(other.moods)
            .try_for_each(|(into, value)| add(into, value))
    }

    /// Whether this can be a tally of messages: nothing is below zero.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.count >= 0
            && self.sum >= 0
            && self.sum_squares >= 0
            && self.moods.iter().all(|&n| n >= 0)
    }
}
