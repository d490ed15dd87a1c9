//! Which messages carried most weight in a change.

use crate::decay::{UNIT, weight};
use crate::time::Timestamp;

/// How many of the newest messages are compared, so that the work is bounded.
pub const MOST_CANDIDATES: usize = 15;

/// How many messages are kept as evidence of a change.
pub const MOST_EVIDENCE: usize = 3;

/// A message that may be evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<Id> {
    /// Its id.
    pub id: Id,
    /// When it was written.
    pub created_at: Timestamp,
    /// Its score in hundredths.
    pub score: i64,
}

impl<Id> Candidate<Id> {
    /// Distance of the score from neutral in hundredths, decayed by age; 0 to 50.
    #[must_use]
    pub fn weight(&self, as_of: Timestamp) -> i64 {
        (self.score - 50).abs() * weight(self.created_at.day(), as_of.day()) / UNIT
    }
}

/// Candidates by weight, strongest first; equals by age, newest first, then by id. Each once.
#[must_use]
pub fn ranked<Id: Copy + Ord>(
    mut candidates: Vec<Candidate<Id>>,
    as_of: Timestamp,
) -> Vec<Candidate<Id>> {
    candidates.sort_by_key(|candidate| {
        (
            std::cmp::Reverse((candidate.weight(as_of), candidate.created_at)),
            candidate.id,
        )
    });
    candidates.dedup_by_key(|candidate| candidate.id);
    candidates
}

#[cfg(test)]
mod tests {
    use super::{Candidate, ranked};
    use crate::time::Timestamp;

    #[test]
    fn the_strongest_come_first_and_each_comes_once() {
        let at = |id, created_at, score| Candidate {
            id,
            created_at: Timestamp(created_at),
            score,
        };
        let candidates = vec![at(1, 10, 50), at(2, 10, 0), at(3, 20, 100), at(2, 10, 0)];
        let ids: Vec<_> = ranked(candidates, Timestamp(30))
            .into_iter()
            .map(|candidate| candidate.id)
            .collect();
        assert_eq!(ids, [3, 2, 1]);
    }
}
