//! The loop: plan, claim, pull, until told to stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bondhu_core::retry::{RetryPolicy, back_off};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::account;
use super::context::SyncContext;
use super::lease::{Claim, claim};
use super::load;
use super::outcome::{Outcome, SyncError, is_of_data};
use super::pull::Pull;
use super::revoke::revoke_due;
use super::session::Session;
use crate::providers::stop_provider;

/// How often an idle worker looks for queued connections.
const POLL: Duration = Duration::from_secs(1);

/// How often a worker plans where pg_cron does not, revokes, and measures what waits.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Lots of a hundred people whose moods are counted anew in one minute at most.
const MOST_LOTS: usize = 500;

/// Pause after the database did not answer.
const RECOVERY: Duration = Duration::from_secs(5);

/// Syncs until `stop`. Connections under way are given back at their next page.
pub async fn run(context: Arc<SyncContext>, stop: CancellationToken) {
    tokio::join!(
        pull_what_is_queued(&context, &stop),
        housekeeping(&context, &stop)
    );
}

/// While the database does not answer there is nothing to do but try again.
async fn pull_what_is_queued(context: &Arc<SyncContext>, stop: &CancellationToken) {
    let mut running = JoinSet::new();
    let mut poll = patient_interval(POLL);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = running.join_next() => {}
            _ = poll.tick() => {}
        }
        if let Err(error) = claim_more(context, &mut running, stop).await {
            tracing::warn!(%error, "cannot look for work; trying again");
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(RECOVERY) => {}
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Does what is due each minute, beside the pulls: no provider that takes its time holds those up.
async fn housekeeping(context: &SyncContext, stop: &CancellationToken) {
    let mut minute = patient_interval(HOUSEKEEPING);
    let kept = async {
        loop {
            minute.tick().await;
            if let Err(error) = each_minute(context).await {
                tracing::warn!(%error, "planning, revoking or measuring waits for the next minute");
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = kept => {}
    }
}

async fn each_minute(context: &SyncContext) -> Result<(), sqlx::Error> {
    plan_without_cron(&context.database).await?;
    forget_consents(&context.database).await?;
    go_on_without_cron(&context.database).await?;
    revoke_due(context).await?;
    load::measure(&context.database, &context.metrics).await
}

/// Ticks at once, then every `period`; a late tick is not made up for.
fn patient_interval(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}

/// Syncs what is due now; returns how many connections that were.
///
/// # Errors
/// When the database does not answer.
pub async fn run_once(
    context: Arc<SyncContext>,
    stop: CancellationToken,
) -> Result<u64, sqlx::Error> {
    sqlx::query("select bondhu.plan_syncs()")
        .execute(&context.database)
        .await?;
    forget_consents(&context.database).await?;
    revoke_due(&context).await?;
    let mut running = JoinSet::new();
    let mut synced = 0;
    loop {
        let claimed = if stop.is_cancelled() {
            0
        } else {
            claim_more(&context, &mut running, &stop).await?
        };
        synced += claimed as u64;
        if running.join_next().await.is_none() && claimed == 0 {
            return Ok(synced);
        }
    }
}

async fn plan_without_cron(database: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("select bondhu.plan_syncs() where not bondhu.cron_plans_syncs()")
        .execute(database)
        .await?;
    Ok(())
}

/// With what people chose, with erasing, and with what rises among them.
async fn go_on_without_cron(database: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("select bondhu.keep_choices() where not bondhu.cron_plans_syncs()")
        .execute(database)
        .await?;
    sqlx::query("select bondhu.go_on_erasing() where not bondhu.cron_plans_syncs()")
        .execute(database)
        .await?;
    // In lots: who withdraws waits for one of them at most.
    for _ in 0..MOST_LOTS {
        let counted: Option<i32> = sqlx::query_scalar(
            "select bondhu.refresh_trending() where not bondhu.cron_plans_syncs()",
        )
        .fetch_optional(database)
        .await?;
        if counted.unwrap_or(0) == 0 {
            break;
        }
    }
    Ok(())
}

/// pg_cron does it too, where there is one.
async fn forget_consents(database: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("select bondhu.forget_consents()")
        .execute(database)
        .await?;
    Ok(())
}

async fn claim_more(
    context: &Arc<SyncContext>,
    running: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<usize, sqlx::Error> {
    let room = context.concurrency.saturating_sub(running.len());
    if room == 0 {
        return Ok(0);
    }
    let providers = context.clients.providers();
    let claims = claim(&context.database, &context.worker, room, providers).await?;
    let claimed = claims.len();
    for claim in claims {
        let (context, stop) = (Arc::clone(context), stop.clone());
        running.spawn(async move { work(&context, claim, &stop).await });
    }
    Ok(claimed)
}

/// Works on one claim. Whatever happens ends in the connection's status, or, when the
/// database is away, in a lease that runs out.
async fn work(context: &SyncContext, mut claim: Claim, stop: &CancellationToken) {
    let owner = claim.lease.owner;
    let error = match pull_claim(context, &mut claim, stop).await {
        Ok(status) => {
            tracing::info!(user = %owner.user, provider = %owner.provider, status, "synced");
            context.metrics.sync.ended(owner.provider, status);
            return;
        }
        Err(error) => error,
    };
    let Some(outcome) = outcome_of(context, &claim, &error).await else {
        tracing::warn!(user = %owner.user, provider = %owner.provider, %error, "a sync was dropped");
        return;
    };
    tracing::warn!(user = %owner.user, provider = %owner.provider, %error, status = outcome.status, "a sync did not finish");
    context.metrics.sync.ended(owner.provider, outcome.status);
    let completed = async {
        let mut transaction = context.database.begin().await?;
        let sent = claim.share.sent();
        claim
            .lease
            .complete(&mut transaction, &outcome, sent, None)
            .await?;
        transaction.commit().await.map_err(SyncError::from)
    };
    if let Err(error) = completed.await {
        tracing::warn!(user = %owner.user, provider = %owner.provider, %error, "the lease is left to run out");
    }
}

async fn pull_claim(
    context: &SyncContext,
    claim: &mut Claim,
    stop: &CancellationToken,
) -> Result<&'static str, SyncError> {
    let provider = claim.lease.owner.provider;
    let client = context.clients.get(provider).ok_or_else(|| {
        SyncError::NotSetUp(format!(
            "{} is not set up on this server.",
            provider.display_name()
        ))
    })?;
    let mut session = Session::new(context, client, &claim.share, claim.lease);
    account::settle(&mut session).await?;
    let mut pull = Pull {
        session,
        checkpoint: &mut claim.checkpoint,
        knowledge: &claim.knowledge,
        learned: BTreeMap::new(),
        scopes: &claim.scopes,
        depth: claim.depth,
        attempts: claim.attempts,
        silent: Vec::new(),
        stop,
    };
    pull.run().await
}

/// What to tell the connection; `None` when the lease or the database is gone.
async fn outcome_of(context: &SyncContext, claim: &Claim, error: &SyncError) -> Option<Outcome> {
    let provider = claim.lease.owner.provider;
    let jitter = rand::random();
    let unstorable = || {
        Outcome::unusable(
            "not_storable",
            format!(
                "{} sent something that could not be stored; the next try is scheduled.",
                provider.display_name()
            ),
            back_off(claim.attempts, jitter),
        )
    };
    match error {
        SyncError::Provider(error) => {
            if error.failure.policy() == RetryPolicy::StopProvider {
                stop_provider(&context.database, provider, error).await;
            }
            Some(Outcome::failed(provider, error, claim.attempts, jitter))
        }
        SyncError::Vault(error) => Some(Outcome::unusable(
            "token_unreadable",
            format!("The stored access cannot be used ({error}). Link the account again."),
            back_off(claim.attempts, jitter),
        )),
        SyncError::NotSetUp(sentence) => Some(Outcome::unusable(
            "not_set_up",
            sentence.clone(),
            back_off(claim.attempts, jitter),
        )),
        SyncError::Stopping => Some(Outcome::given_back(None)),
        SyncError::BudgetSpent(until) => Some(Outcome::budget_spent(provider, *until)),
        SyncError::EnoughForNow(wait) => Some(Outcome::given_back(Some(*wait))),
        SyncError::Unstorable(_) => Some(unstorable()),
        SyncError::Database(error) if is_of_data(error) => Some(unstorable()),
        SyncError::Database(_) | SyncError::LeaseLost => None,
    }
}
