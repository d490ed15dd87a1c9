//! A wellness score of the week that ends with a day, and apart from it how engaged somebody was.
//!
//! A heuristic to draw a line on a chart with, and no diagnosis: every weight and scale here is
//! chosen, none is measured.

use crate::fixed::{round_div, round_sqrt_ratio};
use crate::settings::Settings;
use crate::tally::Tally;
use crate::window::{pairs, spread};

/// Days of a week, which the score is about and which the trend compares with the one before.
pub const WEEK: i64 = 7;

/// Percent of the score that each component makes up when there are all three.
pub const MEAN_WEIGHT: i128 = 60;
/// As [`MEAN_WEIGHT`].
pub const TREND_WEIGHT: i128 = 15;
/// As [`MEAN_WEIGHT`].
pub const STABILITY_WEIGHT: i128 = 25;

/// A mean that moved by so much (hundredths of a score) since the week before is the end of
/// the trend's scale.
pub const TREND_SCALE: i128 = 25;

/// The standard deviation (hundredths of a score) at which there is no stability left: half of
/// the scale, which only somebody who is always at its ends reaches.
pub const STABILITY_SCALE: i128 = 50;

/// Percent of engagement that days with messages make up; the rest is messages.
pub const DAYS_WEIGHT: i128 = 60;
/// Messages in a week that are full engagement.
pub const FULL_MESSAGES: i128 = 70;

/// One in hundredths of a point: components and scores run 0 to 10,000.
pub const FULL: i128 = 10_000;

/// The wellness of a week, in hundredths of a point, 0 to 10,000 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wellness {
    /// The score; null from fewer than `min_messages` messages.
    pub score: Option<i64>,
    /// The mean sentiment; null as the score.
    pub mean: Option<i64>,
    /// Where the mean went since the week before, 5,000 if nowhere; null when either week has
    /// too few messages.
    pub trend: Option<i64>,
    /// How little scores differ; null as the score.
    pub stability: Option<i64>,
    /// How engaged the person was, whatever they felt.
    pub engagement: i64,
}

impl Wellness {
    /// The wellness of `week`, on `active_days` (0 to 7) of which there were messages, after the
    /// week `before`.
    #[must_use]
    pub fn of(week: &Tally, before: &Tally, active_days: i64, settings: &Settings) -> Self {
        let enough = |tally: &Tally| tally.count >= settings.min_messages.max(2);
        let mean = enough(week).then(|| share(week.sum.into(), week.count.into()));
        let stability = enough(week).then(|| stability(week));
        let trend = (enough(week) && enough(before)).then(|| trend(week, before));
        Self {
            score: score(mean, trend, stability),
            mean: mean.map(|mean| mean as i64),
            trend: trend.map(|trend| trend as i64),
            stability: stability.map(|stability| stability as i64),
            engagement: engagement(week.count, active_days) as i64,
        }
    }
}

/// `part` (hundredths of a score) of `whole`, in hundredths of a point.
fn share(part: i128, whole: i128) -> i128 {
    round_div(part * FULL, 100 * whole)
}

fn stability(week: &Tally) -> i128 {
    // The deviation in hundredths of a score, times a hundred.
    let deviation = round_sqrt_ratio(FULL * spread(week), pairs(week.count));
    (FULL - round_div(deviation * FULL, STABILITY_SCALE * 100)).clamp(0, FULL)
}

fn trend(week: &Tally, before: &Tally) -> i128 {
    let (n, sum) = (i128::from(week.count), i128::from(week.sum));
    let (m, former) = (i128::from(before.count), i128::from(before.sum));
    let half = FULL / 2;
    let moved = round_div((sum * m - former * n) * half, TREND_SCALE * n * m);
    (half + moved).clamp(0, FULL)
}

/// The weighted mean of the components there are.
fn score(mean: Option<i128>, trend: Option<i128>, stability: Option<i128>) -> Option<i64> {
    let (mean, stability) = (mean?, stability?);
    let (sum, weights) = (
        mean * MEAN_WEIGHT + stability * STABILITY_WEIGHT,
        MEAN_WEIGHT + STABILITY_WEIGHT,
    );
    let score = match trend {
        Some(trend) => round_div(sum + trend * TREND_WEIGHT, weights + TREND_WEIGHT),
        None => round_div(sum, weights),
    };
    Some(score as i64)
}

fn engagement(messages: i64, active_days: i64) -> i128 {
    let days = round_div(i128::from(active_days) * FULL, i128::from(WEEK)).clamp(0, FULL);
    let messages = round_div(i128::from(messages) * FULL, FULL_MESSAGES).clamp(0, FULL);
    round_div(days * DAYS_WEIGHT + messages * (100 - DAYS_WEIGHT), 100)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Wellness;
    use crate::mood::Mood;
    use crate::settings::Settings;
    use crate::tally::Tally;

    fn scores(scores: &[i64]) -> Tally {
        let mut tally = Tally::EMPTY;
        for score in scores {
            tally.put(*score, Mood::Neutral, 1).unwrap();
        }
        tally
    }

    fn of(week: &[i64], before: &[i64], active_days: i64) -> Wellness {
        Wellness::of(
            &scores(week),
            &scores(before),
            active_days,
            &Settings::default(),
        )
    }

    #[test]
    fn too_few_messages_have_no_score_but_count_as_engagement() {
        let wellness = of(&[50; 4], &[50; 9], 2);
        assert_eq!(
            (wellness.score, wellness.mean, wellness.trend),
            (None, None, None)
        );
        // 60 % of 2/7 and 40 % of 4/70.
        assert_eq!(wellness.engagement, 1_943);
    }

    #[test]
    fn an_even_week_after_an_even_week_is_its_mean_and_full_stability() {
        let wellness = of(&[60; 10], &[60; 10], 7);
        assert_eq!(wellness.mean, Some(6_000));
        assert_eq!(wellness.trend, Some(5_000));
        assert_eq!(wellness.stability, Some(10_000));
        assert_eq!(wellness.score, Some(6_850));
    }

    #[test]
    fn without_a_week_before_the_trend_has_no_say() {
        let wellness = of(&[60; 10], &[], 7);
        assert_eq!(wellness.trend, None);
        // (60 × 60 + 100 × 25) / 85.
        assert_eq!(wellness.score, Some(7_176));
    }

    #[test]
    fn the_ends_of_the_scales_are_ends() {
        let best = of(&[100; 100], &[0; 100], 7);
        assert_eq!((best.score, best.trend), (Some(10_000), Some(10_000)));
        assert_eq!(best.engagement, 10_000);
        let worst = of(&[0; 10], &[100; 10], 1);
        assert_eq!(worst.trend, Some(0));
        assert_eq!(of(&[0, 100, 0, 100, 0], &[], 1).stability, Some(0));
    }
}
