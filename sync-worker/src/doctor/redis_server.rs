//! Redis: whether it answers, what it does when full, how far the mirror is.

use std::collections::HashMap;

use bondhu_core::cache::{STATE_KEY, STATE_MAX_AGE};
use chrono::Utc;
use redis::RedisError;

use super::{PATIENCE, Report};
use crate::cache::State;
use crate::config::MirrorConfig;

pub(super) async fn check(report: &mut Report, config: &MirrorConfig) {
    match tokio::time::timeout(PATIENCE, look(config)).await {
        Ok(Ok((facts, state))) => {
            tell(report, &facts);
            tell_state(report, state.as_deref());
        }
        Ok(Err(error)) => report.fail(format!("Redis cannot be used: {error}"), remedy_of(&error)),
        Err(_) => report.fail(
            format!("Redis does not answer within {} s", PATIENCE.as_secs()),
            "start it, or check host and port in REDIS_URL",
        ),
    }
}

type Facts = HashMap<String, String>;

async fn look(config: &MirrorConfig) -> Result<(Facts, Option<String>), RedisError> {
    let mut connection = config.redis.connect(PATIENCE).await?;
    // The mirror writes through scripts: a role or proxy that has none is found out here.
    redis::cmd("EVAL")
        .arg("return 1")
        .arg(0)
        .query_async::<i64>(&mut connection)
        .await?;
    let state = redis::cmd("GET")
        .arg(STATE_KEY)
        .query_async(&mut connection)
        .await?;
    // Managed ones may not tell.
    let info: String = redis::cmd("INFO")
        .query_async(&mut connection)
        .await
        .unwrap_or_default();
    let facts = info.lines().filter_map(|line| line.split_once(':'));
    Ok((
        facts
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        state,
    ))
}

fn remedy_of(error: &RedisError) -> &'static str {
    match error.code() {
        Some("NOAUTH" | "WRONGPASS") => {
            "put user and password in REDIS_URL: redis://user:password@host:port"
        }
        Some("NOPERM") => "give the worker's user what sync-worker/redis.acl gives bondhu-worker",
        _ => "start it, or check host, port and TLS (rediss://) in REDIS_URL",
    }
}

fn tell(report: &mut Report, facts: &Facts) {
    let fact = |name: &str| facts.get(name).map(String::as_str);
    report.ok(format!(
        "Redis {} answers",
        fact("redis_version").unwrap_or("(version not told)")
    ));
    let bounded = fact("maxmemory").is_some_and(|bytes| bytes != "0");
    match fact("maxmemory_policy") {
        Some("noeviction") if bounded => report.warn(
            "Redis refuses writes when it is full (maxmemory-policy noeviction), and the mirror then stands still",
            "set maxmemory-policy volatile-ttl: every document has a lifetime, the watermark has none",
        ),
        Some(policy) if bounded && policy.starts_with("allkeys") => report.warn(
            format!("Redis may evict the mirror's watermark (maxmemory-policy {policy}), and everything is then re-read"),
            "set maxmemory-policy volatile-ttl",
        ),
        _ => {}
    }
    if fact("aof_enabled") == Some("0") && fact("rdb_bgsave_in_progress").is_some() {
        report.ok("Redis may forget at a restart; the mirror brings back what is in use");
    }
}

fn tell_state(report: &mut Report, state: Option<&str>) {
    let state: Option<State> = state.and_then(|text| serde_json::from_str(text).ok());
    let Some((state, version)) = state.and_then(|state| Some((state.clone(), state.version()?)))
    else {
        report.ok("no mirror has written to this Redis yet");
        return;
    };
    let age = state.age(Utc::now().timestamp_millis());
    let epoch = version.epoch.0;
    if age > STATE_MAX_AGE {
        report.warn(
            format!(
                "the mirror is {} s behind in epoch {epoch}, so that readers go to Postgres",
                age.as_secs()
            ),
            "start sync-worker run or mirror; its /readyz says what stops it",
        );
    } else {
        report.ok(format!(
            "the mirror is {} ms behind at {} of epoch {epoch}",
            age.as_millis(),
            version.lsn
        ));
    }
}
