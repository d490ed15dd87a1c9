//! Reading only what the stream has announced.
//!
//! The stream can be ahead of visibility: a commit is decoded as soon as it is flushed, while its
//! transaction still counts as running in new snapshots (it waits for a synchronous standby, or
//! just has not left the list of running transactions). A document that is re-read in that moment
//! would miss the very change it is re-read for.

use std::str::FromStr;

/// `pg_current_snapshot()`, in 64-bit transaction ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Every id before this one is over.
    xmin: i64,
    /// No id from this one on is over.
    xmax: i64,
    /// Of those between, the ones still running.
    running: Vec<i64>,
}

/// A text is no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a snapshot such as 10:20:10,14,15")]
pub(super) struct SnapshotError;

impl FromStr for Snapshot {
    type Err = SnapshotError;

    /// <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT>
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = |text: &str| text.parse().map_err(|_| SnapshotError);
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(SnapshotError);
        Ok(Self {
            xmin: id(part()?)?,
            xmax: id(part()?)?,
            running: match part()? {
                "" => Vec::new(),
                ids => ids.split(',').map(id).collect::<Result<_, _>>()?,
            },
        })
    }
}

impl Snapshot {
    /// Whether a transaction that the stream named by its low 32 bits is over in this snapshot.
    /// Ids in use lie within 2³¹ of each other, so that the low bits say which is meant.
    pub(super) fn is_over(&self, xid: u32) -> bool {
        let distance = xid.wrapping_sub(self.xmax as u32).cast_signed();
        let full = self.xmax + i64::from(distance);
        full < self.xmin || (full < self.xmax && !self.running.contains(&full))
    }
}

#[cfg(test)]
mod tests {
    use super::{Snapshot, SnapshotError};

    #[test]
    fn a_transaction_is_over_when_it_is_neither_running_nor_to_come() {
        let snapshot = Snapshot {
            xmin: 100,
            xmax: 105,
            running: vec![100, 103],
        };
        let over: Vec<u32> = (98..107).filter(|xid| snapshot.is_over(*xid)).collect();
        assert_eq!(over, [98, 99, 101, 102, 104]);
    }

    #[test]
    fn ids_are_told_apart_across_the_wrap_of_their_low_bits() {
        let wrap = 1_i64 << 32;
        let snapshot = Snapshot {
            xmin: wrap - 2,
            xmax: wrap + 3,
            running: vec![wrap - 2, wrap + 1],
        };
        assert!(snapshot.is_over(u32::MAX), "one before the wrap is over");
        assert!(!snapshot.is_over(u32::MAX - 1), "the one that runs is not");
        assert!(snapshot.is_over(0));
        assert!(!snapshot.is_over(1));
        assert!(!snapshot.is_over(3), "what has not begun is not over");
    }

    #[test]
    fn a_snapshot_is_read_as_postgres_writes_it() {
        let snapshot = |xmin, xmax, running: &[i64]| Snapshot {
            xmin,
            xmax,
            running: running.to_vec(),
        };
        assert_eq!("10:10:".parse(), Ok(snapshot(10, 10, &[])));
        assert_eq!("10:20:10,14".parse(), Ok(snapshot(10, 20, &[10, 14])));
        for text in ["", "10", "10:20", "10:20:x", "10:20:1,"] {
            assert_eq!(text.parse::<Snapshot>(), Err(SnapshotError), "{text}");
        }
    }
}
