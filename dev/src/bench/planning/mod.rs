//! `make simulate-sync`: weeks of syncing of many people, with the planner that the database has. Below what
//! the budget carries nobody starves and no term is missed; above it everybody's syncs come later alike.

mod people;
mod simulation;

use anyhow::Result;
use bondhu_core::planning::Cadence;
use bondhu_core::planning::capacity::{Budget, LIBRARY_REQUESTS};

pub use simulation::{Figures, Scenario, simulate};

use crate::bench::figures::{Bound, Comparator, Report, Target};
use crate::rig::sync::Rig;

const TARGETS: [Target; 5] = [
    (
        "missed_deadlines_below",
        0.0,
        Bound::Greatest,
        "YouTube data older than 30 days, at what the budget carries",
    ),
    (
        "starved_below",
        0.0,
        Bound::Greatest,
        "people who waited a day longer than planned, both providers",
    ),
    (
        "asked_in_vain",
        0.0,
        Bound::Greatest,
        "people who asked and were not next, below and above",
    ),
    (
        "missed_deadlines_twice",
        0.0,
        Bound::Greatest,
        "YouTube data older than 30 days, at twice as many people",
    ),
    (
        "worst_to_median_interval_above",
        1.5,
        Bound::Greatest,
        "of who waits longest, at twice as many people and past the term",
    ),
];

const COMPARATORS: [Comparator; 8] = [
    (
        "people_per_budget_spotify",
        "259,200 requests a day, 10 % active, hourly",
    ),
    (
        "people_per_budget_youtube",
        "10,000 units a day, 10 % active, every 12 hours",
    ),
    (
        "people_by_term_youtube",
        "the same, refreshed within 30 days",
    ),
    (
        "latest_below_hours",
        "the longest anybody waited beyond what was planned",
    ),
    (
        "active_hours_spotify_twice",
        "between two pulls of who is active, at twice as many people",
    ),
    ("active_hours_youtube_twice", "the same of YouTube"),
    ("pulls", "in all simulations"),
    ("minutes", "that they took"),
];

/// Spotify as `bondhu.provider_settings` has it at first.
#[must_use]
pub const fn spotify() -> Scenario {
    Scenario {
        provider: "spotify",
        budget: Budget {
            requests_a_day: 259_200,
            cadence: Cadence {
                interval: 3_600,
                library_interval: Some(86_400),
                retention: None,
            },
            library_requests_hundredths: LIBRARY_REQUESTS * 100,
            active_percent: 10,
        },
        step: 1_800,
        people: 0,
        days: 60,
        one_asks_among: 200,
    }
}

/// YouTube likewise.
#[must_use]
pub const fn youtube() -> Scenario {
    Scenario {
        provider: "youtube",
        budget: Budget {
            requests_a_day: 10_000,
            cadence: Cadence {
                interval: 43_200,
                library_interval: None,
                retention: Some(30 * 86_400),
            },
            library_requests_hundredths: LIBRARY_REQUESTS * 100,
            active_percent: 10,
        },
        step: 3_600,
        people: 0,
        days: 60,
        one_asks_among: 200,
    }
}

/// The scenario with so many people, and a budget that carries `1 / load` of them.
#[must_use]
pub fn loaded(scenario: Scenario, people: usize, load: f64) -> Scenario {
    let budget = scenario.budget;
    let needed = people as f64 / load * budget.requests_a_day as f64 / budget.carries() as f64;
    Scenario {
        people,
        budget: Budget {
            requests_a_day: needed.ceil() as i64,
            ..budget
        },
        ..scenario
    }
}

/// Simulates, prints `name value` lines and a table of what was reached.
///
/// # Errors
/// Postgres does not start, or the planner claims what it should not.
pub async fn run(people: usize, days: i64) -> Result<()> {
    let begun = std::time::Instant::now();
    let mut report = Report::new(&TARGETS, &COMPARATORS);
    let (spotify, youtube) = (
        Scenario { days, ..spotify() },
        Scenario { days, ..youtube() },
    );
    report.quantity("people_per_budget_spotify", spotify.budget.carries() as f64);
    report.quantity("people_per_budget_youtube", youtube.budget.carries() as f64);
    let by_term = youtube.budget.carries_by_term().unwrap_or_default();
    report.quantity("people_by_term_youtube", by_term as f64);
    // Half again as many as can be refreshed in time.
    let past_term = 1.5 * by_term as f64 / youtube.budget.carries() as f64;

    let rig = Rig::start("simulate-sync", false).await?;
    let (mut all, mut number) = (Vec::new(), 0);
    for (scenario, load) in [
        (youtube, 1.0),
        (spotify, 1.0),
        (youtube, 2.0),
        (spotify, 2.0),
        (youtube, past_term),
    ] {
        number += 1;
        let name = format!("simulated{number}");
        let database = rig.empty_database(&name).await?;
        let figures = simulate(&database, loaded(scenario, people, load)).await?;
        database.close().await;
        rig.remove(&name).await?;
        println!(
            "# {} at {load:.1} times what is carried: {figures:?}",
            scenario.provider
        );
        all.push(figures);
    }
    let [youtube, spotify, youtube_twice, spotify_twice, past] = all.as_slice() else {
        anyhow::bail!("five simulations have five figures");
    };
    let hours = |seconds: f64| seconds / 3_600.0;
    report.quantity("missed_deadlines_below", youtube.missed_deadlines as f64);
    report.quantity("starved_below", (youtube.starved + spotify.starved) as f64);
    let in_vain: u64 = all.iter().map(|figures| figures.asked_in_vain).sum();
    report.quantity("asked_in_vain", in_vain as f64);
    report.quantity(
        "missed_deadlines_twice",
        youtube_twice.missed_deadlines as f64,
    );
    report.ratio(
        "worst_to_median_interval_above",
        [youtube_twice, spotify_twice, past]
            .map(|figures| figures.worst_to_median_interval)
            .into_iter()
            .fold(0.0, f64::max),
    );
    report.quantity(
        "latest_below_hours",
        hours(youtube.latest.max(spotify.latest) as f64),
    );
    report.quantity(
        "active_hours_spotify_twice",
        hours(spotify_twice.active_interval),
    );
    report.quantity(
        "active_hours_youtube_twice",
        hours(youtube_twice.active_interval),
    );
    let pulls: u64 = all.iter().map(|figures| figures.pulls).sum();
    report.quantity("pulls", pulls as f64);
    report.quantity("minutes", begun.elapsed().as_secs_f64() / 60.0);
    report.print();
    Ok(())
}
