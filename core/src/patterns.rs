//! When somebody writes, how they feel then, and how their days hang together.
//!
//! Everything here is in the person's own hours and days. Means are counted for what there
//! is; of inertia nothing is concluded from fewer than [`MIN_PAIRS`] pairs of days.

use std::collections::BTreeMap;

use crate::fixed::{round_div, round_sqrt_ratio};
use crate::time::Day;

/// Pairs of consecutive days below which there is no inertia (heuristic).
pub const MIN_PAIRS: i128 = 14;

/// Scored messages of one hour of one local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Local day.
    pub day: Day,
    /// Local hour, 0 to 23.
    pub hour: usize,
    /// How many.
    pub count: i64,
    /// Sum of their scores in hundredths.
    pub sum: i64,
}

/// Count and sum of scores in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mean {
    /// Messages.
    pub count: i64,
    /// Sum of their scores in hundredths.
    pub sum: i64,
}

impl Mean {
    /// Mean score in ten-thousandths, rounded half away from zero; null of nothing.
    #[must_use]
    pub fn value(&self) -> Option<i64> {
        (self.count > 0)
            .then(|| round_div(100 * i128::from(self.sum), i128::from(self.count)) as i64)
    }

    fn add(&mut self, cell: &Cell) {
        self.count += cell.count;
        self.sum += cell.sum;
    }
}

/// The patterns of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// By local hour, from midnight.
    pub hours: [Mean; 24],
    /// By weekday, from Monday.
    pub weekdays: [Mean; 7],
    /// Emotional inertia in ten-thousandths, −10,000 to 10,000: the correlation of a day's mean
    /// with the next day's (Kuppens, Allen & Sheeber 2010). Null from too few pairs of days,
    /// and when all days are alike.
    pub inertia: Option<i64>,
    /// Consecutive days with messages up to today, or up to yesterday while today has none.
    pub current_streak: i64,
    /// The longest such run.
    pub longest_streak: i64,
}

impl Patterns {
    /// The patterns of `cells`, in any order, as of the local day `today`.
    #[must_use]
    pub fn of(cells: &[Cell], today: Day) -> Self {
        let mut patterns = Self::default();
        let mut days: BTreeMap<Day, Mean> = BTreeMap::new();
        for cell in cells.iter().filter(|cell| cell.count > 0) {
            // 1970-01-01 was a Thursday.
            let weekday = (cell.day.0 + 3).rem_euclid(7) as usize;
            if let Some(hour) = patterns.hours.get_mut(cell.hour) {
                hour.add(cell);
            }
            patterns.weekdays[weekday].add(cell);
            days.entry(cell.day).or_default().add(cell);
        }
        patterns.inertia = inertia(&days);
        (patterns.current_streak, patterns.longest_streak) = streaks(&days, today);
        patterns
    }
}

/// Pearson's correlation over the pairs of consecutive days. Daily means are rounded to
/// ten-thousandths first, the result to ten-thousandths half up in magnitude.
fn inertia(days: &BTreeMap<Day, Mean>) -> Option<i64> {
    let (mut n, mut x, mut y, mut xx, mut yy, mut xy) = (0_i128, 0, 0, 0, 0, 0);
    for (day, mean) in days {
        let next = days.get(&Day(day.0 + 1)).and_then(Mean::value);
        let (Some(a), Some(b)) = (mean.value().map(i128::from), next.map(i128::from)) else {
            continue;
        };
        n += 1;
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    let (spread_x, spread_y) = (n * xx - x * x, n * yy - y * y);
    if n < MIN_PAIRS || spread_x == 0 || spread_y == 0 {
        return None;
    }
    let shared = n * xy - x * y;
    let scale = 10_000 * 10_000;
    let magnitude = round_sqrt_ratio(shared * shared * scale, spread_x * spread_y) as i64;
    Some(magnitude * shared.signum() as i64)
}

fn streaks(days: &BTreeMap<Day, Mean>, today: Day) -> (i64, i64) {
    let (mut longest, mut run, mut last) = (0, 0, None);
    for day in days.keys() {
        run = if last == Some(Day(day.0 - 1)) {
            run + 1
        } else {
            1
        };
        longest = longest.max(run);
        last = Some(*day);
    }
    let current = match last {
        Some(last) if last.0 >= today.0 - 1 => run,
        _ => 0,
    };
    (current, longest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Cell, Mean, Patterns};
    use crate::time::Day;

    fn cell(day: i64, hour: usize, count: i64, sum: i64) -> Cell {
        Cell {
            day: Day(day),
            hour,
            count,
            sum,
        }
    }

    #[test]
    fn nothing_concludes_nothing() {
        assert_eq!(Patterns::of(&[], Day(0)), Patterns::default());
        assert_eq!(Mean::default().value(), None);
    }

    #[test]
    fn hours_and_weekdays_are_the_persons_own() {
        // 2026-11-23 is a Monday.
        let patterns = Patterns::of(
            &[
                cell(20_780, 23, 2, 150),
                cell(20_781, 0, 1, 20),
                cell(20_787, 23, 1, 0),
            ],
            Day(20_787),
        );
        assert_eq!(patterns.weekdays[0].value(), Some(5_000));
        assert_eq!(patterns.weekdays[1].value(), Some(2_000));
        assert_eq!(patterns.hours[23].value(), Some(5_000));
        assert_eq!(patterns.hours[0].count, 1);
    }

    #[test]
    fn a_streak_lasts_until_a_day_has_passed_without_a_message() {
        let days = [1, 2, 3, 7, 8].map(|day| cell(day, 12, 1, 50));
        let streaks = |today| {
            let patterns = Patterns::of(&days, Day(today));
            (patterns.current_streak, patterns.longest_streak)
        };
        assert_eq!(streaks(8), (2, 3));
        assert_eq!(streaks(9), (2, 3));
        assert_eq!(streaks(10), (0, 3));
    }

    #[test]
    fn inertia_is_a_correlation_and_needs_enough_days() {
        let steady =
            |days: i64| -> Vec<Cell> { (0..days).map(|day| cell(day, 9, 1, 3 * day)).collect() };
        assert_eq!(Patterns::of(&steady(14), Day(14)).inertia, None);
        assert_eq!(Patterns::of(&steady(15), Day(15)).inertia, Some(10_000));
        let swinging: Vec<_> = (0..20)
            .map(|day| cell(day, 9, 1, if day % 2 == 0 { 20 } else { 80 }))
            .collect();
        assert_eq!(Patterns::of(&swinging, Day(20)).inertia, Some(-10_000));
        let alike: Vec<_> = (0..20).map(|day| cell(day, 9, 1, 50)).collect();
        assert_eq!(Patterns::of(&alike, Day(20)).inertia, None);
    }
}
