//! Readers, over HTTP, of Redis itself, and of Postgres.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bondhu_core::cache::Document;
use futures::future::try_join_all;
use rand::Rng as _;
use redis::AsyncCommands as _;
use serde_json::Value;

use super::measurement::{Measurement, PEOPLE};
use super::writers::user;
use crate::bench::figures::percentile;
use crate::rig::mirror::token;

const OWN_WRITES: usize = 1_000;
const READS: usize = 3_000;
const AT_ONCE: usize = 8;
const TIME_AT_ONCE: Duration = Duration::from_secs(5);

/// Who reads: access tokens of some of the users.
const READERS: i32 = 500;

fn somebody() -> i32 {
    rand::rng().random_range(1..=READERS.min(PEOPLE))
}

/// Messages, each read back at once with its position.
pub(super) async fn own_writes(measurement: &mut Measurement) -> Result<()> {
    let http = bondhu_stack::http::client()?;
    let url = format!("{}/v1/hot/chat_history", measurement.worker.url());
    let (mut took, mut from_redis) = (Vec::new(), 0_usize);
    for number in 0..OWN_WRITES {
        let person = user(somebody());
        let token = token(person)?;
        sqlx::query("insert into public.chat_messages (user_id, message_text) values ($1, $2)")
            .bind(person)
            .bind(format!("number {number}"))
            .execute(&measurement.database)
            .await?;
        let position: String = sqlx::query_scalar("select pg_current_wal_insert_lsn()::text")
            .fetch_one(&measurement.database)
            .await?;
        let request = http
            .get(&url)
            .query(&[("min_lsn", position)])
            .bearer_auth(token);
        let begun = Instant::now();
        let answer = request.send().await?.error_for_status()?;
        let redis = answer
            .headers()
            .get("bondhu-source")
            .is_some_and(|source| source == "redis");
        let document: Value = answer.json().await?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        from_redis += usize::from(redis);
        let newest = document.as_array().and_then(|messages| messages.last());
        let text = newest.and_then(|message| message["message_text"].as_str());
        ensure!(
            text == Some(&*format!("number {number}")),
            "a read lacks what its reader wrote"
        );
    }
    measurement
        .report
        .quantity("ryw_ms_p99", percentile(&mut took, 99));
    measurement
        .report
        .ratio("ryw_from_redis", from_redis as f64 / OWN_WRITES as f64);
    Ok(())
}

/// The same document in three ways.
pub(super) async fn hot(measurement: &mut Measurement) -> Result<()> {
    measurement.rest().await?;
    let tokens: Vec<String> = (0..=READERS)
        .map(|number| token(user(number)))
        .collect::<Result<_>>()?;
    let http = bondhu_stack::http::client()?;
    let url = format!("{}/v1/hot/chat_history", measurement.worker.url());
    let over_http = async || -> Result<()> {
        let request = http
            .get(&url)
            .bearer_auth(&tokens[usize::try_from(somebody())?]);
        request.send().await?.error_for_status()?.bytes().await?;
        Ok(())
    };
    let connection = measurement.redis().await?;
    let raw = async || -> Result<()> {
        let key = Document::ChatHistory.key(user(somebody()));
        let held: Option<String> = connection.clone().get(key).await?;
        held.context("a document that is in use is there")?;
        Ok(())
    };
    let database = measurement
        .rig
        .pool("bondhu_worker", u32::try_from(AT_ONCE)?)?;
    let postgres = async || -> Result<()> {
        let built = "select data::text from bondhu.chat_history_document(array[$1], now())";
        let _: String = sqlx::query_scalar(built)
            .bind(user(somebody()))
            .fetch_one(&database)
            .await?;
        Ok(())
    };

    let mut took = one_at_a_time(over_http).await?;
    measurement
        .report
        .quantity("hot_us_p50", percentile(&mut took, 50));
    measurement
        .report
        .quantity("hot_us_p99", percentile(&mut took, 99));
    let mut took = one_at_a_time(raw).await?;
    measurement
        .report
        .quantity("raw_us_p50", percentile(&mut took, 50));
    measurement
        .report
        .quantity("raw_us_p99", percentile(&mut took, 99));
    let mut took = one_at_a_time(postgres).await?;
    measurement
        .report
        .quantity("postgres_us_p50", percentile(&mut took, 50));
    measurement
        .report
        .quantity("postgres_us_p99", percentile(&mut took, 99));
    let hot = a_second(over_http).await?;
    let postgres = a_second(postgres).await?;
    measurement.report.quantity("hot_reads_s", hot);
    measurement.report.quantity("postgres_reads_s", postgres);
    measurement.report.ratio("hot_ratio", hot / postgres);
    Ok(())
}

/// What each of [`READS`] takes, in microseconds.
async fn one_at_a_time(read: impl AsyncFn() -> Result<()>) -> Result<Vec<f64>> {
    let mut took = Vec::with_capacity(READS);
    for _ in 0..READS {
        let begun = Instant::now();
        read().await?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(took)
}

/// Reads per second, [`AT_ONCE`] at a time.
async fn a_second(read: impl AsyncFn() -> Result<()>) -> Result<f64> {
    let end = Instant::now() + TIME_AT_ONCE;
    let readers = (0..AT_ONCE).map(|_| async {
        let mut reads = 0_u64;
        while Instant::now() < end {
            read().await?;
            reads += 1;
        }
        anyhow::Ok(reads)
    });
    let reads: u64 = try_join_all(readers).await?.into_iter().sum();
    Ok(reads as f64 / TIME_AT_ONCE.as_secs_f64())
}
