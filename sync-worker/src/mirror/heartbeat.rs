//! A word to ourselves through the stream.
//!
//! Twice a second a small message is written to the log and comes back in its place among the
//! commits. Seeing it proves that everything committed before it was written has arrived, even when
//! nothing else happens or everything that happens is not published.

use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use sqlx::PgPool;
use tokio::time::MissedTickBehavior;

const PREFIX: &str = "bondhu.mirror";

/// The watermark has to be written at least once a second.
const EVERY: Duration = Duration::from_millis(500);

/// Sends heartbeats until dropped. A failure is no matter of its own: the watermark stops moving,
/// and readers go to Postgres.
pub(super) async fn beat(database: PgPool) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // The instant is taken before the message is written: what it proves, it proves as of then.
        let sent = sqlx::query("select pg_logical_emit_message(false, $1, $2)")
            .bind(PREFIX)
            .bind(Utc::now().timestamp_millis().to_string())
            .execute(&database)
            .await;
        if let Err(error) = sent {
            tracing::debug!(%error, "no heartbeat");
        }
    }
}

/// Has whichever mirror leads move past everything that the log holds now: the message is part of
/// a transaction, whose commit is flushed at once. It says no instant, since the mirror's clock may
/// be another one.
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

/// When a message of the stream was sent (Unix ms), if it is a heartbeat and says so.
pub(super) fn sent_at_ms(prefix: &str, content: &Bytes) -> Option<i64> {
    if prefix == PREFIX {
        std::str::from_utf8(content).ok()?.parse().ok()
    } else {
        None
    }
}
