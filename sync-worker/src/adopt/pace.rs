//! How fast old rows come in: people who chat meanwhile do not feel it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A batch holds the rows of its people locked until it commits: whoever writes waits no longer than that.
const BATCH_TAKES: Duration = Duration::from_millis(250);

/// A batch that takes longer is too large for this server: it is tried again with fewer rows.
pub(crate) const BATCH_WITHIN: &str =
    "set local statement_timeout = '30s'; set local lock_timeout = '10s'";

/// The first batch, before it is known how long one takes.
const FIRST_ROWS: u32 = 100;
const MOST_ROWS: u32 = 2_000;
/// One message at least, however slow the server is.
const FEWEST_ROWS: u32 = 1;

/// Tries of one batch, smaller each time, before the import ends with its error.
pub(crate) const TRIES: u32 = 8;

/// Whether the same again may succeed: the server ended it for its time, or somebody was in the way.
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: query canceled, deadlock, serialization failure,
    // lock not available; and an account that was deleted in this moment.
    const CODES: [&str; 5] = ["57014", "40P01", "40001", "55P03", "23503"];
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| CODES.contains(&code.as_ref()))
}

/// The size of the next batch, and the rest after it.
#[derive(Debug)]
pub(crate) struct Pace {
    rows: u32,
    share: u32,
}

impl Pace {
    /// `share`: for how many per cent of the time the import is busy, 1 to 100; the rest of it the
    /// server has for others.
    pub(crate) fn new(share: u8) -> Self {
        Self {
            rows: FIRST_ROWS,
            share: u32::from(share).clamp(1, 100),
        }
    }

    /// How many rows the next batch has at most.
    pub(crate) fn rows(&self) -> i64 {
        self.rows.into()
    }

    /// Learns from a full batch, and rests after it. Ends early when told to stop.
    pub(crate) async fn rest(&mut self, took: Duration, stop: &CancellationToken) {
        self.learn(took);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(self.pause(took)) => {}
        }
    }

    fn pause(&self, took: Duration) -> Duration {
        took * (100 - self.share) / self.share
    }

    /// A batch was ended by the server for its time, or by a deadlock: the next one is smaller.
    pub(crate) fn shrink(&mut self) {
        self.rows = (self.rows / 4).max(FEWEST_ROWS);
    }

    /// Half as many if it took too long, twice as many if it was over long before.
    fn learn(&mut self, took: Duration) {
        if took > BATCH_TAKES {
            self.rows = (self.rows / 2).max(FEWEST_ROWS);
        } else if took < BATCH_TAKES / 4 {
            self.rows = (self.rows * 2).min(MOST_ROWS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_TAKES, Duration, FEWEST_ROWS, MOST_ROWS, Pace};

    #[test]
    fn batches_grow_while_they_are_quick_and_shrink_when_they_are_not() {
        let mut pace = Pace::new(50);
        for _ in 0..20 {
            pace.learn(Duration::from_millis(1));
        }
        assert_eq!(pace.rows(), i64::from(MOST_ROWS));
        pace.learn(BATCH_TAKES * 2);
        assert_eq!(pace.rows(), i64::from(MOST_ROWS) / 2);
        for _ in 0..20 {
            pace.learn(BATCH_TAKES * 2);
        }
        assert_eq!(pace.rows(), i64::from(FEWEST_ROWS));
    }

    #[test]
    fn half_the_time_is_left_to_others() {
        let took = Duration::from_millis(200);
        assert_eq!(Pace::new(50).pause(took), took);
        assert_eq!(Pace::new(20).pause(took), took * 4);
        assert_eq!(Pace::new(100).pause(took), Duration::ZERO);
    }
}
