//! A sign that the stream keeps up.
//!
//! Twice a second a small message is written to the log. The stream does not bring it: how far the
//! stream has come says whether everything committed before it has arrived, even when nothing else
//! happens or everything that happens is not published. Which position stands for which instant is
//! known to this process alone, so that nobody else's message can be taken for one of these.

use std::time::Duration;

use chrono::Utc;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use bondhu_core::cache::position::Lsn;

const PREFIX: &str = "bondhu.mirror";

/// The watermark has to be written at least once a second.
const EVERY: Duration = Duration::from_millis(500);

/// A position and an instant: everything committed before the instant lies before the position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beat {
    /// The position.
    pub position: Lsn,
    /// The instant in Unix ms, by the slower of Postgres' and this worker's clocks.
    pub at_ms: i64,
}

/// Sends heartbeats until dropped. A failure is no matter of its own: the watermark stops moving,
/// and readers go to Postgres.
pub(super) async fn beat(database: PgPool, beats: mpsc::Sender<Beat>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Both instants are taken before the message is written.
        let here = Utc::now().timestamp_millis();
        let written: Result<(i64, i64), _> = sqlx::query_as(
            "select (pg_logical_emit_message(false, $1, '') - '0/0'::pg_lsn)::bigint,
                    (extract(epoch from statement_timestamp()) * 1000)::bigint",
        )
        .bind(PREFIX)
        .fetch_one(&database)
        .await;
        match written {
            Ok((position, there)) => {
                let beat = Beat {
                    position: Lsn(position.cast_unsigned()),
                    at_ms: here.min(there),
                };
                // If nobody listens the stream has ended, and this with it.
                beats.send(beat).await.ok();
            }
            Err(error) => tracing::debug!(%error, "no heartbeat"),
        }
    }
}

/// Has whichever mirror leads move past everything that the log holds now: the message is part of
/// a transaction, whose commit is flushed at once, and the server tells how far it is once it has
/// read that.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn nudge(database: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_logical_emit_message(true, $1, '')")
        .bind(PREFIX)
        .execute(database)
        .await?;
    Ok(())
}
