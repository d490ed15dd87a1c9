//! When a connection is due next: what the database knows, put to [`bondhu_core::planning`].

use bondhu_core::planning::{Cadence, NextPull, Pulled};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;

use super::resource::Depth;
use crate::vault::Owner;

/// What follows a pull that came to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// When the next one is due.
    pub(super) pull_at: DateTime<Utc>,
    /// From when on a pull walks everything; `None` unless this one did.
    pub(super) library_at: Option<DateTime<Utc>>,
    /// From when on it goes before what is merely due.
    pub(super) urgent_from: Option<DateTime<Utc>>,
}

/// The row of `bondhu.planning_facts`, and when it was read by the database's own clock.
#[derive(sqlx::FromRow)]
struct Facts {
    now: DateTime<Utc>,
    last_active_at: DateTime<Utc>,
    sync_interval_minutes: i32,
    library_interval_minutes: Option<i32>,
    retention_days: Option<i32>,
    urgent_from: Option<DateTime<Utc>>,
}

/// Decides when a connection is due next. `None`: it is gone.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn plan(
    transaction: &mut PgTransaction<'static>,
    owner: Owner,
    depth: Depth,
    is_whole: bool,
) -> Result<Option<Plan>, sqlx::Error> {
    let facts: Option<Facts> =
        sqlx::query_as("select now() as now, f.* from bondhu.planning_facts($1, $2) f")
            .bind(owner.user)
            .bind(owner.provider.name())
            .fetch_optional(&mut **transaction)
            .await?;
    Ok(facts.and_then(|facts| facts.plan(depth, is_whole, rand::random())))
}

impl Facts {
    fn plan(&self, depth: Depth, is_whole: bool, jitter: u32) -> Option<Plan> {
        let minutes = |minutes: i32| i64::from(minutes) * 60;
        let cadence = Cadence {
            interval: minutes(self.sync_interval_minutes),
            library_interval: self.library_interval_minutes.map(minutes),
            retention: self.retention_days.map(|days| i64::from(days) * 86_400),
        };
        let pulled = Pulled {
            now: self.now.timestamp(),
            last_active: self.last_active_at.timestamp(),
            walked_all: depth == Depth::Library,
            is_whole,
            urgent_from: self.urgent_from.map(|at| at.timestamp()),
        };
        let NextPull {
            pull_at,
            library_at,
            urgent_from,
        } = cadence.next_pull(pulled, jitter);
        let instant = |at: i64| DateTime::from_timestamp(at, 0);
        Some(Plan {
            pull_at: instant(pull_at)?,
            library_at: library_at.and_then(instant),
            urgent_from: urgent_from.and_then(instant),
        })
    }
}
