//! When the slot is acknowledged: some seconds after Redis.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bondhu_core::cache::position::Lsn;

/// How finely acknowledgements are kept apart while they wait.
const STEP: Duration = Duration::from_millis(100);

/// Positions that Redis holds, until they are old enough to be acknowledged: a Redis that fails
/// over to a replica a moment behind is then brought up to date from the slot.
#[derive(Debug)]
pub(super) struct Acknowledgements {
    delay: Duration,
    waiting: VecDeque<(Instant, Lsn)>,
}

impl Acknowledgements {
    /// A position is old enough after `delay`.
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            waiting: VecDeque::new(),
        }
    }

    /// Redis holds everything before `position` since `now`.
    pub(super) fn push(&mut self, now: Instant, position: Lsn) {
        // Not one entry per batch: within a step the last one gives way to the newer.
        if let [.., (before, _), (last, _)] = self.waiting.make_contiguous()
            && last.duration_since(*before) < STEP
        {
            self.waiting.pop_back();
        }
        self.waiting.push_back((now, position));
    }

    /// Up to where everything is old enough `now`, if that is further than before. `now` is when Redis has
    /// just shown that it is as it was left: one that failed over meanwhile acknowledges nothing.
    pub(super) fn due(&mut self, now: Instant) -> Option<Lsn> {
        let mut due = None;
        while let Some((since, position)) = self.waiting.front()
            && now.duration_since(*since) >= self.delay
        {
            due = Some(*position);
            self.waiting.pop_front();
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_acknowledged_only_once_redis_has_held_it_for_the_delay() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut waiting = Acknowledgements::new(Duration::from_secs(5));
        waiting.push(at(0), Lsn(10));
        waiting.push(at(1000), Lsn(20));
        assert_eq!(waiting.due(at(4999)), None);
        assert_eq!(waiting.due(at(5000)), Some(Lsn(10)));
        assert_eq!(waiting.due(at(9000)), Some(Lsn(20)));
        assert_eq!(waiting.due(at(9000)), None);
    }

    #[test]
    fn a_torrent_of_positions_is_thinned_and_none_is_early() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut waiting = Acknowledgements::new(Duration::from_secs(5));
        for ms in 0..10_000 {
            waiting.push(at(ms), Lsn(ms));
        }
        assert!(waiting.waiting.len() <= 200, "{}", waiting.waiting.len());
        let due = waiting.due(at(10_000));
        assert!(
            due.is_some_and(|position| (4_800..=5_000).contains(&position.0)),
            "{due:?}"
        );
    }
}
