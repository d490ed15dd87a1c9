//! Pulls: how many, how fast, and what the worker uses for them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sqlx::PgPool;

use crate::bench::figures::Report;
use crate::rig::sync::{Rig, settled};
use bondhu_stack::worker::Worker;

/// What a provider takes for an answer.
pub(super) const LATENCY: Duration = Duration::from_millis(150);
/// Everybody in flight at once in the second measurement; eight turns in the first.
pub(super) const PEOPLE: u64 = 64;
/// `BONDHU_SYNC_CONCURRENCY` unless it is set.
const FEW: u64 = 8;
const KNOWN: i64 = 10_000;

const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A pull of everybody.
struct Pulled {
    took: Duration,
    pages: u64,
    processor_time: Duration,
    peak_memory_mb: f64,
}

/// At the default concurrency.
pub(super) async fn few_at_once(rig: &Rig, report: &mut Report) -> Result<()> {
    const NAME: &str = "few";
    let database = rig.database(NAME, PEOPLE).await?;
    sqlx::query("create extension pg_stat_statements")
        .execute(&database)
        .await?;
    let pulled = pull(rig, NAME, &database, &[]).await?;
    let statements: i64 = sqlx::query_scalar(
        "select sum(s.calls)::bigint from pg_stat_statements s
         join pg_database d on d.oid = s.dbid and d.datname = current_database()
         where s.userid = 'bondhu_worker'::regrole",
    )
    .fetch_one(&database)
    .await?;
    database.close().await;
    rig.remove(NAME).await?;

    let pages_per_connection = pulled.pages as f64 / PEOPLE as f64;
    let bound = FEW as f64 / (pages_per_connection * LATENCY.as_secs_f64());
    let rate = PEOPLE as f64 / pulled.took.as_secs_f64();
    report.quantity("pages_per_connection", pages_per_connection);
    report.ratio("connections_per_s", rate);
    report.ratio("latency_bound_ratio", rate / bound);
    report.quantity(
        "cpu_ms_per_connection",
        pulled.processor_time.as_secs_f64() * 1e3 / PEOPLE as f64,
    );
    report.quantity(
        "statements_per_page",
        statements as f64 / pulled.pages as f64,
    );
    Ok(())
}

/// All at once, among many that are not due.
pub(super) async fn many_at_once(rig: &Rig, report: &mut Report) -> Result<()> {
    const NAME: &str = "many";
    let database = rig.database(NAME, PEOPLE).await?;
    sqlx::raw_sql(include_str!("../../../sql/bench/connections.sql"))
        .execute(&database)
        .await?;
    sqlx::query("select public.bench_connections($1, 0)")
        .bind(KNOWN - i64::try_from(PEOPLE)?)
        .execute(&database)
        .await?;
    let concurrency = ("BONDHU_SYNC_CONCURRENCY", PEOPLE.to_string());
    let pulled = pull(rig, NAME, &database, &[concurrency]).await?;
    let known: i64 = sqlx::query_scalar("select count(*) from public.provider_connections")
        .fetch_one(&database)
        .await?;
    ensure!(known == KNOWN, "{known} connections are known");
    database.close().await;
    rig.remove(NAME).await?;
    report.quantity("peak_rss_mb", pulled.peak_memory_mb);
    report.ratio(
        "connections_per_s_64",
        PEOPLE as f64 / pulled.took.as_secs_f64(),
    );
    Ok(())
}

/// Lets a worker pull everything that is due; timed from its first request on.
async fn pull(
    rig: &Rig,
    name: &str,
    database: &PgPool,
    also: &[(&'static str, String)],
) -> Result<Pulled> {
    let calls = rig.standin.calls();
    let mut worker = rig.spawn_worker(name, also)?;
    let begun = first_call(rig, calls, &mut worker).await?;
    let used = worker.processor_time()?;
    settled(database, &mut worker).await?;
    let pulled = Pulled {
        took: begun.elapsed(),
        pages: rig.standin.calls() - calls,
        processor_time: worker.processor_time()? - used,
        peak_memory_mb: worker.memory()?.1 as f64 / 1e6,
    };
    worker.stop();
    Ok(pulled)
}

async fn first_call(rig: &Rig, calls: u64, worker: &mut Worker) -> Result<Instant> {
    while rig.standin.calls() == calls {
        worker.check_running()?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(Instant::now())
}
