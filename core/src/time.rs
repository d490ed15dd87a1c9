//! Instants and UTC days. Time is always handed in, never read.

use std::time::Duration;

/// An instant: microseconds since 1970-01-01 00:00 UTC. Postgres' resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A UTC day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

/// Microseconds in an hour.
pub const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Width of a sentiment bucket, in microseconds: the coarsest grain from which every
/// time zone's hours and days can be made (offsets are multiples of 15 minutes).
pub const BUCKET: i64 = HOUR / 4;

impl Timestamp {
    /// The UTC day this instant lies in.
    #[must_use]
    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(DAY))
    }

    /// Start of the 15-minute bucket this instant lies in.
    #[must_use]
    pub const fn bucket(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(BUCKET)))
    }

    /// This instant moved by `hours`, saturating.
    #[must_use]
    pub const fn plus_hours(self, hours: i64) -> Self {
        Self(self.0.saturating_add(hours.saturating_mul(HOUR)))
    }

    /// This instant moved by `duration`, saturating; less than a microsecond does not count.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// How long `earlier` was before this; zero when it was not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0).max(0);
        Duration::from_micros(micros.unsigned_abs())
    }
}

impl Day {
    /// Midnight UTC at which the day begins.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::{BUCKET, Day, Duration, Timestamp};

    #[test]
    fn instants_before_1970_fall_into_the_bucket_and_day_they_are_in() {
        assert_eq!(Timestamp(-1).day(), Day(-1));
        assert_eq!(Timestamp(-1).bucket(), Timestamp(-BUCKET));
        assert_eq!(Timestamp(0).bucket(), Timestamp(0));
        assert_eq!(Timestamp(BUCKET + 1).bucket(), Timestamp(BUCKET));
    }

    #[test]
    fn the_ends_of_time_saturate() {
        assert_eq!(Timestamp(i64::MAX).plus_hours(1), Timestamp(i64::MAX));
        let _ = Timestamp(i64::MIN).bucket();
        assert_eq!(Timestamp(1).plus(Duration::MAX), Timestamp(i64::MAX));
        assert_eq!(Timestamp(1).since(Timestamp(2)), Duration::ZERO);
        let all = Timestamp(i64::MAX).since(Timestamp(i64::MIN));
        assert_eq!(all, Duration::from_micros(i64::MAX.unsigned_abs()));
    }
}
