//! The sentiment window: mean, volatility, dominant mood, trend.

use crate::fixed::{round_div, round_sqrt_ratio};
use crate::mood::Mood;
use crate::settings::Settings;
use crate::state::State;
use crate::tally::Tally;

/// Where the mean went against the window before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// Up by more than the threshold.
    Rising,
    /// Down by more than the threshold.
    Falling,
    /// Neither.
    Steady,
}

impl Trend {
    /// Every direction.
    pub const ALL: [Self; 3] = [Self::Rising, Self::Falling, Self::Steady];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Falling => "falling",
            Self::Steady => "steady",
        }
    }
}

/// Figures of a window with enough messages to conclude from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Mean score in ten-thousandths, 0 to 10,000, rounded half away from zero.
    pub mean: i64,
    /// Sample standard deviation of the scores in ten-thousandths, rounded half up.
    pub volatility: i64,
    /// Most frequent mood; ties go to the most recent, then to the alphabet.
    pub dominant_mood: Mood,
    /// Null when the window before had too few messages to compare with.
    pub trend: Option<Trend>,
}

impl Window {
    /// The figures of `state`'s window; null when it holds too few messages.
    #[must_use]
    pub fn of(state: &State, settings: &Settings) -> Option<Self> {
        let tally = &state.window;
        let count = tally.count;
        let dominant_mood = dominant(state)?;
        // One message has no sample deviation, whatever the settings say.
        (count >= settings.min_messages.max(2)).then(|| Self {
            mean: round_div(100 * i128::from(tally.sum), i128::from(count)) as i64,
            volatility: round_sqrt_ratio(10_000 * spread(tally), pairs(count)) as i64,
            dominant_mood,
            trend: trend(state, settings),
        })
    }
}

/// `n(n−1)` × variance, in hundredths squared.
pub(crate) fn spread(tally: &Tally) -> i128 {
    let (n, sum, squares) = (
        i128::from(tally.count),
        i128::from(tally.sum),
        i128::from(tally.sum_squares),
    );
    n * squares - sum * sum
}

pub(crate) fn pairs(count: i64) -> i128 {
    i128::from(count) * (i128::from(count) - 1)
}

fn dominant(state: &State) -> Option<Mood> {
    let count = |mood: Mood| state.window.moods[mood.index()];
    Mood::ALL
        .into_iter()
        .rev()
        .filter(|&mood| count(mood) > 0)
        // The last maximum wins, and the alphabet runs backwards.
        .max_by_key(|&mood| (count(mood), state.latest[mood.index()]))
}

/// Compared exactly, as fractions: a rounded mean could cross the threshold by rounding.
fn trend(state: &State, settings: &Settings) -> Option<Trend> {
    let (n, sum) = (i128::from(state.window.count), i128::from(state.window.sum));
    let (m, before) = (
        i128::from(state.previous_count),
        i128::from(state.previous_sum),
    );
    (state.previous_count >= settings.min_messages).then(|| {
        let change = sum * m - before * n;
        let threshold = i128::from(settings.trend_threshold_hundredths) * n * m;
        if change > threshold {
            Trend::Rising
        } else if change < -threshold {
            Trend::Falling
        } else {
            Trend::Steady
        }
    })
}

#[cfg(test)]
mod tests;
