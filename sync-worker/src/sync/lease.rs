//! A lease on one connection. The rules are in `sql/60_providers/90_planner.sql`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgPool, PgTransaction};
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::knowledge::{Knowledge, Known};
use super::outcome::{Outcome, SyncError, Wait};
use super::plan::Plan;
use super::resource::Depth;
use super::share::Share;
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
    /// What the person granted.
    pub(super) scopes: Vec<String>,
    /// What earlier pulls learned.
    pub(super) knowledge: Knowledge,
    /// How much it brings.
    pub(super) depth: Depth,
    /// What it may still send.
    pub(super) share: Share,
}

/// A row of `bondhu.claim_syncs`.
#[derive(sqlx::FromRow)]
struct Claimed {
    user_id: Uuid,
    provider: String,
    lease_token: Uuid,
    checkpoint: serde_json::Value,
    attempts: i32,
    scopes: Vec<String>,
    resources: serde_json::Value,
    library_due: bool,
    requests_left: i32,
    more_at: DateTime<Utc>,
}

/// Claims up to `how_many` connections of `providers`.
pub(super) async fn claim(
    database: &PgPool,
    worker: &str,
    how_many: usize,
    providers: impl Iterator<Item = Provider>,
) -> Result<Vec<Claim>, sqlx::Error> {
    let providers: Vec<&str> = providers.map(Provider::name).collect();
    let rows: Vec<Claimed> = sqlx::query_as("select * from bondhu.claim_syncs($1, $2, $3)")
        .bind(worker)
        .bind(i32::try_from(how_many).unwrap_or(i32::MAX))
        .bind(providers)
        .fetch_all(database)
        .await?;
    rows.into_iter()
        .map(|row| {
            let provider: Provider = row
                .provider
                .parse()
                .map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
            Ok(Claim {
                lease: Lease {
                    owner: Owner {
                        user: row.user_id,
                        provider,
                    },
                    token: row.lease_token,
                },
                checkpoint: Checkpoint::read(row.checkpoint),
                attempts: u32::try_from(row.attempts).unwrap_or(0),
                scopes: row.scopes,
                knowledge: Knowledge::read(row.resources),
                depth: if row.library_due {
                    Depth::Library
                } else {
                    Depth::Plays
                },
                share: Share::new(
                    u32::try_from(row.requests_left).unwrap_or_default(),
                    row.more_at,
                ),
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
        self.hold(database, None, &BTreeMap::new()).await
    }

    /// Begins a write that moves the checkpoint and keeps what was learned of resources.
    pub(super) async fn begin_page(
        &self,
        database: &PgPool,
        checkpoint: &Checkpoint,
        learned: &BTreeMap<&'static str, Known>,
    ) -> Result<PgTransaction<'static>, SyncError> {
        self.hold(database, Some(checkpoint), learned).await
    }

    async fn hold(
        &self,
        database: &PgPool,
        checkpoint: Option<&Checkpoint>,
        learned: &BTreeMap<&'static str, Known>,
    ) -> Result<PgTransaction<'static>, SyncError> {
        let mut transaction = database.begin().await?;
        self.write(&mut transaction, checkpoint, learned).await?;
        Ok(transaction)
    }

    /// Moves the checkpoint and keeps what was learned within a write that has begun.
    pub(super) async fn keep(
        &self,
        transaction: &mut PgTransaction<'static>,
        checkpoint: &Checkpoint,
        learned: &BTreeMap<&'static str, Known>,
    ) -> Result<(), SyncError> {
        self.write(transaction, Some(checkpoint), learned).await
    }

    async fn write(
        &self,
        transaction: &mut PgTransaction<'static>,
        checkpoint: Option<&Checkpoint>,
        learned: &BTreeMap<&'static str, Known>,
    ) -> Result<(), SyncError> {
        let held: bool = sqlx::query_scalar("select bondhu.hold_lease($1, $2, $3, $4, $5)")
            .bind(self.owner.user)
            .bind(self.owner.provider.name())
            .bind(self.token)
            .bind(checkpoint.map(Json))
            .bind(Json(learned))
            .fetch_one(&mut **transaction)
            .await?;
        if held {
            Ok(())
        } else {
            Err(SyncError::LeaseLost)
        }
    }

    /// Ends the lease within a transaction; `sent`: how many requests there were under it, `plan`: what
    /// follows a pull that came to its end.
    pub(super) async fn complete(
        &self,
        transaction: &mut PgTransaction<'static>,
        outcome: &Outcome,
        sent: u32,
        plan: Option<Plan>,
    ) -> Result<(), SyncError> {
        let (seconds, until) = match outcome.wait {
            None => (None, None),
            Some(Wait::For(wait)) => (Some(wait.as_secs_f64()), None),
            Some(Wait::Until(instant)) => (None, Some(instant)),
        };
        let ended: bool = sqlx::query_scalar(
            "select bondhu.complete_sync($1, $2, $3, $4, $5, $6, $7,
                                         coalesce($8, now() + make_interval(secs => $9)), $10, $11, $12, $13)",
        )
        .bind(self.owner.user)
        .bind(self.owner.provider.name())
        .bind(self.token)
        .bind(outcome.status)
        .bind(&outcome.missing)
        .bind(outcome.code.as_deref())
        .bind(outcome.sentence.as_deref())
        .bind(until)
        .bind(seconds)
        .bind(i32::try_from(sent).unwrap_or(i32::MAX))
        .bind(plan.map(|plan| plan.pull_at))
        .bind(plan.and_then(|plan| plan.library_at))
        .bind(plan.and_then(|plan| plan.urgent_from))
        .fetch_one(&mut **transaction)
        .await?;
        if ended {
            Ok(())
        } else {
            Err(SyncError::LeaseLost)
        }
    }
}
