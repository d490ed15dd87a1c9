//! Providers that ask to wait: one user, or everybody.

use std::time::{Duration, Instant};

use bondhu_stack::testing::redis;
use bondhu_standin::{Fault, Outcome, Reply, StandinConfig};
use serde_json::json;
use sync_worker::cache::RedisTarget;
use sync_worker::provider::Provider;
use sync_worker::sync::{Allowance, run_once};
use tokio_util::sync::CancellationToken;

use crate::fixture::World;

const TOP_ARTISTS: &str = "/spotify/v1/me/top/artists";
const SUBSCRIPTIONS: &str = "/youtube/v3/subscriptions";

#[tokio::test]
async fn a_wish_to_wait_is_kept_in_the_database_and_never_slept() {
    for seconds in [2, 48_925] {
        let world = World::new().await;
        let (user, other) = (
            world.linked(Provider::Spotify, 1).await,
            world.linked(Provider::YouTube, 2).await,
        );
        world.standin.inject(Fault::spotify_rate_limit(
            TOP_ARTISTS,
            Duration::from_secs(seconds),
        ));
        let started = Instant::now();
        world.sync().await;
        assert!(started.elapsed() < Duration::from_secs(60));
        let standing = world.standing(user, Provider::Spotify).await;
        assert_eq!(
            (
                standing.status.as_str(),
                standing.last_error_code.as_deref()
            ),
            ("failing", Some("rate_limited"))
        );
        let held = world.held_back_for(user, Provider::Spotify).await.unwrap();
        // Never less than the provider's wish; our own back-off is up to 30 s.
        assert!(
            (seconds as f64 - 60.0..=seconds.max(30) as f64).contains(&held),
            "{held}"
        );
        assert_eq!(
            world.status(other, Provider::YouTube).await,
            "ok",
            "nobody else waits"
        );
        assert_eq!(world.sync().await, 0);
    }
}

#[tokio::test]
async fn a_rate_limit_without_a_number_backs_off_by_itself() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    let limited = Fault::recorded(SUBSCRIPTIONS, "youtube", "rateLimitExceeded").unwrap();
    world.standin.inject(limited.times(3));
    let mut waits = Vec::new();
    for _ in 0..3 {
        world.let_time_pass().await;
        world.sync().await;
        assert_eq!(
            world
                .standing(user, Provider::YouTube)
                .await
                .last_error_code
                .as_deref(),
            Some("rate_limited")
        );
        waits.push(world.held_back_for(user, Provider::YouTube).await.unwrap());
    }
    // Half to whole of 30 s, 60 s, 120 s.
    assert!(
        (10.0..=30.0).contains(&waits[0])
            && (25.0..=60.0).contains(&waits[1])
            && (55.0..=120.0).contains(&waits[2]),
        "{waits:?}"
    );
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
}

#[tokio::test]
async fn a_quota_refusal_stops_the_provider_for_everybody_and_no_other() {
    let world = World::new().await;
    let refused = Fault::recorded("/spotify/v1/*", "spotify", "api_429_quota").unwrap();
    let users = [
        world.linked(Provider::Spotify, 1).await,
        world.linked(Provider::Spotify, 2).await,
    ];
    let viewer = world.linked(Provider::YouTube, 3).await;
    world.standin.inject(refused);
    let context = world.context_with(|context| context.concurrency = 1);
    run_once(context, CancellationToken::new()).await.unwrap();

    let blocked: f64 = sqlx::query_scalar(
        "select extract(epoch from blocked_until - now())::float8 from bondhu.provider_settings where provider = 'spotify'",
    )
    .fetch_one(&world.admin)
    .await
    .unwrap();
    assert!((48_800.0..=48_925.0).contains(&blocked), "{blocked}");
    let statuses = [
        world.status(users[0], Provider::Spotify).await,
        world.status(users[1], Provider::Spotify).await,
    ];
    assert!(
        statuses.contains(&"failing".to_owned()) && statuses.contains(&"queued".to_owned()),
        "{statuses:?}"
    );
    assert_eq!(world.status(viewer, Provider::YouTube).await, "ok");
    assert_eq!(world.sync().await, 0, "nobody is synced before");

    world.let_time_pass().await;
    assert_eq!(world.sync().await, 3);
    for user in users {
        assert_eq!(world.status(user, Provider::Spotify).await, "ok");
    }
}

#[tokio::test]
async fn youtube_goes_on_at_midnight_pacific() {
    // One unit for the account, two for pages.
    let world = World::with(StandinConfig {
        youtube_daily_units: 3,
        ..StandinConfig::default()
    })
    .await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.sync().await;
    let standing = world.standing(user, Provider::YouTube).await;
    assert_eq!(standing.last_error_code.as_deref(), Some("quota_exceeded"));
    let midnight: bool = sqlx::query_scalar(
        "select blocked_until > now() and blocked_until <= now() + interval '25 h'
           and (blocked_until at time zone 'America/Los_Angeles')::time = '00:00'
         from bondhu.provider_settings where provider = 'youtube'",
    )
    .fetch_one(&world.admin)
    .await
    .unwrap();
    assert!(midnight);
}

#[tokio::test]
async fn app_credentials_that_the_provider_does_not_know_stop_it_for_a_while() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.standin.expire_access_tokens();
    world
        .standin
        .inject(Fault::recorded("/spotify/api/token", "spotify", "token_invalid_client").unwrap());
    world.sync().await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(
        (
            standing.status.as_str(),
            standing.last_error_code.as_deref()
        ),
        ("failing", Some("app_refused"))
    );
    let blocked = "bondhu.provider_settings
                   where provider = 'spotify' and $1 is not null and blocked_until between now() and now() + interval '1 h'";
    assert_eq!(world.count(blocked, user).await, 1);
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_is_retried_and_no_reason_for_new_consent() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.standin.expire_access_tokens();
    world
        .standin
        .inject(Fault::server_error("/spotify/api/token"));
    world.sync().await;
    assert_eq!(
        world
            .standing(user, Provider::Spotify)
            .await
            .last_error_code
            .as_deref(),
        Some("server_error")
    );
    world.let_time_pass().await;
    world.standin.inject(Fault::on(
        "/spotify/api/token",
        Outcome::Reply(Reply::new(429, json!("slow down")).header("retry-after", "7200")),
    ));
    world.sync().await;
    assert_eq!(
        world
            .standing(user, Provider::Spotify)
            .await
            .last_error_code
            .as_deref(),
        Some("rate_limited")
    );
    assert!(world.held_back_for(user, Provider::Spotify).await.unwrap() > 7_000.0);
}

#[tokio::test]
async fn a_used_up_budget_gives_the_connection_back_at_its_page() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let budget = |requests: i32| {
        let set = "update bondhu.provider_settings set requests_per_window = $1 where provider = 'spotify'";
        sqlx::query(set).bind(requests).execute(&world.admin)
    };
    budget(15).await.unwrap();
    world.sync().await;
    let sent = || {
        let requests = world.standin.requests().into_iter();
        requests
            .filter(|request| request.path.starts_with("/spotify/v1/"))
            .count()
    };
    assert_eq!(
        sent(),
        15,
        "not one more, the one for the account's name included"
    );
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(standing.status, "queued");
    assert_eq!(standing.last_error_code.as_deref(), Some("quota_exceeded"));
    let held = world.held_back_for(user, Provider::Spotify).await.unwrap();
    assert!((1.0..=32.0).contains(&held), "{held}");

    budget(1_000).await.unwrap();
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
    let whole = World::new().await;
    whole.linked(Provider::Spotify, 1).await;
    whole.sync().await;
    let undisturbed = whole.standin.requests().len();
    assert_eq!(
        world.standin.requests().len(),
        undisturbed,
        "no page is asked for twice"
    );
}

#[tokio::test]
async fn one_persons_pulls_are_counted_in_redis_and_unlimited_without_it() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let mut cache = redis().await;
    let key = format!("ratelimit:spotify:{{{user}}}");
    let mut connection = cache.connect().await;
    redis::cmd("SET")
        .arg(&key)
        .arg(55)
        .arg("EX")
        .arg(60)
        .exec_async(&mut connection)
        .await
        .unwrap();
    let allowance = Allowance::new(RedisTarget::parse(&cache.url()).unwrap());
    let context = world.context_with(|context| context.allowance = allowance.clone());
    run_once(context, CancellationToken::new()).await.unwrap();
    assert_eq!(world.status(user, Provider::Spotify).await, "queued");
    let pages = "public.music_top_items where user_id = $1";
    let stored = world.count(pages, user).await;
    assert!((1..120).contains(&stored), "{stored}");

    cache.stop();
    world.let_time_pass().await;
    let context = world.context_with(|context| context.allowance = allowance);
    run_once(context, CancellationToken::new()).await.unwrap();
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

#[tokio::test]
async fn a_count_that_nothing_ends_holds_a_person_back_for_a_minute_and_ends_then() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let cache = redis().await;
    let key = format!("ratelimit:spotify:{{{user}}}");
    let mut connection = cache.connect().await;
    let allowance = Allowance::new(RedisTarget::parse(&cache.url()).unwrap());
    for expiry in [&[][..], &["EX", "86400"], &["PX", "900"]] {
        world.let_time_pass().await;
        redis::cmd("SET")
            .arg(&key)
            .arg(100_000)
            .arg(expiry)
            .exec_async(&mut connection)
            .await
            .unwrap();
        let begun: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("select clock_timestamp()")
            .fetch_one(&world.admin)
            .await
            .unwrap();
        let context = world.context_with(|context| context.allowance = allowance.clone());
        run_once(context, CancellationToken::new()).await.unwrap();
        assert_eq!(world.status(user, Provider::Spotify).await, "queued");
        let held: f64 = sqlx::query_scalar(
            "select extract(epoch from not_before - $2)::float8 from bondhu.sync_jobs where user_id = $1",
        )
        .bind(user)
        .bind(begun)
        .fetch_one(&world.admin)
        .await
        .unwrap();
        assert!((1.0..=90.0).contains(&held), "{expiry:?}: {held} s");
        let ends: i64 = redis::cmd("PTTL")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!(
            (-2..=60_000).contains(&ends) && ends != -1,
            "{expiry:?}: {ends} ms"
        );
    }
}
