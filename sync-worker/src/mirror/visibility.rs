//! Reading only what the stream has announced.
//!
//! The stream can be ahead of visibility: a commit is decoded as soon as it is flushed, while its
//! transaction still counts as running in new snapshots (it waits for a synchronous standby, or
//! just has not left the list of running transactions). A document that is re-read in that moment
//! would miss the very change it is re-read for.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, Transaction};

/// Pauses between looks, doubled each time up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// A read-only transaction in whose snapshot the given transactions are over.
pub(super) struct Reading {
    /// The transaction.
    pub(super) transaction: Transaction<'static, Postgres>,
    /// Nothing that it sees was made after.
    pub(super) as_of: DateTime<Utc>,
    /// Nothing that was made before is missing.
    pub(super) begun: Instant,
}

/// Begins a transaction that sees the given ones.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn begin_seeing(
    database: &PgPool,
    xids: impl Iterator<Item = u32> + Clone,
) -> Result<Reading, sqlx::Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let mut transaction = database
            .begin_with("begin isolation level repeatable read read only")
            .await?;
        let (xmin, xmax, running, as_of): (i64, i64, Vec<i64>, DateTime<Utc>) = sqlx::query_as(
            "select pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint,
                    array(select x::text::bigint from pg_snapshot_xip(s) x), clock_timestamp()
             from pg_current_snapshot() s",
        )
        .fetch_one(&mut *transaction)
        .await?;
        let snapshot = Snapshot {
            xmin,
            xmax,
            running,
        };
        if xids.clone().all(|xid| snapshot.is_over(xid)) {
            return Ok(Reading {
                transaction,
                as_of,
                begun,
            });
        }
        transaction.rollback().await?;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// `pg_current_snapshot()`, in 64-bit transaction ids.
#[derive(Debug)]
struct Snapshot {
    /// Every id before this one is over.
    xmin: i64,
    /// No id from this one on is over.
    xmax: i64,
    /// Of those between, the ones still running.
    running: Vec<i64>,
}

impl Snapshot {
    /// Whether a transaction that the stream named by its low 32 bits is over in this snapshot.
    /// Ids in use lie within 2³¹ of each other, so that the low bits say which is meant.
    fn is_over(&self, xid: u32) -> bool {
        let distance = xid.wrapping_sub(self.xmax as u32).cast_signed();
        let full = self.xmax + i64::from(distance);
        full < self.xmin || (full < self.xmax && !self.running.contains(&full))
    }
}

#[cfg(test)]
mod tests {
    use super::Snapshot;

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
}
