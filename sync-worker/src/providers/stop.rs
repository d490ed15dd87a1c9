//! Stopping a provider for everybody, and telling the operator.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::ProviderError;
use crate::provider::Provider;

/// Stops a provider after it refused the whole app: as long as it wishes, else until its quota
/// resets or for an hour. `doctor` and `bondhu.quota` show until when and why.
pub(crate) async fn stop_provider(database: &PgPool, provider: Provider, error: &ProviderError) {
    // By the clock of the database, which asks whether it is over.
    let stopped: Result<Option<DateTime<Utc>>, _> = sqlx::query_scalar(
        "select bondhu.block_provider($1, now() + make_interval(secs => $2), $3)",
    )
    .bind(provider.name())
    .bind(error.retry_after.map(|wait| wait.as_secs_f64()))
    .bind(error.to_string())
    .fetch_one(database)
    .await;
    match stopped {
        Ok(until) => {
            tracing::error!(%provider, ?until, %error, "the provider refuses this app: stopped for everybody");
        }
        Err(failed) => tracing::error!(%provider, %error, %failed, "cannot stop the provider"),
    }
}
