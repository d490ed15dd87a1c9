//! The small edition of `make soak-sync`: whatever happens, the end is the undisturbed one.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use bondhu_dev::soak::sync::{FAULTS, Fault, Reference, Soak};

/// Any number; it chooses the moments.
const SEED: u64 = 5;
const PEOPLE: u64 = 2;

async fn soak() -> (Soak, Reference) {
    let soak = Soak::start(PEOPLE, SEED).await.unwrap();
    let undisturbed = soak.undisturbed(PEOPLE).await.unwrap();
    (soak, undisturbed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_again_and_again_loses_nothing_and_repeats_little() {
    let (mut soak, undisturbed) = soak().await;
    let no_deadline = Instant::now() + Duration::from_hours(1);
    let killed = soak.kill(&undisturbed, 5, no_deadline).await.unwrap();
    assert!(killed.kills >= 3, "{}", killed.kills);
    assert!(
        killed.difference.is_none(),
        "{}",
        killed.difference.describe()
    );
    let pages = undisturbed.pages() as u64;
    assert!(killed.calls <= 2 * pages, "{} for {pages}", killed.calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_providers_in_one_walk_leave_what_no_fault_leaves() {
    let (mut soak, undisturbed) = soak().await;
    let answers: Vec<Fault> = FAULTS.into_iter().filter(Fault::is_answer).collect();
    let difference = soak.suffer(&answers, &undisturbed).await.unwrap();
    assert!(difference.is_none(), "{}", difference.describe());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_around_the_worker_leaves_what_no_fault_leaves() {
    let (mut soak, undisturbed) = soak().await;
    for fault in FAULTS.into_iter().filter(|fault| !fault.is_answer()) {
        let difference = soak.suffer(&[fault], &undisturbed).await.unwrap();
        assert!(difference.is_none(), "{fault}: {}", difference.describe());
    }
}
