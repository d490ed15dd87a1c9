//! A mirror that was away, and what waits for it in the slot.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Bench;
use bondhu_stack::cluster::SUPERUSER;

/// Transactions of one row each, and rows of one transaction.
const TRANSACTIONS: u32 = 200_000;
const ROWS_EACH: u32 = 100;

const FLOOR: &str = "bench_floor";
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Drains both kinds of backlog; returns the worker's highest memory.
pub(super) async fn drain(bench: &mut Bench) -> Result<u64> {
    bench.worker.stop();
    let floor = format!("select pg_create_logical_replication_slot('{FLOOR}', 'pgoutput')");
    sqlx::query(&floor).execute(&bench.database).await?;
    // One row of anybody.
    let clients = 4;
    let each = (TRANSACTIONS / clients).to_string();
    let script = "\\set user random(1, 10000)\n\
        update public.video_preferences set like_count = like_count + 1 where user_id = public.bench_user(:user);\n";
    bench
        .pgbench(
            script,
            &["-c", &clients.to_string(), "-j", "1", "-t", &each],
        )
        .await?;
    let to = bench.written().await?;
    let at_least = recvlogical(bench, to).await?;
    let seconds = catch_up(bench, to).await?;
    let transactions = f64::from(TRANSACTIONS);
    bench
        .report
        .quantity("backlog_tx_s", transactions / seconds);
    bench.report.quantity("floor_tx_s", transactions / at_least);
    bench.report.ratio("backlog_ratio", at_least / seconds);
    bench.rest().await?;
    let (_, first) = bench.worker.memory()?;

    bench.worker.stop();
    let bulk = format!(
        "do $$ begin for i in 1..{ROWS_EACH} loop
           update public.video_preferences set like_count = like_count + 1;
         end loop; end $$"
    );
    sqlx::query(&bulk).execute(&bench.database).await?;
    let to = bench.written().await?;
    let seconds = catch_up(bench, to).await?;
    let rows = f64::from(ROWS_EACH) * f64::from(super::PEOPLE);
    bench.report.quantity("backlog_rows_s", rows / seconds);
    bench.rest().await?;
    let (_, second) = bench.worker.memory()?;
    Ok(first.max(second))
}

/// Seconds from the mirror's start until Redis holds everything before `to`.
async fn catch_up(bench: &mut Bench, to: u64) -> Result<f64> {
    let mut redis = bench.redis().await?;
    ensure!(
        bench.watermark(&mut redis).await? < to,
        "there is no backlog"
    );
    let begun = Instant::now();
    bench.worker = bench.stage.launch("worker", bench.stage.redis_port)?;
    while bench.watermark(&mut redis).await? < to {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds that `pg_recvlogical` takes to throw the same away.
async fn recvlogical(bench: &Bench, to: u64) -> Result<f64> {
    let end = format!("{:X}/{:X}", to >> 32, to & 0xffff_ffff);
    let begun = Instant::now();
    let status = tokio::process::Command::new(bench.stage.program("pg_recvlogical"))
        .args(bench.stage.address())
        .args([
            "-U",
            SUPERUSER,
            "--slot",
            FLOOR,
            "--start",
            "--no-loop",
            "-f",
            "/dev/null",
        ])
        .args([
            "-o",
            "proto_version=1",
            "-o",
            "publication_names=bondhu_mirror",
        ])
        .args(["--endpos", &end])
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await?;
    ensure!(status.success(), "pg_recvlogical failed");
    let seconds = begun.elapsed().as_secs_f64();
    let drop = format!("select pg_drop_replication_slot('{FLOOR}')");
    sqlx::query(&drop).execute(&bench.database).await?;
    Ok(seconds)
}
