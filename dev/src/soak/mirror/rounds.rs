//! One round: something breaks, the mirror follows again, a moment of calm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::faults::{Fault, Faults};
use super::people::Gate;
use super::rest;
use super::seen::Seen;
use bondhu_stack::wait;

/// How long the mirror may take to follow again once nothing breaks any more.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(60);

/// How long readers leave a Redis alone that failed them, and a moment more.
const TRUSTED_AGAIN: Duration = Duration::from_millis(700);

/// How long nothing breaks then.
const CALM_MS: std::ops::Range<u64> = 700..1_500;

/// Kills of one round, where it is all about kills, and the time between two of them.
const KILLS: std::ops::RangeInclusive<u32> = 5..=9;
const BETWEEN_KILLS_MS: std::ops::Range<u64> = 0..250;

/// Where it is all about kills, every so many rounds bring something else.
const SOMETHING_ELSE_EVERY: u64 = 5;

/// Every so many rounds all keys are compared.
const COMPARE_EVERY: u64 = 10;

pub(super) struct Rounds {
    faults: Faults,
    seen: Arc<Seen>,
    gate: Gate,
    kill_many: bool,
    begun: Instant,
    rounds: u64,
    caused: BTreeMap<Fault, u64>,
    recoveries: Vec<Duration>,
    ended_by_themselves: u64,
    comparisons: u64,
    compared: usize,
    wrong: usize,
}

impl Rounds {
    pub(super) fn new(faults: Faults, seen: Arc<Seen>, gate: Gate, kill_many: bool) -> Self {
        Self {
            faults,
            seen,
            gate,
            kill_many,
            begun: Instant::now(),
            rounds: 0,
            caused: BTreeMap::new(),
            recoveries: Vec::new(),
            ended_by_themselves: 0,
            comparisons: 0,
            compared: 0,
            wrong: 0,
        }
    }

    /// How many things broke.
    pub(super) fn caused(&self) -> u64 {
        self.caused.values().sum()
    }

    /// Processes killed: workers, Redis, Postgres.
    pub(super) fn kills(&self) -> u64 {
        let kills = self.caused.iter().filter(|(fault, _)| fault.kills());
        kills.map(|(_, count)| count).sum()
    }

    /// Keys that were not what Postgres holds.
    pub(super) fn wrong(&self) -> usize {
        self.wrong
    }

    /// Prints how often each thing broke and how long it took to follow again.
    pub(super) fn report(&self) {
        for (fault, count) in &self.caused {
            println!("{} {count}", fault.name().replace(' ', "_").to_lowercase());
        }
        let mut recoveries = self.recoveries.clone();
        recoveries.sort_unstable();
        let at = |share: f64| {
            let index = (recoveries.len().saturating_sub(1)) as f64 * share;
            recoveries
                .get(index as usize)
                .map_or(0.0, Duration::as_secs_f64)
        };
        println!("rounds {}", self.rounds);
        println!("recovery_s_p50 {:.2}", at(0.5));
        println!("recovery_s_p90 {:.2}", at(0.9));
        println!("recovery_s_max {:.2}", at(1.0));
        println!("workers_ended_by_themselves {}", self.ended_by_themselves);
        println!("comparisons {}", self.comparisons);
        println!("keys_compared {}", self.compared);
    }

    /// One of them.
    pub(super) async fn one(&mut self) -> Result<()> {
        self.rounds += 1;
        let plan = self.plan()?;
        for (fault, pause) in &plan {
            tokio::time::sleep(*pause).await;
            *self.caused.entry(*fault).or_default() += 1;
            let caused = self.faults.cause(*fault).await;
            caused.with_context(|| format!("cannot cause: {}", fault.name()))?;
        }
        let whole = Instant::now();
        self.follows().await?;
        let took = whole.elapsed();
        self.recoveries.push(took);
        println!(
            "{:7.1} s  kills {:4}  follows after {:5.2} s  stale {}  {}",
            self.begun.elapsed().as_secs_f64(),
            self.kills(),
            took.as_secs_f64(),
            self.seen.stale(),
            names_of(&plan)
        );
        tokio::time::sleep(TRUSTED_AGAIN).await;
        self.seen.set_calm(true);
        let calm = rand::rng().random_range(CALM_MS);
        tokio::time::sleep(Duration::from_millis(calm)).await;
        self.seen.set_calm(false);
        if self.rounds.is_multiple_of(COMPARE_EVERY) {
            self.compare().await?;
        }
        Ok(())
    }

    /// What breaks next, each after a pause.
    fn plan(&self) -> Result<Vec<(Fault, Duration)>> {
        let mut rng = rand::rng();
        let many = self.kill_many && !self.rounds.is_multiple_of(SOMETHING_ELSE_EVERY);
        let (count, choice) = if many {
            (rng.random_range(KILLS), Fault::KILLS.as_slice())
        } else {
            (1, Fault::ALL.as_slice())
        };
        (0..count)
            .map(|_| {
                let (fault, _) = choice.choose_weighted(&mut rng, |(_, weight)| *weight)?;
                let pause = Duration::from_millis(rng.random_range(BETWEEN_KILLS_MS));
                Ok((*fault, pause))
            })
            .collect()
    }

    /// Waits until the mirror has passed what was written by now.
    async fn follows(&mut self) -> Result<()> {
        let mut goal = None;
        let redis = self.faults.redis_url();
        let Self {
            faults,
            ended_by_themselves,
            ..
        } = self;
        wait::until("the mirror to follow", FOLLOWS_WITHIN, async || {
            *ended_by_themselves += faults.start_those_that_ended()?;
            let database = faults.database();
            let passed = async {
                let goal = match goal {
                    Some(goal) => goal,
                    None => *goal.insert(rest::written(database).await?),
                };
                rest::passed(goal, database, &redis).await
            };
            Ok(passed.await.map_err(|error| format!("{error:#}")))
        })
        .await
    }

    /// Stops everybody for a moment and compares every key with Postgres.
    pub(super) async fn compare(&mut self) -> Result<()> {
        let gate = Arc::clone(&self.gate);
        let _nobody_acts = gate.write().await;
        self.follows().await?;
        let found = rest::compare(self.faults.database(), &self.faults.redis_url()).await?;
        for key in &found.wrong {
            println!("  wrong: {key}");
        }
        self.comparisons += 1;
        self.compared += found.compared;
        self.wrong += found.wrong.len();
        Ok(())
    }
}

/// The names of what broke, those that repeat with their number.
fn names_of(plan: &[(Fault, Duration)]) -> String {
    let mut counts: BTreeMap<Fault, u32> = BTreeMap::new();
    for (fault, _) in plan {
        *counts.entry(*fault).or_default() += 1;
    }
    let names = counts.iter().map(|(fault, count)| match count {
        1 => fault.name().to_owned(),
        _ => format!("{} × {count}", fault.name()),
    });
    names.collect::<Vec<_>>().join(", ")
}
