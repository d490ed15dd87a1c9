//! The databases that are compared.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{TimeDelta, Utc};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection};
use url::Url;
use uuid::Uuid;

use bondhu_stack::cluster::{Cluster, SUPERUSER};
use bondhu_stack::{data_api, schema, template};

/// What fires on an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Nothing.
    Bare,
    /// The engine.
    Engine,
    /// Two upserts in PL/pgSQL.
    Upsert,
    /// A recount of the week in PL/pgSQL.
    Recount,
    /// The portable engine.
    Portable,
}

impl Variant {
    pub(super) const WITH_A_HOT_USER: [Self; 4] =
        [Self::Bare, Self::Engine, Self::Upsert, Self::Recount];

    pub(super) fn database(self) -> &'static str {
        match self {
            Self::Bare => "bench_bare",
            Self::Engine => "bench_engine",
            Self::Upsert => "bench_upsert",
            Self::Recount => "bench_recount",
            Self::Portable => "bench_portable",
        }
    }

    /// What makes it of a database that has the engine.
    fn sql(self) -> &'static str {
        match self {
            Self::Bare => include_str!("../../../sql/bench/bare.sql"),
            Self::Engine | Self::Portable => "",
            Self::Upsert => include_str!("../../../sql/bench/upsert.sql"),
            Self::Recount => include_str!("../../../sql/bench/recount.sql"),
        }
    }
}

const PEOPLE_SQL: &str = include_str!("../../../sql/bench/people.sql");
/// More than any figure asks for.
const MOST_PEOPLE: i32 = 2_100;
/// Rows of one statement when many messages are imported.
const BATCH: i32 = 100_000;

pub(super) struct Databases {
    server: Url,
    port: u16,
}

impl Databases {
    pub(super) async fn new(cluster: &Cluster) -> Result<Self> {
        let server = cluster.superuser()?;
        template::ensure(&server).await?;
        Ok(Self {
            server,
            port: cluster.port(),
        })
    }

    /// Makes the database of a variant, in place of a former one.
    pub(super) async fn make(&self, variant: Variant, texts: &[String]) -> Result<()> {
        let name = variant.database();
        template::remove(&self.server, name).await?;
        template::copy(&self.server, name).await?;
        let mut owner = self.connect("postgres", variant).await?;
        for sql in [variant.sql(), PEOPLE_SQL] {
            sqlx::raw_sql(sql).execute(&mut owner).await?;
        }
        sqlx::query(
            "insert into public.bench_texts
             select n - 1, text from unnest($1::text[]) with ordinality t (text, n)",
        )
        .bind(texts)
        .execute(&mut owner)
        .await?;
        let mut superuser = self.connect(SUPERUSER, variant).await?;
        sqlx::query(
            "insert into auth.users (id, email)
             select public.bench_user(n), n || '@example.org' from generate_series(1, $1) n",
        )
        .bind(MOST_PEOPLE)
        .execute(&mut superuser)
        .await?;
        Ok(())
    }

    /// COPY of `rows` messages of `people`, as their owner imports them; how long it took.
    pub(super) async fn copy(&self, variant: Variant, people: i32, rows: i32) -> Result<Duration> {
        let mut owner = self.connect("postgres", variant).await?;
        let texts: Vec<String> =
            sqlx::query_scalar("select text from public.bench_texts order by n")
                .fetch_all(&mut owner)
                .await?;
        let data = copied(&texts, people, rows)?;
        let begun = Instant::now();
        let mut copy = owner
            .copy_in_raw("copy public.chat_messages (user_id, message_text, created_at) from stdin")
            .await?;
        copy.send(data.into_bytes()).await?;
        copy.finish().await?;
        let took = begun.elapsed();
        sqlx::query("analyze").execute(&mut owner).await?;
        Ok(took)
    }

    /// Gives user `number` so many earlier messages.
    pub(super) async fn import(
        &self,
        variant: Variant,
        (number, messages): (i32, i32),
    ) -> Result<()> {
        let mut owner = self.connect("postgres", variant).await?;
        for first in (0..messages).step_by(BATCH as usize) {
            sqlx::query("select public.bench_import($1, $2, $3)")
                .bind(number)
                .bind(first)
                .bind((first + BATCH).min(messages) - 1)
                .execute(&mut owner)
                .await?;
        }
        Ok(())
    }

    /// Whether a commit waits for the disk.
    pub(super) async fn set_fsync(&self, on: bool) -> Result<()> {
        let mut superuser = self.connect(SUPERUSER, Variant::Engine).await?;
        for setting in ["fsync", "full_page_writes"] {
            sqlx::query(&format!("alter system set {setting} = {on}"))
                .execute(&mut superuser)
                .await?;
        }
        sqlx::query("select pg_reload_conf()")
            .execute(&mut superuser)
            .await?;
        sqlx::query("checkpoint").execute(&mut superuser).await?;
        // What was written without waiting is on disk before others wait for theirs.
        tokio::task::spawn_blocking(rustix::fs::sync).await?;
        Ok(())
    }

    /// How many figures of an engine's are not what the messages make them.
    pub(super) async fn verify(&self, variant: Variant) -> Result<i64> {
        let mut owner = self.connect("postgres", variant).await?;
        Ok(sqlx::query_scalar("select count(*) from bondhu.verify()")
            .fetch_one(&mut owner)
            .await?)
    }

    /// What autovacuum does within minutes: a million messages came in half of one, in no order, and left as many
    /// dead rows as a history of months does not.
    pub(super) async fn vacuum(&self, variant: Variant) -> Result<()> {
        let mut superuser = self.connect(SUPERUSER, variant).await?;
        sqlx::query("vacuum analyze")
            .execute(&mut superuser)
            .await?;
        Ok(())
    }

    /// What a function of `people.sql` says that a call took inside the server, in microseconds, one transaction
    /// each.
    pub(super) async fn reads(
        &self,
        function: &str,
        number: i32,
        reads: usize,
    ) -> Result<Vec<f64>> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect(&self.url("authenticator", Variant::Engine))
            .await?;
        let call = format!("select public.{function}()");
        let user = bench_user(number)?;
        let mut took = Vec::with_capacity(reads);
        for _ in 0..reads {
            let mut request = data_api::as_user(&pool, user).await?;
            took.push(sqlx::query_scalar(&call).fetch_one(&mut *request).await?);
            request.commit().await?;
        }
        Ok(took)
    }

    /// What a message takes inside the server, in microseconds: without a session, in one that has ended, and
    /// announced in an active one.
    pub(super) async fn messages(&self, number: i32, each: usize) -> Result<[Vec<f64>; 3]> {
        let mut owner = self.connect("postgres", Variant::Engine).await?;
        let mut superuser = self.connect(SUPERUSER, Variant::Engine).await?;
        schema::realtime()?.run(&mut superuser).await?;
        let user = bench_user(number)?;
        let (ended, active) = (Uuid::from_u128(1), Uuid::from_u128(2));
        sqlx::query(
            "insert into public.user_sessions (user_id, id, device_id, ended_at, end_reason)
             values ($1, $2, 'ended', now(), 'ended'), ($1, $3, 'active', null, null)",
        )
        .bind(user)
        .bind(ended)
        .bind(active)
        .execute(&mut owner)
        .await?;
        let mut took = [const { Vec::new() }; 3];
        for _ in 0..each {
            for (took, session) in took.iter_mut().zip([None, Some(ended), Some(active)]) {
                // Nobody is there while the session is not theirs.
                sqlx::query("update public.user_sessions set ended_at = case when $3 then null else now() end,
                               end_reason = case when $3 then null else 'idle' end, last_seen_at = now()
                             where user_id = $1 and id = $2")
                    .bind(user)
                    .bind(active)
                    .bind(session == Some(active))
                    .execute(&mut owner)
                    .await?;
                took.push(
                    sqlx::query_scalar("select public.bench_said_us($1, $2)")
                        .bind(user)
                        .bind(session)
                        .fetch_one(&mut owner)
                        .await?,
                );
            }
        }
        Ok(took)
    }

    /// What the engine's function `score(text)` takes a call, in microseconds, the scan that
    /// feeds it taken off. `make bench-scorer` has what the bare core takes.
    pub(super) async fn score_calls(&self) -> Result<f64> {
        const ROUNDS: i32 = 50;
        let mut owner = self.connect("postgres", Variant::Engine).await?;
        let mut seconds = Vec::new();
        // A text differs from round to round, so that no answer serves twice.
        for function in [
            "bondhu_native.score(t.text || repeat(' ', i))",
            "(select t.text || repeat(' ', i) as mood offset 0)",
        ] {
            let sql = format!(
                "select count(s.mood) from public.bench_texts t cross join generate_series(1, $1) i cross join lateral {function} s"
            );
            let begun = Instant::now();
            let calls: i64 = sqlx::query_scalar(&sql)
                .bind(ROUNDS)
                .fetch_one(&mut owner)
                .await?;
            seconds.push(begun.elapsed().as_secs_f64() / calls as f64);
        }
        Ok((seconds[0] - seconds[1]) * 1e6)
    }

    pub(super) fn url(&self, role: &str, variant: Variant) -> String {
        format!(
            "postgres://{role}@127.0.0.1:{}/{}",
            self.port,
            variant.database()
        )
    }

    pub(super) async fn connect(&self, role: &str, variant: Variant) -> Result<PgConnection> {
        PgConnection::connect(&self.url(role, variant))
            .await
            .with_context(|| format!("cannot sign in to {}", variant.database()))
    }
}

/// `public.bench_user()` of `people.sql`.
pub(super) fn bench_user(number: i32) -> Result<Uuid> {
    let number = u128::try_from(number)?;
    Ok(Uuid::from_u128(0x0000_0000_0000_4000_8000 << 48 | number))
}

/// Messages of everybody in turn, a third of each user's within the last day.
fn copied(texts: &[String], people: i32, rows: i32) -> Result<String> {
    let now = Utc::now();
    let mut data = String::new();
    for row in 0..rows {
        let (user, nth) = (row % people + 1, row / people);
        let age = if nth % 3 == 0 {
            i64::from(row) * 7_919 % (23 * 3_600)
        } else {
            24 * 3_600 + i64::from(row) * 104_729 % (60 * 24 * 3_600)
        };
        let text = texts
            .get((row + nth * 37) as usize % texts.len())
            .context("a bench needs texts")?;
        let at = (now - TimeDelta::seconds(age + 60)).to_rfc3339();
        writeln!(
            data,
            "00000000-0000-4000-8000-{user:012x}\t{}\t{at}",
            text.replace('\\', "\\\\")
        )?;
    }
    Ok(data)
}
