//! Writers: how soon Redis shows what they write, and what the mirror takes from them.

use std::time::{Duration, Instant};

use anyhow::Result;
use bondhu_core::cache::Document;
use rand::Rng as _;
use redis::Commands as _;
use rustix::process::Signal;
use sqlx::PgPool;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::measurement::{Measurement, PEOPLE};
use crate::bench::figures::{median, percentile};

/// One message of anybody.
const MESSAGE: &str = "\\set user random(1, 10000)\n\
    insert into public.chat_messages (user_id, message_text) values (public.bench_user(:user), 'a message among many');\n";

const LAG_SECONDS: u64 = 15;
const SLICE: &str = "4";
const ROUNDS: usize = 4;

/// Between two looks at a key.
const LOOK_EVERY: Duration = Duration::from_micros(200);
const BETWEEN_PROBES: Duration = Duration::from_millis(3);

pub(super) fn user(number: i32) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_4000_8000 << 48 | u128::from(number.unsigned_abs()))
}

/// Commit to readable, of messages among 1,000 transactions a second.
pub(super) async fn lag(measurement: &mut Measurement) -> Result<()> {
    let seconds = LAG_SECONDS.to_string();
    let arguments = ["-c", "4", "-j", "1", "-R", "1000", "-T", &seconds];
    let load = measurement.pgbench(MESSAGE, &arguments);
    let database = measurement.database.clone();
    let client = redis::Client::open(measurement.redis_url())?;
    let handle = Handle::current();
    let end = Instant::now() + Duration::from_secs(LAG_SECONDS - 1);
    // On a thread of its own, whose sleeps are finer than a runtime's.
    let probing = tokio::task::spawn_blocking(move || {
        let mut redis = client.get_connection()?;
        let mut lags = Vec::new();
        std::thread::sleep(Duration::from_secs(1));
        while Instant::now() < end {
            lags.push(probe(&handle, &database, &mut redis)?);
            std::thread::sleep(BETWEEN_PROBES);
        }
        anyhow::Ok(lags)
    });
    let (tps, probed) = tokio::join!(load, probing);
    let mut lags = probed??;
    eprintln!("  {:.0} transactions/s, {} probes", tps?, lags.len());
    measurement
        .report
        .quantity("lag_ms_p50", percentile(&mut lags, 50));
    measurement
        .report
        .quantity("lag_ms_p99", percentile(&mut lags, 99));
    Ok(())
}

/// Milliseconds from a message's commit until Redis shows it.
fn probe(handle: &Handle, database: &PgPool, redis: &mut redis::Connection) -> Result<f64> {
    let number = rand::rng().random_range(1..=PEOPLE);
    let text = Uuid::new_v4().to_string();
    let insert =
        sqlx::query("insert into public.chat_messages (user_id, message_text) values ($1, $2)")
            .bind(user(number))
            .bind(&text)
            .execute(database);
    handle.block_on(insert)?;
    let committed = Instant::now();
    let key = Document::ChatHistory.key(user(number));
    // The newest message ends the document; more of it would be a load of its own.
    while !redis.getrange::<_, String>(&key, -600, -1)?.contains(&text) {
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(committed.elapsed().as_secs_f64() * 1e3)
}

/// Processor time that a message costs beside its writer: of the worker, its backends, the walsender and
/// Redis, which do nothing else here, until Redis holds all of them.
pub(super) async fn processor_time(measurement: &mut Measurement) -> Result<()> {
    measurement.rest().await?;
    let before = measurement.processor_time().await?;
    let (clients, each) = (4, 5_000);
    let arguments = [
        "-c",
        &clients.to_string(),
        "-j",
        "1",
        "-R",
        "1000",
        "-t",
        &each.to_string(),
    ];
    measurement.pgbench(MESSAGE, &arguments).await?;
    measurement.rest().await?;
    let spent = measurement.processor_time().await?.since(&before);
    let each_us = spent.as_secs_f64() * 1e6 / f64::from(clients * each);
    measurement.report.quantity("mirror_cpu_us_per_tx", each_us);
    Ok(())
}

/// Percent of writers' transactions per second that the mirror takes, slice by slice in turn with
/// the mirror stopped. A stopped mirror catches up before its next slice.
pub(super) async fn loss(measurement: &mut Measurement) -> Result<()> {
    for (name, durable) in [("writer_loss_cpu", "off"), ("writer_loss_fsync", "on")] {
        for setting in ["fsync", "full_page_writes"] {
            sqlx::query(&format!("alter system set {setting} = {durable}"))
                .execute(&measurement.database)
                .await?;
        }
        sqlx::query("select pg_reload_conf()")
            .execute(&measurement.database)
            .await?;
        let mut losses = Vec::new();
        for _ in 0..ROUNDS {
            let arguments = ["-c", "4", "-j", "1", "-T", SLICE];
            measurement.worker.signal(Signal::STOP);
            let without = measurement.pgbench(MESSAGE, &arguments).await?;
            measurement.worker.signal(Signal::CONT);
            measurement.rest().await?;
            let with = measurement.pgbench(MESSAGE, &arguments).await?;
            measurement.rest().await?;
            losses.push((1.0 - with / without) * 100.0);
        }
        measurement.report.quantity(name, median(losses));
    }
    Ok(())
}
