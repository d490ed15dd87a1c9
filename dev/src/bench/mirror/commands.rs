//! What Redis is asked, as it is billed: by command.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bondhu_core::cache::{Document, STATE_KEY};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use uuid::Uuid;

use super::measurement::Measurement;
use super::writers::user;

const MESSAGES: u32 = 200;

/// Renewals of the watermark that are waited for at rest, each half a minute after the one before.
const RENEWALS: u32 = 2;

const LOOK_EVERY: Duration = Duration::from_millis(50);
const RENEWED_WITHIN: Duration = Duration::from_secs(120);

/// Commands that the mirror's scripts carry out: parts of one that is counted. This program sends none but
/// these and INFO.
const WITHIN_SCRIPTS: [&str; 6] = ["set", "del", "get", "exists", "getrange", "time"];

/// Counts the commands of messages, one after the other, and of a mirror at rest with a freshness of a minute.
pub(super) async fn of_messages_and_rest(measurement: &mut Measurement) -> Result<()> {
    measurement.worker.stop();
    let minute = [("BONDHU_MIRROR_FRESHNESS_SECONDS", "60".to_owned())];
    let port = measurement.rig.redis_port;
    measurement.worker = measurement.rig.launch_with("worker", port, &minute)?;
    measurement.worker.ready().await?;
    measurement.rest().await?;
    let mut redis = measurement.redis().await?;

    let before = commands(&mut redis).await?;
    for _ in 0..MESSAGES {
        message(measurement, &mut redis).await?;
    }
    let sent = commands(&mut redis).await? - before;
    measurement
        .report
        .quantity("commands_per_message", sent as f64 / f64::from(MESSAGES));

    measurement.rest().await?;
    // From one renewal to another, so that it does not matter when one looks.
    renewed(&mut redis).await?;
    let (before, begun) = (commands(&mut redis).await?, Instant::now());
    for _ in 0..RENEWALS {
        renewed(&mut redis).await?;
    }
    let (sent, took) = (commands(&mut redis).await? - before, begun.elapsed());
    let day = Duration::from_secs(24 * 60 * 60);
    measurement.report.quantity(
        "idle_commands_day",
        sent as f64 * day.as_secs_f64() / took.as_secs_f64(),
    );
    Ok(())
}

/// A message of somebody with a session, until Redis shows it.
async fn message(measurement: &Measurement, redis: &mut MultiplexedConnection) -> Result<()> {
    let (person, text) = (user(1), Uuid::new_v4().to_string());
    sqlx::query("insert into public.chat_messages (user_id, message_text) values ($1, $2)")
        .bind(person)
        .bind(&text)
        .execute(&measurement.database)
        .await?;
    let key = Document::ChatHistory.key(person);
    loop {
        let held: Option<String> = redis.get(&key).await?;
        if held.is_some_and(|held| held.contains(&text)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until the watermark is written anew.
async fn renewed(redis: &mut MultiplexedConnection) -> Result<()> {
    let before: Option<String> = redis.get(STATE_KEY).await?;
    let begun = Instant::now();
    while redis.get::<_, Option<String>>(STATE_KEY).await? == before {
        ensure!(begun.elapsed() < RENEWED_WITHIN, "no renewal comes");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// How many commands Redis has had, a script being one.
async fn commands(redis: &mut MultiplexedConnection) -> Result<u64> {
    let stats: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(redis)
        .await?;
    let mut all = 0;
    for line in stats.lines() {
        let Some((name, figures)) = line
            .strip_prefix("cmdstat_")
            .and_then(|line| line.split_once(':'))
        else {
            continue;
        };
        if name == "info" || WITHIN_SCRIPTS.contains(&name) {
            continue;
        }
        let calls = figures.strip_prefix("calls=").context("calls come first")?;
        let calls = calls.split(',').next().unwrap_or_default();
        all += calls.parse::<u64>()?;
    }
    Ok(all)
}
