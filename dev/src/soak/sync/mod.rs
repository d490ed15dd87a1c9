//! `make soak-sync`: whatever happens to the worker, to the providers and to the servers, what
//! is stored in the end is what an undisturbed worker stores.
//!
//! The worker is a process of its own and the same binary as in production. States are compared
//! row for row, over every table that the worker may change.

mod faults;
mod kills;
mod undisturbed;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::rig::sync::{Difference, PROVIDERS};

pub use faults::{FAULTS, Fault};
pub use kills::Killed;
pub use undisturbed::{Reference, Soak};

/// Both providers each: 200 connections.
const PEOPLE: u64 = 100;
/// In a database where something else than the worker fails.
const FEW_PEOPLE: u64 = 2;
const KILLS: usize = 100;
/// Pages are asked for so many times on average, and no more.
const MOST_CALLS_PER_PAGE: f64 = 2.0;
/// What all of it came to.
#[derive(Default)]
struct Outcome {
    kills: usize,
    calls: u64,
    pages: usize,
    faults: usize,
    lost: usize,
    duplicated: usize,
}

impl Outcome {
    fn add(&mut self, what: &str, difference: &Difference) {
        self.lost += difference.lost.len();
        self.duplicated += difference.duplicated.len();
        if !difference.is_none() {
            println!("  {what} left another state:\n{}", difference.describe());
        }
    }

    fn calls_per_page(&self) -> f64 {
        self.calls as f64 / self.pages as f64
    }

    fn print(&self) {
        println!("kills {}", self.kills);
        println!("pages {}", self.pages);
        println!("requests_per_page {:.2}", self.calls_per_page());
        println!("faults {}", self.faults);
        println!("lost {}", self.lost);
        println!("duplicated {}", self.duplicated);
    }

    fn holds(&self) -> bool {
        self.lost + self.duplicated == 0 && self.calls_per_page() <= MOST_CALLS_PER_PAGE
    }
}

/// Runs both parts, each for half of the time and at least once, and prints what came of it.
///
/// # Errors
/// A server does not start, or a connection does not come to rest.
pub async fn run(seconds: Duration, seed: Option<u64>) -> Result<ExitCode> {
    let seed = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("seed {seed}");
    let mut soak = Soak::start(PEOPLE, seed).await?;
    let undisturbed = soak.undisturbed(PEOPLE).await?;
    let few = soak.undisturbed(FEW_PEOPLE).await?;
    println!(
        "  {} connections, {} pages, {} rows",
        PEOPLE * PROVIDERS.len() as u64,
        undisturbed.pages(),
        undisturbed.rows.len()
    );
    ensure!(!undisturbed.rows.is_empty(), "nothing was pulled at all");

    let mut outcome = Outcome::default();
    let end_of_kills = Instant::now() + seconds / 2;
    while outcome.kills == 0 || Instant::now() < end_of_kills {
        let killed = soak.kill(&undisturbed, KILLS, end_of_kills).await?;
        println!(
            "  the worker was killed {} times; {} requests for {} pages",
            killed.kills,
            killed.calls,
            undisturbed.pages()
        );
        outcome.kills += killed.kills;
        outcome.calls += killed.calls;
        outcome.pages += undisturbed.pages();
        outcome.add("being killed", &killed.difference);
    }
    let end_of_faults = Instant::now() + seconds / 2;
    while outcome.faults == 0 || Instant::now() < end_of_faults {
        for fault in FAULTS {
            let suffered = soak.suffer(&[fault], &few).await;
            let difference = suffered.with_context(|| fault.to_string())?;
            println!("  survived: {fault}");
            outcome.faults += 1;
            outcome.add(&fault.to_string(), &difference);
        }
    }
    outcome.print();
    Ok(if outcome.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
