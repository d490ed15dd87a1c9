//! The engine's figures counted anew from the raw messages, by other code than the engine's.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::claims::same;

const MOODS: [&str; 13] = [
    "angry", "anxious", "calm", "curious", "disgust", "grateful", "joy", "lonely", "love",
    "neutral", "sad", "surprise", "tired",
];
/// Settings' defaults: hours, messages, score.
const WINDOW: TimeDelta = TimeDelta::hours(24);
const ENOUGH: usize = 5;
/// A change of exactly 0.10 is none; the rest is for binary fractions.
const TREND: f64 = 0.10 + 1e-9;
/// Figures are stored with four decimals.
const ROUNDING: f64 = 0.000_05 + 1e-9;

/// A scored message.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Raw {
    created_at: DateTime<Utc>,
    seq: i64,
    hundredths: i32,
    mood: String,
}

/// Everything scored that a person said, oldest first.
pub(super) async fn raw_messages(database: &PgPool, user: Uuid) -> Result<Vec<Raw>> {
    Ok(sqlx::query_as(
        "select created_at, seq, (sentiment_score * 100)::int as hundredths, mood_detected as mood \
         from public.chat_messages where user_id = $1 and sender_type = 'user' and engine_version is not null \
         order by created_at, seq",
    )
    .bind(user)
    .fetch_all(database)
    .await?)
}

/// What the engine says of the window that ends now.
pub(super) async fn sentiment_document(database: &PgPool, user: Uuid) -> Result<Value> {
    Ok(sqlx::query_scalar(
        "select data from bondhu.personality_sentiment_document(array[$1], clock_timestamp())",
    )
    .bind(user)
    .fetch_one(database)
    .await?)
}

type Bucket = BTreeMap<String, i64>;

/// Compares the buckets with a count of the messages.
pub(super) async fn buckets(
    database: &PgPool,
    user: Uuid,
    raw: &[Raw],
) -> Result<Result<String, String>> {
    let mut expected: BTreeMap<DateTime<Utc>, Bucket> = BTreeMap::new();
    for message in raw {
        let start = message.created_at.duration_trunc(TimeDelta::minutes(15))?;
        let bucket = expected.entry(start).or_insert_with(|| {
            let figures = ["message_count", "score_sum", "score_sum_squares"];
            figures
                .iter()
                .chain(&MOODS)
                .map(|name| ((*name).to_owned(), 0))
                .collect()
        });
        let score = i64::from(message.hundredths);
        for (figure, more) in [
            ("message_count", 1),
            ("score_sum", score),
            ("score_sum_squares", score * score),
            (&message.mood, 1),
        ] {
            *bucket.entry(figure.to_owned()).or_default() += more;
        }
    }
    let rows: Vec<(DateTime<Utc>, Value)> = sqlx::query_as(
        "select bucket_start, to_jsonb(b) - 'user_id' - 'bucket_start' from public.sentiment_buckets b where user_id = $1",
    )
    .bind(user)
    .fetch_all(database)
    .await?;
    let mut stored = BTreeMap::new();
    for (start, row) in rows {
        stored.insert(start, serde_json::from_value::<Bucket>(row)?);
    }
    Ok(same(&expected, &stored)
        .map(|_| format!("{} buckets of {} messages", stored.len(), raw.len())))
}

/// Compares the sentiment document with the messages of the 24 hours before its `as_of`.
pub(super) fn window(document: &Value, raw: &[Raw]) -> Result<String, String> {
    let as_of: DateTime<Utc> = document["as_of"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("no as_of in {document}"))?;
    let within = |from: DateTime<Utc>, to: DateTime<Utc>| -> Vec<&Raw> {
        raw.iter()
            .filter(|message| message.created_at > from && message.created_at <= to)
            .collect()
    };
    let now = within(as_of - WINDOW, as_of);
    let before = within(as_of - WINDOW * 2, as_of - WINDOW);

    same(&Some(now.len() as u64), &document["message_count"].as_u64())
        .map_err(|e| format!("message_count: {e}"))?;
    if now.len() < ENOUGH {
        same(
            &Some("insufficient_data"),
            &document["data_status"].as_str(),
        )?;
        return Ok(format!(
            "{} messages, too few to conclude anything",
            now.len()
        ));
    }
    let (mean, deviation) = moments(&now);
    near("mean_sentiment", mean, &document["mean_sentiment"])?;
    near(
        "sentiment_volatility",
        deviation,
        &document["sentiment_volatility"],
    )?;
    same(&dominant(&now), &document["dominant_mood"].as_str())
        .map_err(|e| format!("dominant_mood: {e}"))?;
    same(&trend(mean, &before), &document["sentiment_trend"].as_str())
        .map_err(|e| format!("sentiment_trend: {e}"))?;
    Ok(format!(
        "{} messages, mean {mean:.4}, deviation {deviation:.4}",
        now.len()
    ))
}

/// Mean and sample standard deviation of the scores.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn moments(messages: &[&Raw]) -> (f64, f64) {
    let count = messages.len() as f64;
    let scores = || {
        messages
            .iter()
            .map(|message| f64::from(message.hundredths) / 100.0)
    };
    let mean = scores().sum::<f64>() / count;
    let variance = scores().map(|score| (score - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance.sqrt())
}

/// Most frequent; among equals the most recent, then the first of the alphabet.
fn dominant<'a>(messages: &[&'a Raw]) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, (usize, DateTime<Utc>)> = BTreeMap::new();
    for message in messages {
        let entry = counts
            .entry(&message.mood)
            .or_insert((0, message.created_at));
        *entry = (entry.0 + 1, entry.1.max(message.created_at));
    }
    // Of equal maxima the last one wins; reversed, that is the first of the alphabet.
    counts
        .into_iter()
        .rev()
        .max_by_key(|(_, weight)| *weight)
        .map(|(mood, _)| mood)
}

fn trend(mean: f64, before: &[&Raw]) -> Option<&'static str> {
    if before.len() < ENOUGH {
        return None;
    }
    let change = mean - moments(before).0;
    Some(if change > TREND {
        "rising"
    } else if change < -TREND {
        "falling"
    } else {
        "steady"
    })
}

fn near(figure: &str, expected: f64, document: &Value) -> Result<(), String> {
    let found = document
        .as_f64()
        .ok_or_else(|| format!("{figure}: expected {expected:.4}, found {document}"))?;
    if (found - expected).abs() <= ROUNDING {
        Ok(())
    } else {
        Err(format!("{figure}: expected {expected:.4}, found {found}"))
    }
}

/// The same messages but for the newest: what a miscount would look like.
pub(super) fn one_left_out(raw: &[Raw]) -> Vec<Raw> {
    let mut fewer = raw.to_vec();
    fewer.sort_by_key(|message| (message.created_at, message.seq));
    fewer.pop();
    fewer
}
