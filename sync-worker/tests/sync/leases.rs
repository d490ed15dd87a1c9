//! Who may write for a connection, and what happens when they stop.

use std::sync::Arc;
use std::time::Duration;

use bondhu_standin::{Fault, Outcome};
use sync_worker::provider::Provider;
use sync_worker::sync::{run, run_once};
use tokio_util::sync::CancellationToken;

use crate::fixture::{World, eventually, refusal};

const SUBSCRIPTIONS: &str = "/youtube/v3/subscriptions";

/// Makes the second page of subscriptions slow: a worker is caught between two pages.
fn slow_second_page(world: &World) {
    let slow = Outcome::Delayed(Duration::from_secs(3));
    world
        .standin
        .inject(Fault::on(SUBSCRIPTIONS, slow).after(1));
}

async fn first_page_is_stored(world: &World, user: uuid::Uuid) {
    eventually("the first page", async || {
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await
            == 50
    })
    .await;
}

#[tokio::test]
async fn a_queued_connection_is_claimed_once() {
    let world = World::new().await;
    for account in 1..=6 {
        world.linked(Provider::Spotify, account).await;
    }
    sqlx::query("select bondhu.plan_syncs()")
        .execute(&world.admin)
        .await
        .unwrap();
    let claim = || async {
        let claimed: Vec<uuid::Uuid> =
            sqlx::query_scalar("select user_id from bondhu.claim_syncs('w', 3)")
                .fetch_all(&world.context.database)
                .await
                .unwrap();
        claimed
    };
    let (a, b, c) = tokio::join!(claim(), claim(), claim());
    let all: std::collections::HashSet<_> = a.iter().chain(&b).chain(&c).collect();
    assert_eq!(
        all.len(),
        a.len() + b.len() + c.len(),
        "nobody got what another has"
    );
    let rest = claim().await.len() + claim().await.len();
    assert_eq!(all.len() + rest, 6);
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_writes_nothing_more() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    slow_second_page(&world);
    let zombie = tokio::spawn(run_once(
        Arc::clone(&world.context),
        CancellationToken::new(),
    ));
    first_page_is_stored(&world, user).await;

    sqlx::query(
        "update bondhu.sync_jobs set lease_token = gen_random_uuid(), lease_owner = 'heir'",
    )
    .execute(&world.admin)
    .await
    .unwrap();
    zombie.await.unwrap().unwrap();
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        50
    );
    assert_eq!(
        world.status(user, Provider::YouTube).await,
        "syncing",
        "the heir's work is not concluded"
    );
    let heirs = "bondhu.sync_jobs where user_id = $1 and lease_owner = 'heir'";
    assert_eq!(world.count(heirs, user).await, 1);
}

#[tokio::test]
async fn a_killed_workers_walk_is_taken_over_at_its_page() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    slow_second_page(&world);
    let killed = tokio::spawn(run_once(
        Arc::clone(&world.context),
        CancellationToken::new(),
    ));
    first_page_is_stored(&world, user).await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    assert_eq!(world.sync().await, 0, "its lease still runs");

    world.let_time_pass().await;
    assert_eq!(world.sync().await, 1);
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        115
    );
    let first_pages = world
        .requests(SUBSCRIPTIONS)
        .iter()
        .filter(|r| r.query.get("pageToken").is_none())
        .count();
    assert_eq!(first_pages, 1);
}

#[tokio::test]
async fn a_stopping_worker_gives_back_what_it_holds_at_the_next_page() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    slow_second_page(&world);
    let stop = CancellationToken::new();
    let worker = tokio::spawn(run(Arc::clone(&world.context), stop.clone()));
    first_page_is_stored(&world, user).await;
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(world.status(user, Provider::YouTube).await, "queued");
    let free = "bondhu.sync_jobs where user_id = $1 and lease_token is null and checkpoint <> '{}' and attempts = 0";
    assert_eq!(world.count(free, user).await, 1);

    assert_eq!(
        world.sync().await,
        1,
        "at once, without waiting for a lease to run out"
    );
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    let first_pages = world
        .requests(SUBSCRIPTIONS)
        .iter()
        .filter(|r| r.query.get("pageToken").is_none())
        .count();
    assert_eq!(first_pages, 1);
}

#[tokio::test]
async fn a_pull_that_is_disconnected_under_way_leaves_nothing() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    slow_second_page(&world);
    let pull = tokio::spawn(run_once(
        Arc::clone(&world.context),
        CancellationToken::new(),
    ));
    first_page_is_stored(&world, user).await;
    world.disconnect(user, Provider::YouTube).await;
    pull.await.unwrap().unwrap();
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        0
    );
    assert_eq!(
        world
            .count("bondhu.provider_tokens where user_id = $1", user)
            .await,
        0
    );
    assert_eq!(world.status(user, Provider::YouTube).await, "disconnected");
}

#[tokio::test]
async fn a_user_who_is_deleted_under_way_leaves_nothing() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    slow_second_page(&world);
    let pull = tokio::spawn(run_once(
        Arc::clone(&world.context),
        CancellationToken::new(),
    ));
    first_page_is_stored(&world, user).await;
    sqlx::query("delete from auth.users where id = $1")
        .bind(user)
        .execute(&world.admin)
        .await
        .unwrap();
    pull.await.unwrap().unwrap();
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        0
    );
    assert_eq!(
        world
            .count("public.provider_connections where user_id = $1", user)
            .await,
        0
    );
}

#[tokio::test]
async fn the_deletion_of_a_user_wins_over_a_page_that_is_being_stored() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    sqlx::query("select bondhu.plan_syncs()")
        .execute(&world.admin)
        .await
        .unwrap();
    let lease: uuid::Uuid =
        sqlx::query_scalar("select lease_token from bondhu.claim_syncs('w', 1)")
            .fetch_one(&world.context.database)
            .await
            .unwrap();

    // The page has the job and will want the user; the deletion has the user and wants the job.
    let mut page = world.context.database.begin().await.unwrap();
    sqlx::query("select bondhu.hold_lease($1, 'youtube', $2)")
        .bind(user)
        .bind(lease)
        .execute(&mut *page)
        .await
        .unwrap();
    let admin = world.admin.clone();
    let deletion = tokio::spawn(async move {
        sqlx::query("delete from auth.users where id = $1")
            .bind(user)
            .execute(&admin)
            .await
    });
    eventually("the deletion waits", async || {
        let waiting =
            "pg_stat_activity where $1 is not null and wait_event_type = 'Lock' and query like 'delete from auth.users%'";
        world.count(waiting, user).await == 1
    })
    .await;
    let stored = sqlx::query(
        "insert into public.video_subscriptions (user_id, channel_id, walk_id) values ($1, 'c', gen_random_uuid())",
    )
    .bind(user)
    .execute(&mut *page)
    .await
    .unwrap_err();
    assert_eq!(
        refusal(&stored).0,
        "55P03",
        "lock_not_available, before anybody is a deadlock's victim"
    );
    page.rollback().await.unwrap();
    deletion.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_running_worker_plans_where_cron_does_not_and_picks_up_requests() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(run(Arc::clone(&world.context), stop.clone()));
    eventually("a first sync", async || {
        world.status(user, Provider::Spotify).await == "ok"
    })
    .await;
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_lease_is_a_token_an_owner_and_an_end_or_none_of_them() {
    let world = World::new().await;
    world.linked(Provider::Spotify, 1).await;
    let refused = sqlx::query("update bondhu.sync_jobs set lease_token = gen_random_uuid()")
        .execute(&world.admin)
        .await
        .unwrap_err();
    assert_eq!(
        refused.as_database_error().unwrap().constraint(),
        Some("lease_has_token")
    );
}
