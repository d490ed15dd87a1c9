//! The ledger and the queue, as metrics.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::provider::Provider;
use crate::telemetry::{Metrics, ProviderBudget, SyncQueue};

#[derive(sqlx::FromRow)]
struct Row {
    provider: String,
    requests_left: i64,
    blocked_until: Option<DateTime<Utc>>,
    queued: i64,
    syncing: i64,
    backing_off: i64,
}

/// Reads `bondhu.quota` and `bondhu.sync_load` into the metrics.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn measure(database: &PgPool, metrics: &Metrics) -> Result<(), sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select provider, requests_left, blocked_until, queued, syncing, backing_off
         from bondhu.quota join bondhu.sync_load using (provider)",
    )
    .fetch_all(database)
    .await?;
    for row in rows {
        let Ok(provider) = row.provider.parse::<Provider>() else {
            continue;
        };
        let budget = ProviderBudget {
            requests_left: row.requests_left,
            blocked_until: row.blocked_until.map_or(0, |until| until.timestamp()),
        };
        metrics.providers.budget(provider, budget);
        let queue = SyncQueue {
            queued: row.queued,
            under_way: row.syncing,
            backing_off: row.backing_off,
        };
        metrics.sync.queue(provider, queue);
    }
    Ok(())
}
