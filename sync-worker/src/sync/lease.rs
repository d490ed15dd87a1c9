//! A lease on one connection. The rules are in `sql/70_planner.sql`.

use chrono::{DateTime, Utc};
use sqlx::{PgPool, PgTransaction};
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::outcome::{Outcome, SyncError};
use crate::provider::Provider;
use crate::vault::Owner;

/// The right to work on one connection, for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) owner: Owner,
    pub(super) token: Uuid,
}

/// A claimed connection.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) lease: Lease,
    pub(super) checkpoint: Checkpoint,
    /// Tries that failed before this one.
    pub(super) attempts: u32,
}

/// Claims up to `how_many` connections.
pub(super) async fn claim(
    database: &PgPool,
    worker: &str,
    how_many: usize,
) -> Result<Vec<Claim>, sqlx::Error> {
    let rows: Vec<(Uuid, String, Uuid, serde_json::Value, i32)> = sqlx::query_as(
        "select user_id, provider, lease_token, checkpoint, attempts from bondhu.claim_syncs($1, $2)",
    )
    .bind(worker)
    .bind(i32::try_from(how_many).unwrap_or(i32::MAX))
    .fetch_all(database)
    .await?;
    rows.into_iter()
        .map(|(user, provider, token, checkpoint, attempts)| {
            let provider: Provider = provider
                .parse()
                .map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
            Ok(Claim {
                lease: Lease {
                    owner: Owner { user, provider },
                    token,
                },
                checkpoint: Checkpoint::read(checkpoint),
                attempts: u32::try_from(attempts).unwrap_or(0),
            })
        })
        .collect()
}

impl Lease {
    /// Begins a write under the lease. It holds until the transaction ends.
    pub(super) async fn begin(
        &self,
        database: &PgPool,
    ) -> Result<PgTransaction<'static>, SyncError> {
        self.hold(database, None).await
    }

    /// Begins a write that moves the checkpoint.
    pub(super) async fn begin_page(
        &self,
        database: &PgPool,
        checkpoint: &Checkpoint,
    ) -> Result<PgTransaction<'static>, SyncError> {
        self.hold(database, Some(checkpoint)).await
    }

    async fn hold(
        &self,
        database: &PgPool,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<PgTransaction<'static>, SyncError> {
        let mut transaction = database.begin().await?;
        let held: bool = sqlx::query_scalar("select bondhu.hold_lease($1, $2, $3, $4)")
            .bind(self.owner.user)
            .bind(self.owner.provider.name())
            .bind(self.token)
            .bind(checkpoint.map(sqlx::types::Json))
            .fetch_one(&mut *transaction)
            .await?;
        if held {
            Ok(transaction)
        } else {
            Err(SyncError::LeaseLost)
        }
    }

    /// Ends the lease within a transaction.
    pub(super) async fn complete(
        &self,
        transaction: &mut PgTransaction<'static>,
        outcome: &Outcome,
    ) -> Result<(), SyncError> {
        let ended: bool =
            sqlx::query_scalar("select bondhu.complete_sync($1, $2, $3, $4, $5, $6, $7, $8)")
                .bind(self.owner.user)
                .bind(self.owner.provider.name())
                .bind(self.token)
                .bind(outcome.status)
                .bind(&outcome.missing)
                .bind(outcome.code.as_deref())
                .bind(outcome.sentence.as_deref())
                .bind(outcome.not_before)
                .fetch_one(&mut **transaction)
                .await?;
        if ended {
            Ok(())
        } else {
            Err(SyncError::LeaseLost)
        }
    }
}

/// Stops a provider for everybody; returns when it goes on.
pub(super) async fn block_provider(
    database: &PgPool,
    provider: Provider,
    until: Option<DateTime<Utc>>,
    reason: &str,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select bondhu.block_provider($1, $2, $3)")
        .bind(provider.name())
        .bind(until)
        .bind(reason)
        .fetch_one(database)
        .await
}
