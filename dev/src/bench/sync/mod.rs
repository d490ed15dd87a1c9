//! `make bench-sync`: what syncing takes, against what the providers alone would take, and costs.
//!
//! The stand-in answers after a provider's latency; each connection has twenty pages. The worker
//! is a process of its own. Planning and claiming are measured among a million connections.

mod pages;
mod pulls;
pub(super) mod queue;

use anyhow::Result;

use crate::bench::figures::{Bound, Comparator, Report, Target};
use crate::rig::sync::Rig;

const TARGETS: [Target; 3] = [
    (
        "latency_bound_ratio",
        0.90,
        Bound::Least,
        "8 connections at once, ÷ what 150 ms a page alone allow",
    ),
    (
        "peak_rss_mb",
        80.0,
        Bound::Greatest,
        "10,000 connections known, 64 in flight",
    ),
    (
        "claim_500_ms",
        20.0,
        Bound::Greatest,
        "of 1,000,000 connections: select and lease 500",
    ),
];

const COMPARATORS: [Comparator; 6] = [
    ("plan_500_ms", "of 1,000,000, 1 % due: mark 500 as queued"),
    ("connections_per_s", "8 connections at once"),
    ("connections_per_s_64", "64 connections at once"),
    ("pages_per_connection", "requests that a pull makes"),
    ("cpu_ms_per_connection", "of the worker, user and system"),
    ("statements_per_page", "begin and commit counted too"),
];

/// Measures, prints `name value` lines and a table of what was reached.
///
/// # Errors
/// A server does not start, or a connection does not come to rest.
pub async fn run() -> Result<()> {
    let mut report = Report::new(&TARGETS, &COMPARATORS);
    let mut rig = Rig::start("bench-sync", true).await?;
    rig.count_statements().await?;
    rig.link(pulls::PEOPLE, &["spotify"]).await?;
    pages::give_everybody(&rig, pulls::PEOPLE).await?;
    rig.standin.set_latency(pulls::LATENCY);
    pulls::few_at_once(&rig, &mut report).await?;
    pulls::many_at_once(&rig, &mut report).await?;
    queue::measure(&rig, &mut report).await?;
    report.print();
    Ok(())
}
