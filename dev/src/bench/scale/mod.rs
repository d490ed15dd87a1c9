//! `make bench-scale`: what runs beside the chat, and the chat itself, at a million people and twenty million messages,
//! against a twentieth of both.
//!
//! The databases are kept from run to run, until migrations change or `make reset`. Both are asked in turn, so that what
//! else the machine does hits both alike.

mod databases;
mod report;
mod upkeep;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench::figures::{Report, median};
use crate::bench::load::{Client, Writers};
use crate::bench::sync::queue;
use bondhu_stack::cluster::{Cluster, ClusterConfig};
use bondhu_stack::installation::Installation;
use bondhu_stack::process::free_port;
use bondhu_stack::run_directory::{self, RunDirectory};
use bondhu_stack::stack::build_engine;
use bondhu_stack::{cluster::SUPERUSER, paths};

use databases::{Databases, FULL, SMALL, Size, growth};
use report::{COMPARATORS, Growth, TARGETS};

const SLICE: Duration = Duration::from_secs(3);
const INSERT_ROUNDS: usize = 9;
const ROUNDS: usize = 3;
const QUEUE_ROUNDS: usize = 7;
/// What a server of this kind would be given.
const MEMORY: [&str; 3] = [
    "alter system set shared_buffers = '4GB'",
    "alter system set max_wal_size = '8GB'",
    "alter system set wal_compression = 'lz4'",
];

/// Where the databases are kept.
///
/// # Errors
/// There is no place for the stack's files.
pub fn directory() -> Result<PathBuf> {
    Ok(paths::state_directory()?.join("bench-scale"))
}

/// Measures, prints `name value` lines, a table of what was reached, and one of how it grows.
///
/// # Errors
/// A server does not start, or a statement fails.
pub async fn run() -> Result<()> {
    let engine = build_engine()?;
    let run = RunDirectory::create("bench-scale")?;
    let kept = directory()?;
    let _lock = run_directory::lock(&kept)?;
    let installation = Installation::debian_15()?.private_tree(&run.path().join("postgres"))?;
    engine.install(&installation)?;
    let config = ClusterConfig {
        port: free_port()?,
        durable: false,
        cron_database: "postgres".to_owned(),
    };
    let data = kept.join("data");
    let mut cluster = Cluster::start(installation.clone(), &data, &config).await?;
    let mut superuser =
        <sqlx::PgConnection as sqlx::Connection>::connect(&cluster.url(SUPERUSER, "postgres"))
            .await?;
    for setting in MEMORY {
        sqlx::query(setting).execute(&mut superuser).await?;
    }
    drop(superuser);
    cluster.stop();
    let cluster = Cluster::start(installation, &data, &config).await?;

    let texts = super::texts()?;
    let mut bench = Bench {
        client: Client::new(&cluster, &run.path().join("scripts"), &texts)?,
        databases: Databases::new(&cluster, &texts).await?,
        report: Report::new(&TARGETS, &COMPARATORS),
        growth: Growth::default(),
    };
    bench.inserts().await?;
    bench.prune().await?;
    bench.cron().await?;
    bench.touches().await?;
    bench.queue().await?;
    bench.settings().await?;
    bench.report.print();
    bench.growth.print();
    Ok(())
}

struct Bench {
    databases: Databases,
    client: Client,
    report: Report,
    growth: Growth,
}

impl Bench {
    /// Two clients, each message of another person.
    async fn inserts(&mut self) -> Result<()> {
        for size in [SMALL, FULL] {
            self.databases.warm(size).await?;
        }
        let mut rates = [Vec::new(), Vec::new()];
        // The first round brings what is used into memory.
        for round in 0..=INSERT_ROUNDS {
            for (rates, size) in rates.iter_mut().zip([SMALL, FULL]) {
                let writers = Writers {
                    first: 1,
                    last: size.people,
                    clients: 2,
                };
                let slice = if round == 0 { 5 * SLICE } else { SLICE };
                let rate = self.client.slice(size.database, &writers, slice).await?;
                if round > 0 {
                    rates.push(rate);
                }
            }
        }
        let ratios = std::iter::zip(&rates[0], &rates[1]).map(|(small, full)| full / small);
        self.report
            .ratio("insert_grown_ratio", median(ratios.collect()));
        let [small, full] = rates.map(|rates| 1e3 / median(rates));
        self.growth.add("a message, ms", small, full);
        Ok(())
    }

    async fn prune(&mut self) -> Result<()> {
        let mut took = [Vec::new(), Vec::new()];
        let (mut touched, mut wal) = (0, Vec::new());
        for _ in 0..ROUNDS {
            for (took, size) in took.iter_mut().zip([SMALL, FULL]) {
                let pruned = upkeep::prune(&self.databases, size).await?;
                touched += pruned.messages_touched;
                wal.push(pruned.wal_mb);
                took.push(pruned.ms);
            }
        }
        self.report
            .quantity("prune_messages_touched", touched as f64);
        let [small, full] = took.map(median);
        self.report.quantity("prune_ms", full);
        self.report.quantity("prune_wal_mb", median(wal));
        self.growth.add("pruning 10,000 sessions, ms", small, full);
        Ok(())
    }

    async fn cron(&mut self) -> Result<()> {
        let [small, full] = self.both(upkeep::idle_round, ROUNDS).await?;
        self.report.quantity("cron_idle_ms", full);
        self.growth
            .add("cron's jobs with nothing due, ms", small, full);
        Ok(())
    }

    async fn touches(&mut self) -> Result<()> {
        let (in_place, again) = upkeep::touches(&self.databases, FULL).await?;
        self.report.ratio("touch_hot_share", in_place);
        self.report.ratio("touch_again_share", again);
        Ok(())
    }

    async fn queue(&mut self) -> Result<()> {
        let (mut plans, mut claims) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        for (place, size) in [SMALL, FULL].into_iter().enumerate() {
            let owner = self.databases.pool("postgres", size, 1).await?;
            for sql in [
                // What cron has queued would take the room.
                "update public.provider_connections set status = 'ok', next_sync_at = now() + interval '1 hour'
                 where status in ('queued', 'syncing')",
                "update bondhu.sync_jobs set lease_token = null, lease_owner = null, lease_expires_at = null
                 where lease_token is not null",
                queue::BUDGETS,
            ] {
                sqlx::query(sql).execute(&owner).await?;
            }
            for _ in 0..QUEUE_ROUNDS {
                sqlx::query(
                    "update public.provider_connections c set next_sync_at = now() - interval '1 minute'
                     from (select user_id, provider from public.provider_connections where status = 'ok' limit 5000) few
                     where c.user_id = few.user_id and c.provider = few.provider",
                )
                .execute(&owner)
                .await?;
                plans[place].push(queue::plan(&owner).await?);
                claims[place].push(queue::claim(&owner).await?);
                queue::served(&owner).await?;
            }
            owner.close().await;
        }
        let ([small, full], [claim_small, claim_full]) = (plans.map(median), claims.map(median));
        self.report.quantity("plan_500_ms", full);
        self.growth.add("planning 500 syncs, ms", small, full);
        self.report.quantity("claim_500_ms", claim_full);
        self.growth
            .add("claiming 500 syncs, ms", claim_small, claim_full);
        Ok(())
    }

    async fn settings(&mut self) -> Result<()> {
        let [small, full] = self.both(upkeep::settings, ROUNDS).await?;
        self.report.quantity("settings_longest_wait_ms", full);
        self.growth
            .add("the longest wait for settings, ms", small, full);
        Ok(())
    }

    /// Medians of some rounds of a figure, of both sizes in turn.
    async fn both<'b, F, A>(&'b self, figure: F, rounds: usize) -> Result<[f64; 2]>
    where
        F: Fn(&'b Databases, Size) -> A,
        A: Future<Output = Result<f64>>,
    {
        let mut values = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (values, size) in values.iter_mut().zip([SMALL, FULL]) {
                let value = figure(&self.databases, size).await;
                values.push(value.with_context(|| size.database)?);
            }
        }
        Ok(values.map(median))
    }
}
