//! How long the mirror waits before it starts anew: longer each time, until something new is applied.

use std::time::Duration;

use bondhu_core::cache::position::Version;

use super::error::Recovery;

/// Doubled each time up to the last.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// The pauses of one mirror.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
    furthest: Option<Version>,
}

impl Pauses {
    /// Those of a mirror that has not failed yet.
    pub(super) const fn new() -> Self {
        Self {
            next: FIRST,
            furthest: None,
        }
    }

    /// How long to wait after a stream that came as far as `reached`, if it followed at all. As long as
    /// nothing new was applied, whatever stands in the way still does.
    pub(super) fn after(&mut self, reached: Option<Version>, recovery: Recovery) -> Duration {
        // No version at all is less than any.
        if self.furthest < reached {
            self.furthest = reached;
            self.next = FIRST;
        }
        let wait = match recovery {
            Recovery::StandBy(look) => return look,
            Recovery::Restart => FIRST,
            Recovery::RenewSlot | Recovery::BackOff => self.next,
        };
        self.next = (self.next * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use bondhu_core::cache::position::{Epoch, Lsn};

    use super::*;

    fn at(lsn: u64) -> Option<Version> {
        Some(Version {
            epoch: Epoch(1),
            lsn: Lsn(lsn),
        })
    }

    fn waits<const N: usize>(pauses: &mut Pauses, reached: Option<Version>) -> [u128; N] {
        [(); N].map(|()| pauses.after(reached, Recovery::BackOff).as_millis())
    }

    #[test]
    fn pauses_grow_to_a_longest_until_something_new_is_applied() {
        let mut pauses = Pauses::new();
        let growing = [250, 500, 1000, 2000, 4000, 5000, 5000];
        assert_eq!(waits(&mut pauses, None), growing);
        assert_eq!(waits(&mut pauses, at(5)), growing);
        assert_eq!(
            waits(&mut pauses, at(5)),
            [5000],
            "the same again is nothing new"
        );
        assert_eq!(waits(&mut pauses, at(4)), [5000], "and less is not");
        assert_eq!(waits(&mut pauses, at(6)), [250, 500]);
        assert_eq!(waits(&mut pauses, None), [1000]);
    }

    #[test]
    fn a_slot_that_is_made_anew_again_and_again_is_made_ever_more_seldom() {
        let mut pauses = Pauses::new();
        let waits = [(); 3].map(|()| pauses.after(None, Recovery::RenewSlot));
        assert!(
            waits.is_sorted_by(|former, next| former < next),
            "{waits:?}"
        );
    }

    #[test]
    fn a_standby_looks_at_its_own_pace_and_a_restart_comes_at_once() {
        let mut pauses = Pauses::new();
        let look = Duration::from_millis(70);
        for _ in 0..10 {
            assert_eq!(pauses.after(None, Recovery::StandBy(look)), look);
        }
        assert_eq!(waits(&mut pauses, None), [250], "standing by is no failure");
        assert_eq!(pauses.after(None, Recovery::Restart), FIRST);
        assert_eq!(
            waits(&mut pauses, None),
            [1000],
            "but a restart counts as one"
        );
    }
}
