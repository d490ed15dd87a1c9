//! What is measured: a worker that mirrors many users, its servers, and the report.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use sqlx::PgPool;

use super::report::{COMPARATORS, TARGETS};
use crate::bench::figures::Report;
use crate::rig::mirror::MirrorRig;
use crate::soak::mirror::rest;
use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::usage::Usage;
use bondhu_stack::wait;
use bondhu_stack::worker::Worker;

/// Users.
pub(super) const PEOPLE: i32 = 10_000;

/// The mirror comes to rest within this time after anything here.
const AT_REST_WITHIN: Duration = Duration::from_secs(300);

/// The worker that is measured, and what was measured of it.
pub(super) struct Measurement {
    // Before the rig: it ends before what it needs.
    pub(super) worker: Worker,
    pub(super) report: Report,
    pub(super) database: PgPool,
    pub(super) rig: MirrorRig,
}

impl Measurement {
    /// Starts the rig and a worker, with [`PEOPLE`] in the database.
    ///
    /// # Errors
    /// A server does not start.
    pub(super) async fn start() -> Result<Self> {
        let rig = MirrorRig::start("bench-mirror", true).await?;
        let database = rig.superuser()?;
        people(&database).await?;
        let mut measurement = Self {
            worker: rig.launch("worker", rig.redis_port)?,
            report: Report::new(&TARGETS, &COMPARATORS),
            rig,
            database,
        };
        measurement.worker.ready().await?;
        measurement.rest().await?;
        Ok(measurement)
    }

    pub(super) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.rig.redis_port)
    }

    pub(super) async fn redis(&self) -> Result<MultiplexedConnection> {
        let client = redis::Client::open(self.redis_url())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    /// Waits until Redis holds everything.
    pub(super) async fn rest(&self) -> Result<()> {
        let redis = self.redis_url();
        wait::until("the mirror to come to rest", AT_REST_WITHIN, async || {
            let behind = rest::caught_up(&self.database, &redis).await;
            Ok(behind.map_err(|error| format!("{error:#}")))
        })
        .await
    }

    /// The watermark's position.
    pub(super) async fn watermark(&self, redis: &mut MultiplexedConnection) -> Result<u64> {
        let text: String = redis.get(bondhu_core::cache::STATE_KEY).await?;
        let state: serde_json::Value = serde_json::from_str(&text)?;
        let lsn = state["lsn"]
            .as_str()
            .context("a watermark has a position")?;
        Ok(u64::from_str_radix(lsn, 16)?)
    }

    /// The processor time that the mirror's processes have used: the worker, its backends and walsender,
    /// and Redis.
    ///
    /// # Errors
    /// The worker or Redis has ended.
    pub(super) async fn processor_time(&self) -> Result<ProcessorTime> {
        // Names that the worker gives to its connections.
        let backends: Vec<i32> = sqlx::query_scalar(
            "select pid from pg_stat_activity where application_name in ('bondhu mirror', 'bondhu sync-worker')",
        )
        .fetch_all(&self.database)
        .await?;
        let redis = self.rig.redis.as_ref().context("Redis runs")?;
        let mut used = BTreeMap::from([
            (self.worker.id(), self.worker.processor_time()?),
            (redis.id(), Usage::of(redis.id()).processor_time()?),
        ]);
        for backend in backends {
            let backend = backend.unsigned_abs();
            // It may have ended since it was listed.
            if let Ok(time) = Usage::of(backend).processor_time() {
                used.insert(backend, time);
            }
        }
        Ok(ProcessorTime(used))
    }

    /// How far the log is written.
    pub(super) async fn written(&self) -> Result<u64> {
        let bytes: i64 =
            sqlx::query_scalar("select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
                .fetch_one(&self.database)
                .await?;
        Ok(bytes.cast_unsigned())
    }

    /// `pgbench` with a script; its transactions per second.
    pub(super) async fn pgbench(&self, script: &str, arguments: &[&str]) -> Result<f64> {
        let file = self.rig.run.path().join("script.sql");
        std::fs::write(&file, script)?;
        let output = tokio::process::Command::new(self.rig.program("pgbench"))
            .args(["-n", "-M", "prepared", "-U", SUPERUSER])
            .args(self.rig.address())
            .arg("-f")
            .arg(&file)
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stdout);
        let tps = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        tps.filter(|_| output.status.success()).with_context(|| {
            format!(
                "pgbench failed:\n{said}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}

/// Processor time by process.
pub(super) struct ProcessorTime(BTreeMap<u32, Duration>);

impl ProcessorTime {
    /// What was used since `before`. A backend that has ended since had nothing to do.
    pub(super) fn since(&self, before: &Self) -> Duration {
        let spent = self.0.iter().map(|(process, time)| {
            time.saturating_sub(before.0.get(process).copied().unwrap_or_default())
        });
        spent.sum()
    }
}

/// Users with a session, tastes and a conversation.
async fn people(database: &PgPool) -> Result<()> {
    let statements = [
        "create function public.bench_user(number integer) returns uuid language sql immutable
         return ('00000000-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid",
        "insert into auth.users (id, email) select public.bench_user(n), n || '@example.org' from generate_series(1, $1) n",
        "insert into public.user_sessions (user_id, device_id) select public.bench_user(n), 'phone' from generate_series(1, $1) n",
        "insert into public.music_preferences
           (user_id, provider, top_genres, top_artists, recently_played, plays_by_hour, plays_by_weekday, play_count, computed_at)
         select public.bench_user(n), 'spotify', '[]', '[]', '[]', array_fill(0, array[24]), array_fill(0, array[7]), 0, now() from generate_series(1, $1) n",
        "insert into public.video_preferences
           (user_id, top_categories, top_topics, top_channels, recent_channels, subscription_count, like_count, playlist_count, computed_at)
         select public.bench_user(n), '[]', '[]', '[]', '[]', 0, 0, 0, now() from generate_series(1, $1) n",
        "insert into public.chat_messages (user_id, message_text, created_at)
         select public.bench_user(n), 'message ' || i || ' of a conversation', now() - make_interval(mins => i)
         from generate_series(1, $1) n, generate_series(1, 10) i",
    ];
    for statement in statements {
        let query = sqlx::query(statement);
        let query = if statement.contains("$1") {
            query.bind(PEOPLE)
        } else {
            query
        };
        query.execute(database).await?;
    }
    sqlx::query("analyze").execute(database).await?;
    Ok(())
}
