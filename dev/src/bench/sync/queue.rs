//! Planning and claiming among a million connections.

use std::time::Instant;

use anyhow::{Result, ensure};
use sqlx::{PgPool, Row as _};

use crate::bench::figures::{Report, median};
use crate::rig::sync::Rig;

const CONNECTIONS: i64 = 1_000_000;
const DUE_IN_A_HUNDRED: i32 = 1;
const BATCH: i64 = 500;
const ROUNDS: usize = 9;

/// Planned are as many as nine tenths of the budget have room for, at twenty requests each; of a window of half a
/// minute for the whole minute.
pub(in crate::bench) const BUDGETS: &str = "update bondhu.provider_settings
    set requests_per_window = case quota_resets when 'rolling' then 2777 else 5555 end";

/// Plans and claims batches, as cron and a worker do; the median round is reported.
pub(super) async fn measure(rig: &Rig, report: &mut Report) -> Result<()> {
    const NAME: &str = "million";
    let database = rig.database(NAME, 0).await?;
    for sql in [include_str!("../../../sql/bench/connections.sql"), BUDGETS] {
        sqlx::raw_sql(sql).execute(&database).await?;
    }
    sqlx::query("select public.bench_connections($1, $2)")
        .bind(CONNECTIONS)
        .bind(DUE_IN_A_HUNDRED)
        .execute(&database)
        .await?;
    sqlx::query("vacuum analyze").execute(&database).await?;

    let (mut plans, mut claims) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plans.push(plan(&database).await?);
        claims.push(claim(&database).await?);
        served(&database).await?;
    }
    database.close().await;
    rig.remove(NAME).await?;
    report.quantity("plan_500_ms", median(plans));
    report.quantity("claim_500_ms", median(claims));
    Ok(())
}

/// Milliseconds to mark a batch as queued.
pub(in crate::bench) async fn plan(database: &PgPool) -> Result<f64> {
    let begun = Instant::now();
    let planned: i64 = sqlx::query_scalar("select bondhu.plan_syncs()")
        .fetch_one(database)
        .await?;
    let took = begun.elapsed();
    ensure!(planned == BATCH, "{planned} connections were planned");
    Ok(took.as_secs_f64() * 1e3)
}

/// Milliseconds to select it and lease it to a worker.
pub(in crate::bench) async fn claim(database: &PgPool) -> Result<f64> {
    let begun = Instant::now();
    let claimed = sqlx::query("select * from bondhu.claim_syncs('bench', $1)")
        .bind(i32::try_from(BATCH)?)
        .fetch_all(database)
        .await?;
    let took = begun.elapsed();
    ensure!(
        claimed.len() as i64 == BATCH && claimed.iter().all(|row| row.len() > 1),
        "{} connections were claimed",
        claimed.len()
    );
    Ok(took.as_secs_f64() * 1e3)
}

/// The worker is done with it.
pub(in crate::bench) async fn served(database: &PgPool) -> Result<()> {
    sqlx::query(
        "select bondhu.complete_sync(j.user_id, j.provider, j.lease_token, 'ok')
         from bondhu.sync_jobs j where j.lease_token is not null",
    )
    .execute(database)
    .await?;
    Ok(())
}
