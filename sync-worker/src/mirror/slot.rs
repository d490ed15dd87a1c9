//! The logical slot: made when missing, renewed when lost, never taken from another mirror.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::time::MissedTickBehavior;

use super::error::MirrorError;
use crate::telemetry::Metrics;
use bondhu_core::cache::position::Lsn;

/// How often a slot is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(5);

/// What `pg_replication_slots` says of a slot.
#[derive(Debug, sqlx::FromRow)]
struct Slot {
    plugin: Option<String>,
    here: Option<bool>,
    active: bool,
    lost: bool,
}

async fn look(connection: &mut PgConnection, name: &str) -> Result<Option<Slot>, sqlx::Error> {
    sqlx::query_as(
        "select plugin::text, database = current_database() as here, active,
                wal_status is not distinct from 'lost' as lost
         from pg_replication_slots where slot_name = $1",
    )
    .bind(name)
    .fetch_optional(connection)
    .await
}

/// Makes the slot unless it exists and can be read. With `renew`, a slot that nobody reads is
/// replaced. A slot that the server has invalidated is replaced in any case: what it still knew is
/// lost either way, and a new epoch reads all of it again.
///
/// # Errors
/// [`MirrorError::SlotTaken`] while somebody reads it. When the slot's name stands for something
/// else, the publication is missing, or the database refuses.
pub(super) async fn ensure(
    connection: &mut PgConnection,
    name: &str,
    publication: &str,
    renew: bool,
) -> Result<(), MirrorError> {
    let published: bool =
        sqlx::query_scalar("select exists (select from pg_publication where pubname = $1)")
            .bind(publication)
            .fetch_one(&mut *connection)
            .await?;
    if !published {
        return Err(MirrorError::NoPublication(publication.to_owned()));
    }
    if let Some(slot) = look(connection, name).await? {
        let fault = match (slot.plugin.as_deref(), slot.here) {
            (Some("pgoutput"), Some(true)) => None,
            (Some("pgoutput"), _) => Some("belongs to another database".to_owned()),
            (Some(plugin), _) => Some(format!("uses plugin {plugin}, not pgoutput")),
            (None, _) => Some("is a physical slot".to_owned()),
        };
        if let Some(fault) = fault {
            return Err(MirrorError::SlotUnusable {
                slot: name.to_owned(),
                fault,
            });
        }
        if slot.active {
            // Found here it costs no replication connection, and no line in the server's log.
            return Err(MirrorError::SlotTaken(name.to_owned()));
        }
        if !(slot.lost || renew) {
            return Ok(());
        }
        tracing::warn!(
            slot = name,
            lost = slot.lost,
            "replacing the replication slot"
        );
        sqlx::query("select pg_drop_replication_slot($1)")
            .bind(name)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("select pg_create_logical_replication_slot($1, 'pgoutput')")
        .bind(name)
        .execute(&mut *connection)
        .await?;
    tracing::info!(slot = name, "made the replication slot");
    Ok(())
}

/// Whether nobody reads the slot, be it there or not.
///
/// # Errors
/// [`MirrorError::SlotTaken`] while somebody does, or when the database does not answer.
pub(super) async fn free(connection: &mut PgConnection, name: &str) -> Result<(), MirrorError> {
    match look(connection, name).await? {
        Some(slot) if slot.active => Err(MirrorError::SlotTaken(name.to_owned())),
        _ => Ok(()),
    }
}

/// Up to where the slot was acknowledged.
///
/// # Errors
/// When the database does not answer or the slot is gone.
pub(super) async fn acknowledged(
    connection: &mut PgConnection,
    name: &str,
) -> Result<Lsn, sqlx::Error> {
    let bytes: i64 = sqlx::query_scalar(
        "select (confirmed_flush_lsn - '0/0'::pg_lsn)::bigint from pg_replication_slots where slot_name = $1",
    )
    .bind(name)
    .fetch_one(connection)
    .await?;
    Ok(Lsn(bytes.cast_unsigned()))
}

/// Tells `metrics` every few seconds how much of the log the slot has to catch up with and how
/// much it keeps on disk, until dropped.
pub(super) async fn watch(database: &PgPool, name: &str, metrics: &Metrics) {
    let mut ticks = tokio::time::interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let sizes: Result<Option<(Option<i64>, Option<i64>)>, _> = sqlx::query_as(
            "select pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint,
                    pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
             from pg_replication_slots where slot_name = $1",
        )
        .bind(name)
        .fetch_optional(database)
        .await;
        match sizes {
            Ok(Some((Some(behind), Some(held)))) => metrics.mirror.slot(behind, held),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the slot was not looked at"),
        }
    }
}

/// Connects for one of the above.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn connect(
    options: &sqlx::postgres::PgConnectOptions,
) -> Result<PgConnection, sqlx::Error> {
    PgConnection::connect_with(options).await
}
