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

    /// Adds `factor` times one message of this score (hundredths) and mood; `factor` may be
    /// negative.
    ///
    /// # Errors
    /// [`Inconsistent`] when a sum would overflow. It may go below zero: a delta does.
    pub fn put(&mut self, score: i64, mood: Mood, factor: i64) -> Result<(), Inconsistent> {
        add(&mut self.count, 1, factor)?;
        add(&mut self.sum, score, factor)?;
        add(&mut self.sum_squares, score * score, factor)?;
        add(&mut self.moods[mood.index()], 1, factor)
    }

    /// Adds `other × factor`; `factor` may be negative.
    ///
    /// # Errors
    /// As [`Tally::put`].
    pub fn add(&mut self, other: &Self, factor: i64) -> Result<(), Inconsistent> {
        add(&mut self.count, other.count, factor)?;
        add(&mut self.sum, other.sum, factor)?;
        add(&mut self.sum_squares, other.sum_squares, factor)?;
        self.moods
            .iter_mut()
            .zip(other.moods)
            .try_for_each(|(into, value)| add(into, value, factor))
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

fn add(into: &mut i64, value: i64, factor: i64) -> Result<(), Inconsistent> {
    *into = value
        .checked_mul(factor)
        .and_then(|value| into.checked_add(value))
        .ok_or(Inconsistent)?;
    Ok(())
}
