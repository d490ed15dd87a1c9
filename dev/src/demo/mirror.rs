//! Redis against Postgres, and how far behind it is.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bondhu_core::cache::Document;
use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::claims::Claims;
use super::people::Person;
use super::{chat, recount};
use bondhu_stack::stack::Stack;
use bondhu_stack::wait;

const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
const LAG_SAMPLES: usize = 20;

/// One key as found in Redis.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) person: &'static str,
    pub(super) key: String,
    pub(super) ttl: Duration,
    pub(super) version: String,
    pub(super) bytes: usize,
}

/// Waits until every document in Redis is what Postgres builds.
pub(super) async fn check(
    stack: &mut Stack,
    database: &PgPool,
    redis: &mut MultiplexedConnection,
    people: &[Person],
    claims: &mut Claims,
) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for document in Document::ALL {
        let mut found = Vec::new();
        let mut contradiction = None;
        for person in people {
            let arrived = wait::until(
                &format!("{} of {}", document.name(), person.name),
                ARRIVES_WITHIN,
                async || {
                    stack.check_running()?;
                    compare(database, redis, document, person).await
                },
            )
            .await;
            match arrived {
                Ok(entry) => found.extend(entry),
                Err(error) => contradiction = Some(format!("{error:#}")),
            }
        }
        claims.check(
            &format!("{} in Redis is what Postgres builds", document.name()),
            match contradiction {
                Some(contradiction) => Err(contradiction),
                None => Ok(format!("{} keys", found.len())),
            },
        );
        entries.append(&mut found);
    }
    let alive = entries.iter().all(|entry| !entry.ttl.is_zero());
    claims.check(
        "every key has a time to live within its limit",
        if alive { Ok("") } else { Err("one has none") },
    );
    Ok(entries)
}

/// `Ok(Ok(None))`: rightly nothing there.
async fn compare(
    database: &PgPool,
    redis: &mut MultiplexedConnection,
    document: Document,
    person: &Person,
) -> Result<Result<Option<Entry>, String>> {
    let key = document.key(person.id);
    let Some(text) = redis.get::<_, Option<String>>(&key).await? else {
        let (built, _) = build(database, document, person.id, Utc::now()).await?;
        return Ok(if built.is_null() {
            Ok(None)
        } else {
            Err("not there".to_owned())
        });
    };
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{key} is no JSON"))?;
    let as_of = value["as_of"]
        .as_str()
        .and_then(|t| t.parse().ok())
        .with_context(|| format!("{key} has no as_of"))?;
    let (built, _) = build(database, document, person.id, as_of).await?;
    if built != value["data"] {
        return Ok(Err(format!(
            "{key} is not what Postgres builds: {}",
            difference(&built, &value["data"])
        )));
    }
    if built.is_null() {
        return Ok(Ok(None));
    }
    let version = value["v"].as_str().unwrap_or_default().to_owned();
    if version.len() != 24 || !version.bytes().all(|b| b.is_ascii_hexdigit()) {
        bail!("{key} has version {version:?}, not 8 + 16 hexadecimal digits");
    }
    let left: i64 = redis.pttl(&key).await?;
    let ttl = Duration::from_millis(u64::try_from(left).unwrap_or_default());
    if ttl.is_zero() || ttl > document.ttl() {
        return Ok(Err(format!(
            "{key} lives {} s, not 1 to {} s",
            ttl.as_secs(),
            document.ttl().as_secs()
        )));
    }
    Ok(Ok(Some(Entry {
        person: person.name,
        key,
        ttl,
        version,
        bytes: text.len(),
    })))
}

async fn build(
    database: &PgPool,
    document: Document,
    user: Uuid,
    as_of: DateTime<Utc>,
) -> Result<(Value, Option<DateTime<Utc>>)> {
    let sql = format!(
        "select coalesce(data, 'null'), until from bondhu.{}_document(array[$1], $2)",
        document.name()
    );
    let row = sqlx::query_as(&sql)
        .bind(user)
        .bind(as_of)
        .fetch_optional(database)
        .await?;
    Ok(row.unwrap_or_default())
}

fn difference(expected: &Value, found: &Value) -> String {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let differing = expected
                .iter()
                .filter(|(key, value)| found.get(*key) != Some(value));
            differing
                .map(|(key, value)| {
                    format!(
                        "{key} is {} and not {value}",
                        found.get(key).unwrap_or(&Value::Null)
                    )
                })
                .collect::<Vec<_>>()
                .join("; ")
        }
        _ => format!("{found} and not {expected}"),
    }
}

/// How long after its commit a message is in the chat document: one measure per message.
pub(super) async fn lag(
    api: &PgPool,
    database: &PgPool,
    redis: &mut MultiplexedConnection,
    person: &Person,
    claims: &mut Claims,
) -> Result<Vec<Duration>> {
    let key = Document::ChatHistory.key(person.id);
    let mut lags = Vec::new();
    let mut said = Vec::new();
    let mut oldest_version = true;
    for number in 1..=LAG_SAMPLES {
        let before: String = sqlx::query_scalar(
            "select to_char(pg_current_wal_lsn() - '0/0', 'FM0000000000000000000')",
        )
        .fetch_one(database)
        .await?;
        let id = chat::write_one(
            api,
            person,
            &format!("How long does message {number} take?"),
        )
        .await?;
        let committed = Instant::now();
        said.push(id);
        let id = id.to_string();
        let value = loop {
            let text: Option<String> = redis.get(&key).await?;
            if let Some(text) = text.filter(|text| text.contains(&id)) {
                lags.push(committed.elapsed());
                break serde_json::from_str::<Value>(&text)?;
            }
            if committed.elapsed() > ARRIVES_WITHIN {
                bail!(
                    "message {number} is not in Redis after {} s",
                    ARRIVES_WITHIN.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        };
        let lsn = value["v"]
            .as_str()
            .and_then(|v| v.get(8..))
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        oldest_version &= lsn >= before.parse().ok();
    }
    claims.check(
        "a version is never older than the commit it shows",
        if oldest_version {
            Ok("")
        } else {
            Err("one is")
        },
    );
    lags.sort();
    claims.check(
        "each message is in Redis soon after its commit",
        match lags.last() {
            Some(worst) => Ok(format!(
                "{LAG_SAMPLES} messages, at most {:.1} ms",
                worst.as_secs_f64() * 1e3
            )),
            None => Err("none arrived"),
        },
    );

    // They were said to be measured, not to be reported on.
    let gone = chat::delete(api, person, &said).await?;
    claims.equal(
        "their author can take them back",
        &said.len(),
        &usize::try_from(gone)?,
    );
    let raw = recount::raw_messages(database, person.id).await?;
    claims.check(
        "and they leave no trace in the buckets",
        recount::buckets(database, person.id, &raw).await?,
    );
    let document = recount::sentiment_document(database, person.id).await?;
    claims.check("nor in the last 24 hours", recount::window(&document, &raw));
    Ok(lags)
}
