//! Two months of syncing with the planner of the database, of few people. `make simulate-sync` does it
//! with many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bondhu_dev::bench::planning::{Figures, Scenario, loaded, simulate, spotify, youtube};
use bondhu_stack::testing::{Database, Role};

/// Steps are as long as the providers' intervals allow, so that a test takes seconds.
async fn simulated(scenario: Scenario, people: usize, load: f64) -> Figures {
    let database = Database::create().await;
    let owner = database.pool(Role::Superuser).await;
    simulate(&owner, loaded(scenario, people, load))
        .await
        .unwrap()
}

#[tokio::test]
async fn below_what_a_budget_carries_nobody_starves_and_no_term_is_missed() {
    for (scenario, people) in [
        (
            Scenario {
                step: 6 * 3_600,
                ..youtube()
            },
            600,
        ),
        (
            Scenario {
                step: 3_600,
                days: 8,
                ..spotify()
            },
            // The tenth of an hour's budget that is kept for who asks is more than one walk of everything takes.
            600,
        ),
    ] {
        // Room for chance: few people come less evenly than many, and all of them at first.
        let figures = simulated(scenario, people, 0.6).await;
        assert_eq!(
            (
                figures.missed_deadlines,
                figures.starved,
                figures.asked_in_vain
            ),
            (0, 0, 0),
            "{figures:?}"
        );
    }
}

#[tokio::test]
async fn above_it_everybody_is_synced_later_alike_and_terms_are_kept_first() {
    let scenario = Scenario {
        step: 6 * 3_600,
        ..youtube()
    };
    let figures = simulated(scenario, 600, 2.0).await;
    assert_eq!(
        (figures.missed_deadlines, figures.asked_in_vain),
        (0, 0),
        "{figures:?}"
    );
    assert!(figures.worst_to_median_interval <= 2.0, "{figures:?}");
    assert!(figures.active_interval > 43_200.0, "{figures:?}");
}

#[tokio::test]
async fn past_the_term_data_expires_and_still_everybody_has_their_turn() {
    let scenario = Scenario {
        step: 6 * 3_600,
        days: 120,
        ..youtube()
    };
    let past =
        1.5 * scenario.budget.carries_by_term().unwrap() as f64 / scenario.budget.carries() as f64;
    let figures = simulated(scenario, 600, past).await;
    assert!(figures.missed_deadlines > 0, "{figures:?}");
    assert!(figures.latest < 60 * 86_400, "{figures:?}");
}
