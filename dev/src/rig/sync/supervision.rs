//! Letting time pass, and waiting until every connection is in sync.

use std::time::Duration;

use anyhow::{Result, bail};
use sqlx::PgPool;

use bondhu_stack::wait;
use bondhu_stack::worker::Worker;

const SETTLED_WITHIN: Duration = Duration::from_secs(240);

/// What ends a wait: back-offs, blocks, schedules; and leases that nobody has extended for
/// seconds, which are those of workers that are gone. One transaction each, so that no two of
/// their locks are held at once.
const TIME_PASSES: [&str; 5] = [
    "update bondhu.provider_settings set blocked_until = null, blocked_reason = null
     where blocked_until is not null",
    "update bondhu.sync_jobs set not_before = null where not_before is not null",
    "update bondhu.sync_jobs j set lease_expires_at = now() - interval '1 second'
     from bondhu.settings s
     where j.lease_expires_at between now() and now() + make_interval(secs => s.lease_seconds - 3)",
    "update public.provider_connections set next_sync_at = now()
     where status in ('pending', 'partial', 'failing') and next_sync_at > now()",
    "select bondhu.plan_syncs()",
];

/// Ends the leases of a worker that is known to be dead.
///
/// # Errors
/// Postgres does not answer.
pub async fn abandon_leases(database: &PgPool) -> sqlx::Result<()> {
    sqlx::query(
        "update bondhu.sync_jobs set lease_expires_at = now() - interval '1 second'
         where lease_token is not null",
    )
    .execute(database)
    .await?;
    Ok(())
}

/// How many connections are not `ok`.
///
/// # Errors
/// Postgres does not answer, or one can never be again: somebody would have to consent anew.
pub async fn unsettled(database: &PgPool) -> Result<i64> {
    let (unsettled, lost): (i64, Option<String>) = sqlx::query_as(
        "select count(*) filter (where status <> 'ok'),
                min(last_error) filter (where status in ('needs_reauth', 'disconnected'))
         from public.provider_connections",
    )
    .fetch_one(database)
    .await?;
    match lost {
        Some(why) => bail!("a connection was given up: {why}"),
        None => Ok(unsettled),
    }
}

/// Lets all waits end until every connection is `ok`.
///
/// # Errors
/// They do not become so, or the worker ends by itself.
pub async fn settled(database: &PgPool, worker: &mut Worker) -> Result<()> {
    wait::until(
        "all connections to be in sync",
        SETTLED_WITHIN,
        async || {
            worker.check_running()?;
            let look = async {
                for statement in TIME_PASSES {
                    sqlx::query(statement).execute(database).await?;
                }
                unsettled(database).await
            };
            Ok(match look.await {
                Ok(0) => Ok(()),
                Ok(left) => Err(format!("{left} are not")),
                // Postgres may be restarting.
                Err(error) => match error.downcast_ref::<sqlx::Error>() {
                    Some(_) => Err(error.to_string()),
                    None => return Err(error),
                },
            })
        },
    )
    .await
}
