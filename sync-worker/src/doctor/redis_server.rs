//! Redis: whether it answers, what it does when full, how far the mirror is.

use std::collections::HashMap;

use bondhu_core::cache::watermark::{Untrusted, Watermark};
use bondhu_core::cache::{DOCUMENT_MOST_BYTES, STATE_KEY};
use redis::RedisError;

use super::{PATIENCE, Report};
use crate::cache::now;
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
    let Some(state) = state.and_then(|text| Watermark::parse(text.as_bytes())) else {
        report.ok("no mirror has written to this Redis yet");
        return;
    };
    let now = now();
    let (age, epoch) = (state.age(now), state.version.epoch.0);
    match state.trusted(now) {
        Ok(version) => report.ok(format!(
            "the mirror follows at {} of epoch {epoch}: its last word is {} ms old, and good for {} s",
            version.lsn,
            age.as_millis(),
            state.good_for().as_secs()
        )),
        Err(Untrusted::Ahead) => report.warn(
            format!("the mirror's watermark is ahead of this machine's clock in epoch {epoch}, so that readers go to Postgres"),
            "set the clocks of Postgres, Redis and the workers by the same source; a watermark that was forged is replaced by the next mirror",
        ),
        Err(Untrusted::Missing | Untrusted::Old) => report.warn(
            format!(
                "the mirror's last word in epoch {epoch} is {} s old, and was good for {} s, so that readers go to Postgres",
                age.as_secs(),
                state.good_for().as_secs()
            ),
            "start sync-worker run or mirror; its /readyz says what stops it",
        ),
    }
    if state.apart > 0 {
        report.warn(
            format!(
                "{} documents are left to Postgres: of more than {} kB, or not to be read or written in time",
                state.apart,
                DOCUMENT_MOST_BYTES >> 10
            ),
            "the leading worker's log names each of them, and why",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a watermark that lies so many ms ahead of the clock and leaves so many
    /// documents to Postgres.
    fn told(ahead_ms: i64, apart: u64) -> String {
        told_of(ahead_ms, apart, "")
    }

    fn told_of(ahead_ms: i64, apart: u64, more: &str) -> String {
        let ts = now().0 / 1000 + ahead_ms;
        let text = format!(
            r#"{{"epoch":"00000007","lsn":"0000000000000009","ts":{ts},"system":"1","timeline":1,"leader":"","apart":{apart}{more}}}"#
        );
        let mut report = Report::default();
        tell_state(&mut report, Some(&text));
        report.to_string()
    }

    #[test]
    fn a_watermark_ahead_of_the_clock_and_documents_left_to_postgres_are_named() {
        let well = told(-100, 0);
        assert!(
            !well.contains("ahead") && !well.contains("left to"),
            "{well}"
        );
        assert!(told(86_400_000, 0).contains("ahead of this machine's clock"));
        assert!(told(-100, 3).contains("3 documents are left to Postgres"));
    }

    #[test]
    fn a_mirror_is_missed_once_its_word_is_older_than_it_said() {
        let missed = |text: String| text.contains("readers go to Postgres");
        assert!(missed(told(-20_000, 0)), "it said nothing: 5 s");
        assert!(!missed(told_of(-20_000, 0, r#","good_for":60"#)));
        assert!(missed(told_of(-70_000, 0, r#","good_for":60"#)));
    }
}
