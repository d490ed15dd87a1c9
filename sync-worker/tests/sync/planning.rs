//! Which connections are queued, and when.

use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::World;

/// Connections without a provider behind them: `due` seconds ago.
async fn connected(world: &World, provider: &str, due: f64) -> Uuid {
    let user = world.database.user().await;
    sqlx::query(
        "insert into public.provider_connections (user_id, provider, connected_at, next_sync_at)
         values ($1, $2, now(), now() - make_interval(secs => $3))",
    )
    .bind(user)
    .bind(provider)
    .bind(due)
    .execute(&world.admin)
    .await
    .unwrap();
    sqlx::query("insert into bondhu.sync_jobs (user_id, provider) values ($1, $2)")
        .bind(user)
        .bind(provider)
        .execute(&world.admin)
        .await
        .unwrap();
    user
}

async fn plan(world: &World) -> i64 {
    sqlx::query_scalar("select bondhu.plan_syncs()")
        .fetch_one(&world.context.database)
        .await
        .unwrap()
}

async fn set(world: &World, statement: &str) {
    sqlx::query(statement).execute(&world.admin).await.unwrap();
}

#[tokio::test]
async fn only_due_connections_are_queued_and_each_once() {
    let world = World::new().await;
    let due = connected(&world, "spotify", 1.0).await;
    let later = connected(&world, "spotify", -60.0).await;
    assert_eq!((plan(&world).await, plan(&world).await), (1, 0));
    assert_eq!(world.status(due, Provider::Spotify).await, "queued");
    assert_eq!(world.status(later, Provider::Spotify).await, "pending");
}

#[tokio::test]
async fn a_budget_is_not_planned_beyond_and_what_waits_counts() {
    let world = World::new().await;
    for seconds in 1..=5 {
        connected(&world, "spotify", f64::from(seconds)).await;
        connected(&world, "youtube", f64::from(seconds)).await;
    }
    set(
        &world,
        "update bondhu.provider_settings set requests_per_window = 15 where provider = 'spotify'",
    )
    .await;
    assert_eq!(
        plan(&world).await,
        3 + 5,
        "a minute of 30 requests, ten a connection"
    );
    assert_eq!(plan(&world).await, 0, "three wait already");
    set(
        &world,
        "insert into bondhu.provider_ledger select 'youtube', bondhu.quota_window_start(s, now()), 10000
                 from bondhu.provider_settings s where provider = 'youtube'",
    )
    .await;
    set(&world, "update public.provider_connections set status = 'ok' where status = 'queued' and provider = 'youtube'").await;
    assert_eq!(plan(&world).await, 0, "the day is used up");
}

#[tokio::test]
async fn who_asked_comes_first_then_who_is_due_longest() {
    let world = World::new().await;
    let (_late, asked, longest) = (
        connected(&world, "spotify", 10.0).await,
        connected(&world, "spotify", 1.0).await,
        connected(&world, "spotify", 100.0).await,
    );
    sqlx::query("update bondhu.sync_jobs set requested_at = now() where user_id = $1")
        .bind(asked)
        .execute(&world.admin)
        .await
        .unwrap();
    plan(&world).await;
    let claimed: Vec<Uuid> = sqlx::query_scalar("select user_id from bondhu.claim_syncs('w', 1)")
        .fetch_all(&world.context.database)
        .await
        .unwrap();
    assert_eq!(claimed, [asked]);
    let claimed: Vec<Uuid> = sqlx::query_scalar("select user_id from bondhu.claim_syncs('w', 1)")
        .fetch_all(&world.context.database)
        .await
        .unwrap();
    assert_eq!(claimed, [longest]);
}

#[tokio::test]
async fn nobody_is_queued_before_their_time_or_while_the_provider_is_stopped_or_off() {
    let world = World::new().await;
    connected(&world, "spotify", 1.0).await;
    for (hold, release) in [
        (
            "update bondhu.sync_jobs set not_before = now() + interval '13 h'",
            "update bondhu.sync_jobs set not_before = null",
        ),
        (
            "update bondhu.provider_settings set blocked_until = now() + interval '1 h', blocked_reason = 'quota'",
            "update bondhu.provider_settings set blocked_until = null, blocked_reason = null",
        ),
        (
            "update bondhu.provider_settings set enabled = false",
            "update bondhu.provider_settings set enabled = true",
        ),
        (
            "update public.provider_connections set status = 'needs_reauth'",
            "update public.provider_connections set status = 'failing'",
        ),
    ] {
        set(&world, hold).await;
        assert_eq!(plan(&world).await, 0, "{hold}");
        set(&world, release).await;
    }
    assert_eq!(plan(&world).await, 1);
}

#[tokio::test]
async fn a_day_of_youtube_begins_at_midnight_pacific_through_clock_changes() {
    let world = World::new().await;
    for (at, start) in [
        ("2026-11-23T07:59:59Z", "2026-11-22T08:00:00Z"),
        ("2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z"),
        ("2026-07-01T06:59:59Z", "2026-06-30T07:00:00Z"),
        ("2026-03-08T23:00:00Z", "2026-03-08T08:00:00Z"),
        ("2026-11-01T23:00:00Z", "2026-11-01T07:00:00Z"),
    ] {
        let same: bool = sqlx::query_scalar(
            "select bondhu.quota_window_start(s, $1::timestamptz) = $2::timestamptz
             from bondhu.provider_settings s where provider = 'youtube'",
        )
        .bind(at)
        .bind(start)
        .fetch_one(&world.admin)
        .await
        .unwrap();
        assert!(same, "{at}");
    }
}

#[tokio::test]
async fn the_worker_sees_no_more_of_the_database_than_it_needs() {
    let world = World::new().await;
    for refused in [
        "select * from public.personality_history limit 0",
        "insert into public.chat_messages (user_id, message_text) values (gen_random_uuid(), 'x')",
        "insert into bondhu.oauth_states select * from bondhu.oauth_states",
        "select * from auth.users limit 0",
        "update bondhu.provider_settings set client_id = 'x'",
        "insert into public.provider_connections (user_id, provider) values (gen_random_uuid(), 'spotify')",
        "delete from bondhu.sync_jobs",
    ] {
        let error = sqlx::query(refused)
            .execute(&world.context.database)
            .await
            .unwrap_err();
        let code = error
            .as_database_error()
            .and_then(|e| e.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{refused}");
    }
}
