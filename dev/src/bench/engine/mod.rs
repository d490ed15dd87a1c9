//! `make bench-engine`: what the engine costs, as ratios to the same table without it.
//!
//! Every figure compares databases of one cluster in one run, slice by slice in turn, so that
//! what else the machine does hits all alike; the median over the rounds is reported. After
//! each figure `bondhu.verify()` must find nothing: no work is left for later.

mod databases;
mod importing;
mod portable;
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::bench::figures::{Report, median, percentile};
use bondhu_stack::cluster::{Cluster, ClusterConfig};
use bondhu_stack::installation::Installation;
use bondhu_stack::process::free_port;
use bondhu_stack::run_directory::RunDirectory;
use bondhu_stack::stack::build_engine;

use crate::bench::load::{Client, Writers};
use databases::{Databases, Variant};
use report::{COMPARATORS, TARGETS};

/// People who write at once in the figures about many.
const PEOPLE: i32 = 2_000;
/// Rows of the COPY, which also are their earlier messages.
const COPIED: i32 = 100_000;
const COPY_ROUNDS: usize = 3;

/// How long each database is written to in turn, and how often.
const SLICE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 9;
const FSYNC_ROUNDS: usize = 5;

/// Somebody who writes much: their number and earlier messages.
const HOT: (i32, i32) = (PEOPLE + 1, 10_000);
/// For the recount, somebody with less to count.
const WARM: (i32, i32) = (PEOPLE + 2, 100);
const LONG: (i32, i32) = (PEOPLE + 3, 1_000_000);
/// Whose old messages come in while others chat.
const IMPORTER: i32 = PEOPLE + 4;
/// A new user with few messages in each round against the one with many.
const SHORT: (i32, i32) = (PEOPLE + 10, 100);
const HISTORY_ROUNDS: usize = 15;
const HISTORY_MESSAGES: usize = 300;
const READS: usize = 3_000;
/// Messages in turn without a session, in one that has ended, and announced in an active one.
const MESSAGES: usize = 1_000;

/// Measures, prints `name value` lines and a table of what was reached.
///
/// # Errors
/// A server does not start, a statement fails, or stored figures are not exact.
pub async fn run() -> Result<()> {
    let engine = build_engine()?;
    let run = RunDirectory::create("bench")?;
    let installation = Installation::debian_15()?.private_tree(&run.path().join("postgres"))?;
    engine.install(&installation)?;
    let config = ClusterConfig {
        port: free_port()?,
        durable: false,
        cron_database: "postgres".to_owned(),
    };
    let cluster = Cluster::start(installation, &run.path().join("data"), &config).await?;
    let mut bench = Bench {
        databases: Databases::new(&cluster).await?,
        client: Client::new(&cluster, &run.path().join("scripts"), &super::texts()?)?,
        report: Report::new(&TARGETS, &COMPARATORS),
    };
    bench.copies().await?;
    bench.many().await?;
    bench.hot().await?;
    bench.history().await?;
    bench.reads().await?;
    bench.announcing().await?;
    bench.importing(run.path()).await?;
    bench.portable().await?;
    bench.report.print();
    Ok(())
}

struct Bench {
    databases: Databases,
    client: Client,
    report: Report,
}

impl Bench {
    /// COPY into fresh databases; the last ones stay, for what follows.
    async fn copies(&mut self) -> Result<()> {
        let mut ratios = Vec::new();
        for _ in 0..COPY_ROUNDS {
            let mut seconds = Vec::new();
            for variant in [Variant::Bare, Variant::Engine] {
                self.databases.make(variant, &self.client.texts).await?;
                seconds.push(self.databases.copy(variant, PEOPLE, COPIED).await?);
            }
            ratios.push(seconds[0].as_secs_f64() / seconds[1].as_secs_f64());
        }
        self.exact(Variant::Engine).await?;
        self.report.ratio("copy_ratio", median(ratios));
        for variant in [Variant::Upsert, Variant::Recount] {
            self.databases.make(variant, &self.client.texts).await?;
            self.databases.copy(variant, PEOPLE, COPIED).await?;
        }
        Ok(())
    }

    async fn many(&mut self) -> Result<()> {
        let writers = Writers {
            first: 1,
            last: PEOPLE,
            clients: 2,
        };
        let ratios = self
            .ratios(&[Variant::Engine, Variant::Upsert], &writers, ROUNDS)
            .await?;
        self.exact(Variant::Engine).await?;
        self.report.ratio("insert_ratio_many", ratios[0]);
        self.report.ratio("upsert_ratio_many", ratios[1]);

        self.databases.set_fsync(true).await?;
        let ratios = self
            .ratios(&[Variant::Engine], &writers, FSYNC_ROUNDS)
            .await?;
        self.databases.set_fsync(false).await?;
        self.exact(Variant::Engine).await?;
        self.report.ratio("insert_ratio_fsync", ratios[0]);
        Ok(())
    }

    async fn hot(&mut self) -> Result<()> {
        for variant in Variant::WITH_A_HOT_USER {
            self.databases.import(variant, HOT).await?;
            self.databases.import(variant, WARM).await?;
        }
        let hot = Writers::one(HOT.0);
        let others = [Variant::Engine, Variant::Upsert, Variant::Recount];
        let ratios = self.ratios(&others, &hot, ROUNDS).await?;
        self.exact(Variant::Engine).await?;
        self.report.ratio("insert_ratio_hot_user", ratios[0]);
        self.report.ratio("upsert_ratio_hot_user", ratios[1]);
        self.report.ratio("recount_ratio_10000", ratios[2]);
        let ratios = self
            .few_ratios(Variant::Recount, &Writers::one(WARM.0))
            .await?;
        self.report.ratio("recount_ratio_100", ratios);
        Ok(())
    }

    async fn history(&mut self) -> Result<()> {
        self.databases.import(Variant::Engine, LONG).await?;
        let mut ratios = Vec::new();
        for round in 0..HISTORY_ROUNDS {
            let short = (SHORT.0 + i32::try_from(round)?, SHORT.1);
            self.databases.import(Variant::Engine, short).await?;
            let mut latency = Vec::new();
            for user in [LONG.0, short.0] {
                let writers = Writers::one(user);
                let tps = self
                    .client
                    .transactions(Variant::Engine.database(), &writers, HISTORY_MESSAGES)
                    .await?;
                latency.push(1.0 / tps);
            }
            ratios.push(latency[0] / latency[1]);
        }
        self.exact(Variant::Engine).await?;
        self.report.ratio("history_flat", median(ratios));
        Ok(())
    }

    async fn reads(&mut self) -> Result<()> {
        self.databases.vacuum(Variant::Engine).await?;
        let read = |function| self.databases.reads(function, LONG.0, READS);
        let mut reads = read("bench_context_us").await?;
        let mut dashboards = read("bench_dashboard_us").await?;
        self.report
            .quantity("context_read_us_p50", percentile(&mut reads, 50));
        self.report
            .quantity("context_read_us_p99", percentile(&mut reads, 99));
        self.report
            .quantity("dashboard_us_p50", percentile(&mut dashboards, 50));
        self.report
            .quantity("score_call_us", self.databases.score_calls().await?);
        Ok(())
    }

    /// What a session costs a message, and telling the devices of its user besides.
    async fn announcing(&mut self) -> Result<()> {
        let took = self.databases.messages(WARM.0, MESSAGES).await?;
        self.exact(Variant::Engine).await?;
        let [alone, unheard, announced] = took.map(median);
        // Its session is looked up, whoever may be listening.
        self.report.quantity("session_extra_us", unheard - alone);
        self.report
            .quantity("announced_extra_us", announced - unheard);
        Ok(())
    }

    async fn importing(&mut self, directory: &Path) -> Result<()> {
        let (databases, texts) = (&self.databases, &self.client.texts);
        let mut took = importing::measure(databases, directory, PEOPLE, IMPORTER, texts).await?;
        self.exact(Variant::Engine).await?;
        let [without, with] = &mut took;
        let ratio = percentile(with, 99) / percentile(without, 99);
        self.report.ratio("import_p99_ratio", ratio);
        Ok(())
    }

    /// Median ratio of each variant's transactions per second to the bare table's.
    async fn ratios(
        &self,
        variants: &[Variant],
        writers: &Writers,
        rounds: usize,
    ) -> Result<Vec<f64>> {
        let mut ratios = vec![Vec::new(); variants.len()];
        for _ in 0..rounds {
            let bare = self
                .client
                .slice(Variant::Bare.database(), writers, SLICE)
                .await?;
            for (variant, ratios) in variants.iter().zip(&mut ratios) {
                ratios.push(
                    self.client
                        .slice(variant.database(), writers, SLICE)
                        .await?
                        / bare,
                );
            }
        }
        Ok(ratios.into_iter().map(median).collect())
    }

    /// As [`Self::ratios`] for a user who is to keep about as many messages as they have.
    async fn few_ratios(&self, variant: Variant, writers: &Writers) -> Result<f64> {
        const FEW: usize = 50;
        let mut ratios = Vec::new();
        for _ in 0..3 {
            let bare = self
                .client
                .transactions(Variant::Bare.database(), writers, FEW)
                .await?;
            let with = self
                .client
                .transactions(variant.database(), writers, FEW)
                .await?;
            ratios.push(with / bare);
        }
        Ok(median(ratios))
    }

    async fn exact(&self, variant: Variant) -> Result<()> {
        let begun = Instant::now();
        let differences = self.databases.verify(variant).await?;
        ensure!(
            differences == 0,
            "bondhu.verify() finds {differences} differences"
        );
        eprintln!(
            "  bondhu.verify() finds nothing ({:.1} s)",
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }
}
