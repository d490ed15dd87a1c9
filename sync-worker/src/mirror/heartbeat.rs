//! Proof that the stream keeps up.
//!
//! How far the log is written, asked once the clock was read, stands for an instant: everything committed
//! before the instant lies before that position. The server tells twice a second how far the stream has
//! come, so that both together say whether everything committed before the instant has arrived, even when
//! nothing happens or everything that happens is not published. Nothing is written for that. Only a position
//! that the stream does not come to (the end of a log that nobody has flushed, or the start of an empty
//! page) is moved on by a small message, which the stream does not bring. Which position stands for which
//! instant is known to this process alone, so that nobody else's message can be taken for one of these.
//!
//! Proof costs Redis a command only when the watermark is renewed by it: when half of the time is over for
//! which readers trust it, when documents are written anyway, and when a reader asks.

use std::time::{Duration, Instant};

use chrono::Utc;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::MissedTickBehavior;

use bondhu_core::cache::position::Lsn;

const PREFIX: &str = "bondhu.mirror";

/// Where readers ask for proof.
const CHANNEL: &str = "bondhu_mirror";

/// After a failure readers are listened to again.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A watermark is renewed once this part of its time is over: the other is for what may delay it.
const RENEWALS_WITHIN_FRESHNESS: u32 = 2;

/// So often is it proved meanwhile: how much later than due a renewal may come.
const BEATS_WITHIN_FRESHNESS: u32 = 10;

/// With a minute, a day's renewals are no more than 3,000 commands.
const _: () = assert!(24 * 60 * RENEWALS_WITHIN_FRESHNESS <= 3_000);

/// How old the proof in a watermark is, at least, when one is written for nothing else.
#[must_use]
pub fn renewed_after(freshness: Duration) -> Duration {
    freshness / RENEWALS_WITHIN_FRESHNESS
}

/// A position and an instant: everything committed before the instant lies before the position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beat {
    /// The position.
    pub position: Lsn,
    /// The instant in Unix ms, by the slower of Postgres' and this worker's clocks.
    pub at_ms: i64,
    /// The same, by a clock that nobody sets.
    pub taken: Instant,
    /// A reader waits for it.
    pub asked: bool,
}

/// What the intake has of the heartbeats.
pub(super) struct Heard {
    /// As they come.
    pub beats: mpsc::Receiver<Beat>,
    /// Takes how far the stream has come.
    pub reached: watch::Sender<Lsn>,
}

/// Sends heartbeats.
pub(super) struct Heart {
    database: PgPool,
    every: Duration,
    beats: mpsc::Sender<Beat>,
    reached: watch::Receiver<Lsn>,
}

impl Heart {
    /// For a watermark that is trusted for `freshness`.
    pub(super) fn new(database: PgPool, freshness: Duration) -> (Self, Heard) {
        let (sending, beats) = mpsc::channel(1);
        let (reached, reading) = watch::channel(Lsn::default());
        let heart = Self {
            database,
            every: freshness / BEATS_WITHIN_FRESHNESS,
            beats: sending,
            reached: reading,
        };
        (heart, Heard { beats, reached })
    }

    /// Beats until dropped, at its pace and whenever a reader asks. A failure is no matter of its own:
    /// the watermark stops moving, and readers go to Postgres.
    pub(super) async fn beat(self) {
        let asks = Notify::new();
        tokio::select! {
            () = listen(&self.database, &asks) => {}
            () = self.beat_and_answer(&asks) => {}
        }
    }

    async fn beat_and_answer(&self, asks: &Notify) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Lsn::default();
        let mut is_failing = false;
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                () = asks.notified() => true,
            };
            // Who asks has written to the log, and waits for no more than that.
            let stuck = !asked && *self.reached.borrow() < last;
            // Both instants are taken before the position.
            let (taken, here) = (Instant::now(), Utc::now().timestamp_millis());
            match position(&self.database, stuck).await {
                Ok((position, there)) => {
                    last = position;
                    is_failing = false;
                    let beat = Beat {
                        position,
                        at_ms: here.min(there),
                        taken,
                        asked,
                    };
                    // If nobody listens the stream has ended, and this with it.
                    self.beats.send(beat).await.ok();
                }
                Err(error) if is_failing => tracing::debug!(%error, "no heartbeat"),
                Err(error) => {
                    is_failing = true;
                    tracing::warn!(%error, "no heartbeat: readers go to Postgres until there is one");
                }
            }
        }
    }
}

/// How far the log is written, with `moved_on` after a message, and Postgres' clock before that in Unix
/// ms. What commits without waiting for the disk lies before it, too, so it is not what is flushed.
async fn position(database: &PgPool, moved_on: bool) -> Result<(Lsn, i64), sqlx::Error> {
    let ask = if moved_on {
        sqlx::query_as(
            "select (pg_logical_emit_message(false, $1, '') - '0/0'::pg_lsn)::bigint,
                    (extract(epoch from statement_timestamp()) * 1000)::bigint",
        )
        .bind(PREFIX)
    } else {
        sqlx::query_as(
            "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint,
                    (extract(epoch from statement_timestamp()) * 1000)::bigint",
        )
    };
    let (position, at_ms): (i64, i64) = ask.fetch_one(database).await?;
    Ok((Lsn(position.cast_unsigned()), at_ms))
}

/// Hands on what readers ask for, however many ask at once.
async fn listen(database: &PgPool, asks: &Notify) {
    loop {
        if let Err(error) = hear(database, asks).await {
            tracing::debug!(%error, "readers who ask for proof are not heard");
        }
        tokio::time::sleep(LISTEN_AGAIN_AFTER).await;
    }
}

async fn hear(database: &PgPool, asks: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(database).await?;
    listener.listen(CHANNEL).await?;
    loop {
        listener.recv().await?;
        asks.notify_one();
    }
}

/// Asks whichever mirror leads for proof that it has moved past everything that the log holds now. The
/// message has the commit flush the log at once, which a notice alone does not, and the server tells how far
/// it is once it has read that.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn nudge(database: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_logical_emit_message(true, $1, ''), pg_notify($2, '')")
        .bind(PREFIX)
        .bind(CHANNEL)
        .execute(database)
        .await?;
    Ok(())
}
