//! `make bench-mirror`: how far behind Redis is, what that costs, and what it is good for.
//!
//! 10,000 users have every document in Redis; each is as likely to be written or read as another.

mod backlog;
mod reads;
mod report;
mod writers;

use std::time::Duration;

use anyhow::{Context, Result};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use sqlx::PgPool;

use crate::bench::figures::Report;
use crate::rig::mirror::MirrorStage;
use crate::soak::mirror::rest;
use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::wait;
use bondhu_stack::worker::Worker;
use report::{COMPARATORS, TARGETS};

/// Users.
const PEOPLE: i32 = 10_000;

/// The mirror comes to rest within this time after anything here.
const AT_REST_WITHIN: Duration = Duration::from_secs(300);

/// Measures, prints `name value` lines and a table of what was reached.
///
/// # Errors
/// A server does not start, or a statement fails.
pub async fn run() -> Result<()> {
    let stage = MirrorStage::start("bench-mirror", true).await?;
    let database = stage.superuser()?;
    people(&database).await?;
    let mut bench = Bench {
        worker: stage.launch("worker", stage.redis_port)?,
        report: Report::new(&TARGETS, &COMPARATORS),
        stage,
        database,
    };
    bench.worker.ready().await?;
    bench.rest().await?;
    let (idle, _) = bench.worker.memory()?;
    bench.report.quantity("rss_idle_mb", megabytes(idle));

    writers::lag(&mut bench).await?;
    reads::own_writes(&mut bench).await?;
    reads::hot(&mut bench).await?;
    writers::loss(&mut bench).await?;
    let highest = backlog::drain(&mut bench).await?;
    bench.report.quantity("rss_backlog_mb", megabytes(highest));
    bench.report.print();
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

struct Bench {
    // Before the stage: it ends before what it needs.
    worker: Worker,
    report: Report,
    database: PgPool,
    stage: MirrorStage,
}

impl Bench {
    fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.stage.redis_port)
    }

    async fn redis(&self) -> Result<MultiplexedConnection> {
        let client = redis::Client::open(self.redis_url())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    /// Waits until Redis holds everything.
    async fn rest(&self) -> Result<()> {
        let redis = self.redis_url();
        wait::until("the mirror to come to rest", AT_REST_WITHIN, async || {
            let behind = rest::caught_up(&self.database, &redis).await;
            Ok(behind.map_err(|error| format!("{error:#}")))
        })
        .await
    }

    /// The watermark's position.
    async fn watermark(&self, redis: &mut MultiplexedConnection) -> Result<u64> {
        let text: String = redis.get(bondhu_core::cache::STATE_KEY).await?;
        let state: serde_json::Value = serde_json::from_str(&text)?;
        let lsn = state["lsn"]
            .as_str()
            .context("a watermark has a position")?;
        Ok(u64::from_str_radix(lsn, 16)?)
    }

    /// How far the log is written.
    async fn written(&self) -> Result<u64> {
        let bytes: i64 =
            sqlx::query_scalar("select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
                .fetch_one(&self.database)
                .await?;
        Ok(bytes.cast_unsigned())
    }

    /// `pgbench` with a script; its transactions per second.
    async fn pgbench(&self, script: &str, arguments: &[&str]) -> Result<f64> {
        let file = self.stage.run.path().join("script.sql");
        std::fs::write(&file, script)?;
        let output = tokio::process::Command::new(self.stage.program("pgbench"))
            .args(["-n", "-M", "prepared", "-U", SUPERUSER])
            .args(self.stage.address())
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
