//! A mirror that was away, and what waits for it in the slot.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::measurement::{Measurement, PEOPLE};
use crate::soak::mirror::rest;
use bondhu_stack::cluster::SUPERUSER;

/// Transactions of one row each, and rows of one transaction.
const TRANSACTIONS: u32 = 200_000;
const ROWS_EACH: u32 = 100;

const FLOOR: &str = "bench_floor";
const LOOK_EVERY: Duration = Duration::from_millis(5);
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Drains both kinds of backlog; returns the worker's highest memory.
pub(super) async fn drain(measurement: &mut Measurement) -> Result<u64> {
    measurement.worker.stop();
    let floor = format!("select pg_create_logical_replication_slot('{FLOOR}', 'pgoutput')");
    sqlx::query(&floor).execute(&measurement.database).await?;
    // One row of anybody.
    let clients = 4;
    let each = (TRANSACTIONS / clients).to_string();
    let script = "\\set user random(1, 10000)\n\
        update public.video_preferences set like_count = like_count + 1 where user_id = public.bench_user(:user);\n";
    measurement
        .pgbench(
            script,
            &["-c", &clients.to_string(), "-j", "1", "-t", &each],
        )
        .await?;
    let to = measurement.written().await?;
    let at_least = recvlogical(measurement, to).await?;
    let seconds = catch_up(measurement, to).await?;
    let transactions = f64::from(TRANSACTIONS);
    measurement
        .report
        .quantity("backlog_tx_s", transactions / seconds);
    measurement
        .report
        .quantity("floor_tx_s", transactions / at_least);
    measurement
        .report
        .ratio("backlog_ratio", at_least / seconds);
    measurement.rest().await?;
    let (_, first) = measurement.worker.memory()?;

    measurement.worker.stop();
    let bulk = format!(
        "do $$ begin for i in 1..{ROWS_EACH} loop
           update public.video_preferences set like_count = like_count + 1;
         end loop; end $$"
    );
    sqlx::query(&bulk).execute(&measurement.database).await?;
    let to = measurement.written().await?;
    let seconds = catch_up(measurement, to).await?;
    let rows = f64::from(ROWS_EACH) * f64::from(PEOPLE);
    measurement
        .report
        .quantity("backlog_rows_s", rows / seconds);
    measurement.rest().await?;
    let (_, second) = measurement.worker.memory()?;
    Ok(first.max(second))
}

/// Seconds from the mirror's start until Redis holds everything before `to`.
async fn catch_up(measurement: &mut Measurement, to: u64) -> Result<f64> {
    let mut redis = measurement.redis().await?;
    ensure!(
        measurement.watermark(&mut redis).await? < to,
        "there is no backlog"
    );
    let begun = Instant::now();
    measurement.worker = measurement
        .rig
        .launch("worker", measurement.rig.redis_port)?;
    let mut asked = begun;
    while measurement.watermark(&mut redis).await? < to {
        // What was written last may be nothing that is published: nobody would be told of it by itself.
        if asked.elapsed() >= ASK_EVERY {
            asked = Instant::now();
            rest::ask(&measurement.database).await?;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds that `pg_recvlogical` takes to throw the same away.
async fn recvlogical(measurement: &Measurement, to: u64) -> Result<f64> {
    let end = format!("{:X}/{:X}", to >> 32, to & 0xffff_ffff);
    let begun = Instant::now();
    let status = tokio::process::Command::new(measurement.rig.program("pg_recvlogical"))
        .args(measurement.rig.address())
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
    sqlx::query(&drop).execute(&measurement.database).await?;
    Ok(seconds)
}
