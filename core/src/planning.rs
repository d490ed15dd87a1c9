//! When a linked account is pulled next, and what a provider's budget carries ([`capacity`]).
//!
//! Each person's syncs have their own interval: the provider's while the person is active, longer
//! the longer they are away. What may be kept for a limited time only is refreshed well before that
//! ends. Which of those that are due go first, within the budget, is `bondhu.plan_syncs()`'s.
//!
//! Instants are Unix seconds, durations seconds.

pub mod capacity;

const DAY: i64 = 86_400;

/// Who was there within this time is active: a weekend away is no absence. Heuristic.
pub const ACTIVE_WITHIN: i64 = 3 * DAY;

/// The longest interval between two pulls where the provider sets no term: a week. Heuristic: top lists
/// of four weeks change by a quarter meanwhile, and a provider that keeps the last 50 plays has lost
/// the older ones of somebody who listens daily in either case.
pub const LONGEST_INTERVAL: i64 = 7 * DAY;

/// Of the time for which data may be kept, the last part in so many is left for trying: with 30 days
/// everything is due again after 25. Heuristic: budgets run out and providers fail for days, not for
/// a working week.
pub const RESERVED_PART: i64 = 6;

/// Intervals are shortened by up to one part in so many, at random: connections that were linked
/// together do not stay due together. Never lengthened, since some are terms.
const JITTER_PART: i64 = 10;

/// How often a provider's accounts are pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// Between two pulls of somebody who is active (`provider_settings.sync_interval_minutes`); 60 s at least.
    pub interval: i64,
    /// Between two walks of everything, where pulls in between bring plays alone
    /// (`library_interval_minutes`). `None`: each pull walks everything.
    pub library_interval: Option<i64>,
    /// How long what was read may be kept without being refreshed (YouTube: 30 days,
    /// <https://developers.google.com/youtube/terms/developer-policies>, III.E.4). `None`: no term.
    pub retention: Option<i64>,
}

/// A pull that has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// When it ended.
    pub now: i64,
    /// When the person was there last: a session, a message, a sync that they asked for.
    pub last_active: i64,
    /// Whether it walked everything, not plays alone.
    pub walked_all: bool,
    /// Whether nothing is missing of what it walked.
    pub is_whole: bool,
    /// What the last one decided of [`NextPull::urgent_from`].
    pub urgent_from: Option<i64>,
}

/// What follows a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextPull {
    /// When the next one is due.
    pub pull_at: i64,
    /// From when on a pull walks everything; `None`: as decided before.
    pub library_at: Option<i64>,
    /// From when on it goes before what is merely due, because what is stored has to be deleted
    /// unless it is refreshed. Of no account while `library_at` is `None`.
    pub urgent_from: Option<i64>,
}

impl Cadence {
    /// The longest interval between two pulls.
    #[must_use]
    pub const fn longest(self) -> i64 {
        match self.retention {
            Some(retention) => retention - retention / RESERVED_PART,
            None => LONGEST_INTERVAL,
        }
    }

    /// The interval of somebody who has been away for so long: the usual one up to
    /// [`ACTIVE_WITHIN`], then twice as long with each day, up to [`longest`](Self::longest).
    #[must_use]
    pub fn stretched(self, interval: i64, away: i64) -> i64 {
        let days = (away - ACTIVE_WITHIN).div_euclid(DAY) + 1;
        // Twenty doublings of a minute are two years.
        let doublings = days.clamp(0, 20);
        (interval.max(60) << doublings).min(self.longest())
    }

    /// Decides what follows a pull. `jitter`: a random number, any value.
    ///
    /// A pull that misses something does not put off the term of what it missed: it is tried again at
    /// the usual interval once that has become urgent, until it has passed.
    #[must_use]
    pub fn next_pull(self, pulled: Pulled, jitter: u32) -> NextPull {
        let Pulled { now, .. } = pulled;
        let away = (now - pulled.last_active).max(0);
        let after = |interval: i64| {
            let stretched = self.stretched(interval, away);
            let less = stretched / JITTER_PART * i64::from(jitter) / i64::from(u32::MAX);
            now + stretched - less
        };
        let mut pull_at = after(self.interval);
        let mut urgent_from = self.retention.map(|_| now + self.longest());
        if let (false, Some(former), Some(retention)) =
            (pulled.is_whole, pulled.urgent_from, self.retention)
            && now < former + retention / RESERVED_PART
        {
            urgent_from = Some(former);
            pull_at = pull_at.min(former.max(now + self.interval));
        }
        let library = self.library_interval.unwrap_or(self.interval);
        NextPull {
            pull_at,
            library_at: pulled
                .walked_all
                .then(|| after(library.max(self.interval)).max(pull_at)),
            urgent_from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ACTIVE_WITHIN, Cadence, DAY, LONGEST_INTERVAL, Pulled};

    const HOUR: i64 = 3_600;
    const SPOTIFY: Cadence = Cadence {
        interval: HOUR,
        library_interval: Some(DAY),
        retention: None,
    };
    const YOUTUBE: Cadence = Cadence {
        interval: 12 * HOUR,
        library_interval: None,
        retention: Some(30 * DAY),
    };
    const NOW: i64 = 1_800_000_000;

    fn pulled(away: i64) -> Pulled {
        Pulled {
            now: NOW,
            last_active: NOW - away,
            walked_all: true,
            is_whole: true,
            urgent_from: None,
        }
    }

    #[test]
    fn who_is_active_is_pulled_at_the_usual_interval_and_who_is_away_ever_less() {
        let hours = |days: i64| SPOTIFY.stretched(HOUR, days * DAY) / HOUR;
        assert_eq!(SPOTIFY.stretched(HOUR, ACTIVE_WITHIN - 1), HOUR);
        assert_eq!((3..7).map(hours).collect::<Vec<_>>(), [2, 4, 8, 16]);
        assert_eq!(SPOTIFY.stretched(HOUR, 11 * DAY), LONGEST_INTERVAL);
        assert_eq!(SPOTIFY.stretched(HOUR, i64::MAX / 2), LONGEST_INTERVAL);
        let mut before = 0;
        for away in (0..90).map(|days| YOUTUBE.stretched(YOUTUBE.interval, days * DAY)) {
            assert!(before <= away && away <= 25 * DAY);
            before = away;
        }
    }

    #[test]
    fn no_jitter_reaches_beyond_the_interval() {
        for jitter in [0, 1, u32::MAX / 2, u32::MAX] {
            for cadence in [SPOTIFY, YOUTUBE] {
                for away in [0, 5 * DAY, 400 * DAY] {
                    let next = cadence.next_pull(pulled(away), jitter);
                    let interval = cadence.stretched(cadence.interval, away);
                    assert!(next.pull_at <= NOW + interval);
                    assert!(next.pull_at >= NOW + interval - interval / 10);
                    assert!(next.library_at >= Some(next.pull_at));
                }
            }
        }
    }

    #[test]
    fn what_may_be_kept_for_thirty_days_is_urgent_five_days_before() {
        let next = YOUTUBE.next_pull(pulled(400 * DAY), 0);
        assert_eq!(next.urgent_from, Some(NOW + 25 * DAY));
        assert_eq!(next.pull_at, NOW + 25 * DAY);
        assert_eq!(SPOTIFY.next_pull(pulled(0), 0).urgent_from, None);
    }

    #[test]
    fn a_pull_that_misses_something_puts_no_term_off() {
        let missing = |urgent_from| {
            let pulled = Pulled {
                is_whole: false,
                urgent_from,
                ..pulled(400 * DAY)
            };
            YOUTUBE.next_pull(pulled, 0)
        };
        let soon = NOW + DAY;
        assert_eq!(missing(Some(soon)).urgent_from, Some(soon));
        assert_eq!(missing(Some(soon)).pull_at, soon);
        // Already urgent: at the usual interval, and no more often.
        assert_eq!(missing(Some(NOW - DAY)).pull_at, NOW + YOUTUBE.interval);
        // Too late: it was deleted, and a new term begins.
        let over = missing(Some(NOW - 5 * DAY));
        assert_eq!(over.urgent_from, Some(NOW + 25 * DAY));
        assert_eq!(over.pull_at, NOW + 25 * DAY);
    }

    #[test]
    fn plays_alone_leave_the_library_where_it_was() {
        let plays = Pulled {
            walked_all: false,
            ..pulled(0)
        };
        let next = SPOTIFY.next_pull(plays, 0);
        assert_eq!((next.pull_at, next.library_at), (NOW + HOUR, None));
        let whole = SPOTIFY.next_pull(pulled(0), 0);
        assert_eq!(whole.library_at, Some(NOW + DAY));
    }

    #[test]
    fn who_is_long_away_has_everything_walked_at_each_pull() {
        for jitter in [0, 77, u32::MAX] {
            let next = SPOTIFY.next_pull(pulled(60 * DAY), jitter);
            assert_eq!(next.library_at, Some(next.pull_at));
        }
    }
}
