//! Two databases that differ in nothing but their size, kept from run to run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection, PgPool};
use url::Url;
use uuid::Uuid;

use bondhu_stack::cluster::{Cluster, SUPERUSER};
use bondhu_stack::template;

/// Messages of each person.
const MESSAGES_EACH: i32 = 20;

/// One of the two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Its name.
    pub(super) database: &'static str,
    /// People in it, with twenty messages, a session, a profile and a connection each.
    pub(super) people: i32,
}

/// A million messages.
pub(super) const SMALL: Size = Size {
    database: "scale_small",
    people: 50_000,
};
/// Twenty million messages.
pub(super) const FULL: Size = Size {
    database: "scale_full",
    people: 1_000_000,
};

/// How many times larger [`FULL`] is.
pub(super) fn growth() -> f64 {
    f64::from(FULL.people) / f64::from(SMALL.people)
}

/// Id of person `number`, as `public.bench_user()` of `people.sql` has it.
pub(super) fn person(number: i32) -> Result<Uuid> {
    Ok(Uuid::from_u128(
        0x0000_0000_0000_4000_8000 << 48 | u128::try_from(number)?,
    ))
}

pub(super) struct Databases {
    server: Url,
    port: u16,
}

impl Databases {
    /// Makes those that are missing, or were made by other migrations.
    pub(super) async fn new(cluster: &Cluster, texts: &[String]) -> Result<Self> {
        let server = cluster.superuser()?;
        template::ensure(&server).await?;
        let databases = Self {
            server,
            port: cluster.port(),
        };
        for size in [SMALL, FULL] {
            databases.make(size, texts).await?;
        }
        Ok(databases)
    }

    async fn make(&self, size: Size, texts: &[String]) -> Result<()> {
        let Size { database, people } = size;
        let wanted = format!(
            "{}, {people} people with {MESSAGES_EACH} messages",
            template::made_of(&self.server).await?
        );
        let mut admin = PgConnection::connect(self.server.as_str()).await?;
        let present: Option<Option<String>> = sqlx::query_scalar(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = $1",
        )
        .bind(database)
        .fetch_optional(&mut admin)
        .await?;
        if present.flatten().as_deref() == Some(&wanted) {
            return Ok(());
        }
        let begun = Instant::now();
        eprintln!("  {database} is made: {people} people");
        template::remove(&self.server, database).await?;
        template::copy(&self.server, database).await?;
        let mut superuser = self.connect(SUPERUSER, size).await?;
        for sql in [
            include_str!("../../../sql/bench/people.sql"),
            include_str!("../../../sql/bench/connections.sql"),
            include_str!("../../../sql/bench/scale.sql"),
        ] {
            sqlx::raw_sql(sql).execute(&mut superuser).await?;
        }
        sqlx::query(
            "insert into public.bench_texts
             select n - 1, text from unnest($1::text[]) with ordinality t (text, n)",
        )
        .bind(texts)
        .execute(&mut superuser)
        .await?;
        sqlx::query("select public.bench_populate($1, $2)")
            .bind(people)
            .bind(MESSAGES_EACH)
            .execute(&mut superuser)
            .await
            .context("cannot populate")?;
        sqlx::query("vacuum analyze")
            .execute(&mut superuser)
            .await?;
        // Whole now.
        sqlx::raw_sql(&format!("comment on database {database} is '{wanted}'"))
            .execute(&mut admin)
            .await?;
        eprintln!("  in {:.0} s", begun.elapsed().as_secs_f64());
        Ok(())
    }

    pub(super) async fn connect(&self, role: &str, size: Size) -> Result<PgConnection> {
        PgConnection::connect(&self.url(role, size))
            .await
            .with_context(|| format!("cannot sign in to {}", size.database))
    }

    /// Connections as `role`.
    pub(super) async fn pool(&self, role: &str, size: Size, most: u32) -> Result<PgPool> {
        PgPoolOptions::new()
            .max_connections(most)
            .connect(&self.url(role, size))
            .await
            .with_context(|| format!("cannot sign in to {}", size.database))
    }

    fn url(&self, role: &str, size: Size) -> String {
        format!(
            "postgres://{role}@127.0.0.1:{}/{}",
            self.port, size.database
        )
    }

    /// Reads everything once, as a server has that has run for a while: what is measured is not the disk.
    pub(super) async fn warm(&self, size: Size) -> Result<()> {
        let mut superuser = self.connect(SUPERUSER, size).await?;
        sqlx::raw_sql(
            "create extension if not exists pg_prewarm schema pg_catalog;
             select sum(pg_prewarm(c.oid, 'read')) from pg_class c
             where c.relkind in ('r', 'i') and c.relnamespace in ('public'::regnamespace, 'bondhu'::regnamespace)",
        )
        .execute(&mut superuser)
        .await?;
        self.rest(size).await
    }

    /// Waits until autovacuum has done what was left to it: while it looks at a table, no dead row makes room.
    pub(super) async fn rest(&self, size: Size) -> Result<()> {
        let mut superuser = self.connect(SUPERUSER, size).await?;
        let works =
            "select exists (select from pg_stat_activity where backend_type = 'autovacuum worker')";
        while sqlx::query_scalar(works).fetch_one(&mut superuser).await? {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// Rows of a table that were updated or deleted so far, and those updated in place (HOT). What a connection has
    /// written is in it once that has flushed its counts.
    pub(super) async fn written(&self, size: Size, table: &str) -> Result<(i64, i64)> {
        let mut superuser = self.connect(SUPERUSER, size).await?;
        Ok(sqlx::query_as(
            "select n_tup_upd + n_tup_del, n_tup_hot_upd from pg_stat_all_tables where relid = $1::regclass",
        )
        .bind(table)
        .fetch_one(&mut superuser)
        .await?)
    }
}
