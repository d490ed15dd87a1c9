//! How many people a provider's budget carries, and how fresh what they see is then.
//!
//! The model: so many in a hundred are active and pulled at the usual interval, the others have been
//! away for long and are pulled at the longest. A tenth of the budget is kept for whoever asks
//! (`bondhu.plan_syncs()`). Where there are more people, everything comes later by the same time, since
//! those due longest go first; but what has to be refreshed by a term goes before, as long as that can be.

use super::{Cadence, DAY, JITTER_PART};

/// Requests of a pull that brings plays alone: one page of recently played.
pub const PLAYS_REQUESTS: i64 = 1;

/// Requests that a walk of everything is reckoned to take where none was seen: a page of each list, and some
/// more (a Spotify pull asks for 12 lists, YouTube for 8). `bondhu.sync_jobs.library_requests` begins with it.
pub const LIBRARY_REQUESTS: i64 = 20;

/// The part of the budget that scheduled pulls leave to whoever asks: one in so many.
const RESERVE_PART: i64 = 10;

/// Nothing is reckoned to be later than this: a hundred years.
const LATEST: i64 = 36_525 * DAY;

/// What a provider's budget is, and what is to be had for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Requests a day, of all workers together; up to 10¹².
    pub requests_a_day: i64,
    /// How often accounts are pulled.
    pub cadence: Cadence,
    /// Hundredths of requests that a walk of everything takes on average; 100 to 10⁸.
    pub library_requests_hundredths: i64,
    /// How many people in a hundred are active, 0 to 100.
    pub active_percent: i64,
}

/// How old what people see is at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Between two pulls of somebody who is active, seconds.
    pub active: i64,
    /// Between two walks of everything of theirs.
    pub active_library: i64,
    /// Between two pulls of somebody who is away.
    pub away: i64,
}

impl Budget {
    /// How many people are pulled at the intervals that are set.
    #[must_use]
    pub fn carries(&self) -> i64 {
        people(self.usable(), self.demand_of_a_hundred(0))
    }

    /// How many people's data is refreshed within the provider's term; beyond, some is deleted.
    /// `None`: there is no term.
    #[must_use]
    pub fn carries_by_term(&self) -> Option<i64> {
        let retention = self.cadence.retention?;
        let all = i128::from(self.library_requests_hundredths) * 100 * per_day(retention);
        Some(people(self.usable(), all))
    }

    /// How fresh what so many people see is; `None`: the provider's term cannot be kept for all.
    #[must_use]
    pub fn freshness(&self, people: i64) -> Option<Freshness> {
        let fits = |late: i64| {
            self.demand_of_a_hundred(late) * i128::from(people.max(0)) <= self.usable() * 100
        };
        if !fits(LATEST) {
            return None;
        }
        let (mut late, mut too_early) = (LATEST, -1);
        while late - too_early > 1 {
            let middle = i64::midpoint(late, too_early);
            if fits(middle) {
                late = middle;
            } else {
                too_early = middle;
            }
        }
        let Intervals {
            active,
            active_library,
            away,
            ..
        } = self.intervals(late);
        Some(Freshness {
            active,
            active_library,
            away,
        })
    }

    /// Intervals between pulls that are all late by the same time.
    fn intervals(&self, late: i64) -> Intervals {
        let cadence = self.cadence;
        let term = cadence.retention.unwrap_or(i64::MAX);
        let library = cadence.library_interval.unwrap_or(cadence.interval);
        let at = |interval: i64| (interval.min(cadence.longest()) + late).min(term);
        Intervals {
            active: at(cadence.interval),
            active_library: at(library.max(cadence.interval)),
            away: at(cadence.longest()),
        }
    }

    /// Micro-requests a day that a hundred people take, times a hundred (for hundredths).
    fn demand_of_a_hundred(&self, late: i64) -> i128 {
        let Intervals {
            active,
            active_library,
            away,
        } = self.intervals(late);
        let whole = i128::from(self.library_requests_hundredths);
        let plays = i128::from(PLAYS_REQUESTS * 100);
        let (pulls, libraries) = (per_day(active), per_day(active_library));
        let of_active = match self.cadence.library_interval {
            Some(_) => plays * (pulls - libraries) + whole * libraries,
            None => whole * pulls,
        };
        let percent = i128::from(self.active_percent.clamp(0, 100));
        percent * of_active + (100 - percent) * whole * per_day(away)
    }

    /// The same unit, of one, that scheduled pulls may take.
    fn usable(&self) -> i128 {
        let kept = self.requests_a_day / RESERVE_PART;
        i128::from(self.requests_a_day - kept) * 100 * MICRO
    }
}

struct Intervals {
    active: i64,
    active_library: i64,
    away: i64,
}

const MICRO: i128 = 1_000_000;

/// Millionths of pulls a day at an interval that jitter shortens by half its most on average.
fn per_day(interval: i64) -> i128 {
    let mean = i128::from(interval) * i128::from(2 * JITTER_PART - 1);
    MICRO * i128::from(DAY) * i128::from(2 * JITTER_PART) / mean.max(1)
}

fn people(usable: i128, of_a_hundred: i128) -> i64 {
    (usable * 100)
        .checked_div(of_a_hundred)
        .map_or(i64::MAX, |people| people.try_into().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Budget, Cadence, DAY};

    const HOUR: i64 = 3_600;

    fn spotify() -> Budget {
        Budget {
            requests_a_day: 90 * 2 * 60 * 24,
            cadence: Cadence {
                interval: HOUR,
                library_interval: Some(DAY),
                retention: None,
            },
            library_requests_hundredths: 2_000,
            active_percent: 10,
        }
    }

    fn youtube() -> Budget {
        Budget {
            requests_a_day: 10_000,
            cadence: Cadence {
                interval: 12 * HOUR,
                library_interval: None,
                retention: Some(30 * DAY),
            },
            library_requests_hundredths: 2_000,
            active_percent: 10,
        }
    }

    #[test]
    fn the_default_budgets_carry_what_the_documentation_says() {
        assert_eq!(spotify().carries(), 32_251);
        assert_eq!(spotify().carries_by_term(), None);
        assert_eq!(youtube().carries(), 1_811);
        assert_eq!(youtube().carries_by_term(), Some(12_825));
    }

    #[test]
    fn up_to_what_is_carried_intervals_are_those_that_are_set_and_beyond_they_grow_alike() {
        let budget = spotify();
        let at = |people| budget.freshness(people).unwrap();
        let most = budget.carries();
        assert_eq!((at(0).active, at(most).active), (HOUR, HOUR));
        assert_eq!((at(most).active_library, at(most).away), (DAY, 7 * DAY));
        let beyond = at(2 * most);
        let late = beyond.active - HOUR;
        assert!(late > 0);
        assert_eq!(beyond.active_library, DAY + late);
        assert_eq!(beyond.away, 7 * DAY + late);
    }

    #[test]
    fn a_term_is_kept_while_the_budget_allows_and_no_longer() {
        let budget = youtube();
        let most = budget.carries_by_term().unwrap();
        let at_most = budget.freshness(most).unwrap();
        assert!(at_most.active <= 30 * DAY && at_most.away <= 30 * DAY);
        assert_eq!(budget.freshness(most + most / 100), None);
        assert_eq!(budget.freshness(i64::MAX), None);
    }

    #[test]
    fn extremes_are_carried_without_overflow() {
        for requests_a_day in [0, 1, 1_000_000_000_000] {
            for library_requests_hundredths in [100, 100_000_000] {
                for active_percent in [0, 100] {
                    for cadence in [spotify().cadence, youtube().cadence] {
                        let budget = Budget {
                            requests_a_day,
                            cadence,
                            library_requests_hundredths,
                            active_percent,
                        };
                        assert!(budget.carries() >= 0);
                        let fresh = budget.freshness(1_000_000_000);
                        assert!(fresh.is_none_or(|fresh| fresh.active >= HOUR));
                    }
                }
            }
        }
    }
}
