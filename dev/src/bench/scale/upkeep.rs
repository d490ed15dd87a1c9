//! What runs beside the chat: retention, cron, sessions, a change of settings.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sqlx::{PgPool, Row as _};

use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::data_api;

use super::databases::{Databases, Size, person};

/// Sessions past their retention, as of a night.
const OLD_SESSIONS: i32 = 10_000;
/// Has what a connection wrote counted at once.
const FLUSH: &str = "select pg_stat_force_next_flush()";
/// Sessions that are touched.
const OPEN_SESSIONS: i32 = 600;

/// What a pruning takes and touches.
pub(super) struct Pruned {
    /// Messages that were written anew, or went.
    pub(super) messages_touched: i64,
    /// Milliseconds for all of it.
    pub(super) ms: f64,
    /// Megabytes of the write-ahead log.
    pub(super) wal_mb: f64,
}

pub(super) async fn prune(databases: &Databases, size: Size) -> Result<Pruned> {
    const MESSAGES: &str = "public.chat_messages";
    let mut owner = databases.connect("postgres", size).await?;
    sqlx::query("select public.bench_old_sessions($1)")
        .bind(OLD_SESSIONS)
        .execute(&mut owner)
        .await?;
    let (before, _) = databases.written(size, MESSAGES).await?;
    let position = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8";
    let from: f64 = sqlx::query_scalar(position).fetch_one(&mut owner).await?;
    let begun = Instant::now();
    let removed: serde_json::Value = sqlx::query_scalar("call bondhu.prune()")
        .fetch_one(&mut owner)
        .await?;
    let took = begun.elapsed();
    let to: f64 = sqlx::query_scalar(position).fetch_one(&mut owner).await?;
    sqlx::query(FLUSH).execute(&mut owner).await?;
    ensure!(removed["user_sessions"] == OLD_SESSIONS, "{removed}");
    let (after, _) = databases.written(size, MESSAGES).await?;
    Ok(Pruned {
        messages_touched: after - before,
        ms: took.as_secs_f64() * 1e3,
        wal_mb: (to - from) / f64::from(1 << 20),
    })
}

/// Milliseconds that one round of cron's jobs takes when nothing is due, the hourly one apart.
pub(super) async fn idle_round(databases: &Databases, size: Size) -> Result<f64> {
    let mut owner = databases.connect("postgres", size).await?;
    let jobs: Vec<String> =
        sqlx::query_scalar("select command from bondhu.cron_plan() where name <> 'bondhu-prune'")
            .fetch_all(&mut owner)
            .await?;
    let mut took = Duration::ZERO;
    // What was due is done with the first round.
    for is_measured in [false, true] {
        for job in &jobs {
            let begun = Instant::now();
            sqlx::raw_sql(job).execute(&mut owner).await?;
            if is_measured {
                took += begun.elapsed();
            }
        }
    }
    Ok(took.as_secs_f64() * 1e3)
}

/// Shares of touches that are written in place, and of a second touch that are written at all.
pub(super) async fn touches(databases: &Databases, size: Size) -> Result<(f64, f64)> {
    const SESSIONS: &str = "public.user_sessions";
    let mut owner = databases.connect("postgres", size).await?;
    for sql in [
        "delete from public.user_sessions where ended_at is null",
        "vacuum public.user_sessions",
    ] {
        sqlx::query(sql).execute(&mut owner).await?;
    }
    sqlx::query("select public.bench_open_sessions($1)")
        .bind(OPEN_SESSIONS)
        .execute(&mut owner)
        .await?;
    sqlx::query(FLUSH).execute(&mut owner).await?;
    databases.rest(size).await?;
    let mut counts = vec![databases.written(size, SESSIONS).await?];
    let pool = databases.pool("authenticator", size, 1).await?;
    for _ in 0..2 {
        for number in 1..=OPEN_SESSIONS {
            let mut request = data_api::as_user(&pool, person(number)?).await?;
            sqlx::query(
                "select public.touch_session(s.id) from public.user_sessions s where s.ended_at is null",
            )
            .execute(&mut *request)
            .await?;
            request.commit().await?;
        }
        sqlx::query(FLUSH).execute(&pool).await?;
        counts.push(databases.written(size, SESSIONS).await?);
    }
    let (written, in_place) = (counts[1].0 - counts[0].0, counts[1].1 - counts[0].1);
    ensure!(
        written == i64::from(OPEN_SESSIONS),
        "{written} touches were written"
    );
    Ok((
        in_place as f64 / written as f64,
        (counts[2].0 - counts[1].0) as f64 / written as f64,
    ))
}

/// The longest that anybody waits while settings change, the change itself included, in milliseconds: people write,
/// two at a time.
pub(super) async fn settings(databases: &Databases, size: Size) -> Result<f64> {
    let pool = databases.pool("authenticator", size, 2).await?;
    let (ends, longest) = (AtomicBool::new(false), AtomicU64::new(0));
    let writers = async {
        tokio::try_join!(
            writes(&pool, 0, size, &ends, &longest),
            writes(&pool, 1, size, &ends, &longest)
        )
    };
    let operator = async {
        let changed = change(databases, size, &longest).await;
        ends.store(true, Ordering::Relaxed);
        changed
    };
    let (written, changed) = tokio::join!(writers, operator);
    written?;
    let version = changed?;
    // Else a million profiles would be made anew before anything else is measured.
    let mut superuser = databases.connect(SUPERUSER, size).await?;
    for sql in [
        "set session_replication_role = replica".to_owned(),
        format!("update bondhu.settings set version = {version}, min_messages = min_messages + 1"),
        format!(
            "update public.personality_profiles set settings_version = {version} where settings_version <> {version}"
        ),
    ] {
        sqlx::query(&sql).execute(&mut superuser).await?;
    }
    Ok(longest.load(Ordering::Relaxed) as f64 / 1e3)
}

/// Changes a setting, after which the longest wait counts; returns the version before.
async fn change(databases: &Databases, size: Size, longest: &AtomicU64) -> Result<i64> {
    let mut owner = databases.connect("postgres", size).await?;
    // Connections and caches are warm by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    longest.store(0, Ordering::Relaxed);
    let begun = Instant::now();
    let after: i64 = sqlx::query(
        "update bondhu.settings set min_messages = min_messages - 1 where singleton returning version",
    )
    .fetch_one(&mut owner)
    .await?
    .try_get(0)?;
    note(longest, begun);
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok(after - 1)
}

/// Messages of one person after another, every second one.
async fn writes(
    pool: &PgPool,
    first: i32,
    size: Size,
    ends: &AtomicBool,
    longest: &AtomicU64,
) -> Result<()> {
    let mut number = first;
    while !ends.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let mut request = data_api::as_user(pool, person(1 + number % size.people)?).await?;
        sqlx::query(
            "insert into public.chat_messages (message_text) values ('The bus is late again')",
        )
        .execute(&mut *request)
        .await?;
        request.commit().await?;
        note(longest, begun);
        number += 2;
    }
    Ok(())
}

fn note(longest: &AtomicU64, begun: Instant) {
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    longest.fetch_max(micros, Ordering::Relaxed);
}
