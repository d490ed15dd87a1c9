//! The portable engine beside no engine and the native one, in the same run.

use std::time::Instant;

use anyhow::Result;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::databases::{Databases, Variant};
use super::{Bench, COPIED, LONG, PEOPLE, ROUNDS, SLICE};
use crate::bench::figures::{median, percentile};
use crate::bench::load::Writers;
use bondhu_stack::cluster::SUPERUSER;
use bondhu_stack::data_api;

/// Inserts that are timed one by one.
const INSERTS: usize = 400;
/// Somebody who wrote all of it within 24 hours.
const DENSE: (i32, i32) = (PEOPLE + 4, 10_000);
/// Somebody new in each round.
const NEW: i32 = PEOPLE + 40;
const FLAT_ROUNDS: usize = 9;
const FLAT_MESSAGES: usize = 100;
/// Lengths of the texts that are scored, in characters, and how often each is.
const LENGTHS: [(&str, usize, i32); 4] = [
    ("portable_score_us_25", 25, 400),
    ("portable_score_us_70", 70, 400),
    ("portable_score_us_500", 500, 100),
    ("portable_score_us_8000", 8_000, 6),
];

impl Bench {
    pub(super) async fn portable(&mut self) -> Result<()> {
        self.databases
            .make(Variant::Portable, &self.client.texts)
            .await?;
        // The native engine has counted what is earlier: from one engine to the other nobody is recomputed.
        self.databases.import(Variant::Portable, LONG).await?;
        self.databases.attach_portable().await?;
        let took = self
            .databases
            .copy(Variant::Portable, PEOPLE, COPIED / 10)
            .await?;
        self.report.quantity(
            "portable_copy_rows_s",
            f64::from(COPIED / 10) / took.as_secs_f64(),
        );

        let mut latency = [Vec::new(), Vec::new()];
        for (variant, latency) in [Variant::Bare, Variant::Portable]
            .into_iter()
            .zip(&mut latency)
        {
            *latency = self.inserts(variant).await?;
        }
        let [mut bare, mut portable] = latency;
        self.report.quantity(
            "portable_ms_p50",
            percentile(&mut portable, 50) - percentile(&mut bare, 50),
        );

        let writers = Writers {
            first: 1,
            last: PEOPLE,
            clients: 2,
        };
        let mut rates = Vec::new();
        for _ in 0..ROUNDS / 2 {
            rates.push(
                self.client
                    .slice(Variant::Portable.database(), &writers, SLICE)
                    .await?,
            );
        }
        self.report.quantity("portable_tx_s", median(rates));

        let history = self.flat(LONG.0, 0).await?;
        self.report.ratio("portable_history_flat", history);
        self.databases
            .import_a_day(Variant::Portable, DENSE)
            .await?;
        let day = self.flat(DENSE.0, FLAT_ROUNDS).await?;
        self.report.ratio("portable_day_flat", day);
        self.exact(Variant::Portable).await?;

        for (name, length, calls) in LENGTHS {
            let took = self.databases.portable_scores(length, calls).await?;
            self.report.quantity(name, took);
        }
        let memory = self
            .databases
            .session_kb(Variant::Portable, &self.client.texts)
            .await?
            - self
                .databases
                .session_kb(Variant::Bare, &self.client.texts)
                .await?;
        self.report.quantity("portable_session_kb", memory);
        Ok(())
    }

    /// What inserts as a signed-in user take, in milliseconds.
    async fn inserts(&self, variant: Variant) -> Result<Vec<f64>> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect(&self.databases.url("authenticator", variant))
            .await?;
        let mut took = Vec::with_capacity(INSERTS);
        for (number, text) in (0..).zip(self.client.texts.iter().cycle().take(INSERTS)) {
            let user = Databases::user(1 + number % PEOPLE);
            let mut request = data_api::as_user(&pool, user).await?;
            let begun = Instant::now();
            sqlx::query("insert into public.chat_messages (message_text) values ($1)")
                .bind(text)
                .execute(&mut *request)
                .await?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
            request.commit().await?;
        }
        Ok(took.split_off(INSERTS / 10))
    }

    /// What a message of a user costs ÷ one of somebody new.
    async fn flat(&self, user: i32, from: usize) -> Result<f64> {
        let mut ratios = Vec::new();
        for round in 0..FLAT_ROUNDS {
            let fresh = NEW + i32::try_from(from + round)?;
            let mut rates = Vec::new();
            for user in [user, fresh] {
                let one = Writers::one(user);
                // The first of the day, and of a user, does more.
                self.client
                    .transactions(Variant::Portable.database(), &one, 5)
                    .await?;
                rates.push(
                    self.client
                        .transactions(Variant::Portable.database(), &one, FLAT_MESSAGES)
                        .await?,
                );
            }
            ratios.push(rates[1] / rates[0]);
        }
        Ok(median(ratios))
    }
}

impl Databases {
    fn user(number: i32) -> Uuid {
        Uuid::from_u128(0x0000_0000_0000_4000_8000 << 48 | number.unsigned_abs() as u128)
    }

    /// Brings the portable engine, and lets it take over.
    async fn attach_portable(&self) -> Result<()> {
        let mut owner = self.connect("postgres", Variant::Portable).await?;
        bondhu_stack::template::portable_engine()?
            .run(&mut owner)
            .await?;
        sqlx::query("select bondhu.install_engine('portable')")
            .execute(&mut owner)
            .await?;
        Ok(())
    }

    /// Gives a user earlier messages, all within 24 hours.
    async fn import_a_day(&self, variant: Variant, (number, messages): (i32, i32)) -> Result<()> {
        let mut owner = self.connect("postgres", variant).await?;
        sqlx::query(
            "insert into public.chat_messages (user_id, message_text, created_at)
             select public.bench_user($1), t.text, now() - make_interval(secs => 20 * 3600.0 * i / $2)
             from generate_series(1, $2) i
             join public.bench_texts t on t.n = i % (select count(*)::integer from public.bench_texts)",
        )
        .bind(number)
        .bind(messages)
        .execute(&mut owner)
        .await?;
        sqlx::query("analyze").execute(&mut owner).await?;
        Ok(())
    }

    /// What a call of the portable score takes with texts of a length, in microseconds.
    async fn portable_scores(&self, length: usize, calls: i32) -> Result<f64> {
        let mut owner = self.connect("postgres", Variant::Portable).await?;
        let sql =
            "select extract(epoch from clock_timestamp() - begun)::double precision * 1e6 / $2
             from (select clock_timestamp() as begun offset 0) clock
             cross join lateral (
               select count(s.mood) as n
               from (
                 select left(string_agg(t.text, ' ' order by t.n), $1) as text
                 from generate_series(1, $2) i
                 join public.bench_texts t on t.n between i and i + $1 / 20
                 group by i
               ) said
               cross join lateral bondhu_portable.score(said.text) s
               where begun is not null
             ) scored";
        let mut took = Vec::new();
        for _ in 0..5 {
            let one: f64 = sqlx::query_scalar(sql)
                .bind(i32::try_from(length)?)
                .bind(calls)
                .fetch_one(&mut owner)
                .await?;
            took.push(one);
        }
        Ok(median(took))
    }

    /// What a session holds that has written twenty messages, in kB.
    async fn session_kb(&self, variant: Variant, texts: &[String]) -> Result<f64> {
        // Who may see what a session holds, its own too.
        let mut superuser = self.connect(SUPERUSER, variant).await?;
        sqlx::query("grant pg_read_all_stats to postgres")
            .execute(&mut superuser)
            .await?;
        let mut owner = self.connect("postgres", variant).await?;
        for text in &texts[..20] {
            sqlx::query("insert into public.chat_messages (user_id, message_text) values (public.bench_user(1), $1)")
                .bind(text)
                .execute(&mut owner)
                .await?;
        }
        Ok(sqlx::query_scalar(
            "select sum(total_bytes)::double precision / 1024 from pg_backend_memory_contexts",
        )
        .fetch_one(&mut owner)
        .await?)
    }
}
