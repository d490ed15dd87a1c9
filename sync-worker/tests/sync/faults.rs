//! What providers do wrong, and what is made of it.

use std::time::{Duration, Instant};

use bondhu_dev::standin::{Consent, Fault, Outcome, Reply, StandinConfig};
use serde_json::json;
use sync_worker::provider::Provider;
use sync_worker::sync::run_once;
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

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
async fn a_fault_keeps_what_came_before_it_and_the_next_try_goes_on_there() {
    let reset = Outcome::Truncated;
    for outcome in [
        Outcome::Reply(Reply::new(
            500,
            json!({ "error": { "status": 500, "message": "Server error" } }),
        )),
        Outcome::Reply(Reply::new(502, json!("Bad gateway"))),
        Outcome::Reply(Reply::new(200, json!("not an object"))),
        Outcome::HalfABody,
        reset,
    ] {
        let world = World::new().await;
        let user = world.linked(Provider::YouTube, 1).await;
        world
            .standin
            .inject(Fault::on(SUBSCRIPTIONS, outcome.clone()).after(1));
        world.sync().await;
        let standing = world.standing(user, Provider::YouTube).await;
        assert_eq!(standing.status, "failing", "{outcome:?}");
        assert!(
            standing
                .last_error
                .is_some_and(|sentence| sentence.contains("YouTube"))
        );
        assert_eq!(
            world
                .count("public.video_subscriptions where user_id = $1", user)
                .await,
            50,
            "{outcome:?}"
        );
        assert_eq!(
            world
                .count("public.video_preferences where user_id = $1", user)
                .await,
            0,
            "nothing is concluded from half a pull"
        );

        world.let_time_pass().await;
        world.sync().await;
        assert_eq!(
            world.status(user, Provider::YouTube).await,
            "ok",
            "{outcome:?}"
        );
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
        assert_eq!(first_pages, 1, "the walk went on at its second page");
    }
}

#[tokio::test]
async fn an_unfinished_walk_removes_nothing() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.sync().await;
    world
        .standin
        .with_account(1, |account| account.video.subscriptions.truncate(60));
    world
        .standin
        .inject(Fault::server_error(SUBSCRIPTIONS).after(1));
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::YouTube).await, "failing");
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        115
    );
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        60
    );
}

#[tokio::test]
async fn a_permission_that_was_not_granted_makes_the_pull_partial() {
    let world = World::new().await;
    world.standin.consent(Consent::GrantOnly(vec![
        "user-read-recently-played".to_owned(),
    ]));
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(standing.status, "partial");
    assert_eq!(standing.missing.len(), 6);
    assert!(
        standing
            .missing
            .iter()
            .all(|name| name.starts_with("spotify.top_"))
    );
    assert_eq!(standing.last_error_code.as_deref(), Some("scope_missing"));
    assert!(
        world
            .count("public.listening_history where user_id = $1", user)
            .await
            > 0
    );
}

#[tokio::test]
async fn a_plain_refusal_of_one_list_leaves_the_others_whole() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let forbidden = Fault::recorded(
        TOP_ARTISTS,
        "spotify",
        "api_403_playlist_not_owned_or_removed_endpoint",
    )
    .unwrap();
    world.standin.inject(forbidden);
    world.sync().await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(
        (standing.status.as_str(), standing.missing),
        ("partial", vec!["spotify.top_artists.short_term".to_owned()])
    );
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(
        world.status(user, Provider::Spotify).await,
        "ok",
        "partial is tried again"
    );
}

#[tokio::test]
async fn an_account_that_the_app_does_not_list_is_told_so() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let message = "User not registered in the Developer Dashboard";
    let reply = Reply::new(
        403,
        json!({ "error": { "status": 403, "message": message } }),
    );
    world
        .standin
        .inject(Fault::on("/spotify/v1/*", Outcome::Reply(reply)));
    world.sync().await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(
        (
            standing.status.as_str(),
            standing.last_error_code.as_deref()
        ),
        ("needs_reauth", Some("not_allow_listed"))
    );
}

#[tokio::test]
async fn a_page_token_that_is_no_longer_good_starts_its_list_anew() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.standin.inject(
        Fault::recorded(SUBSCRIPTIONS, "youtube", "invalidPageToken")
            .unwrap()
            .after(2),
    );
    world.sync().await;
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        115
    );
    assert_eq!(world.requests(SUBSCRIPTIONS).len(), 3 + 3);
}

#[tokio::test]
async fn a_list_whose_first_page_refuses_its_token_is_missing_and_not_walked_for_ever() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.standin.inject(
        Fault::recorded(SUBSCRIPTIONS, "youtube", "invalidPageToken")
            .unwrap()
            .times(50),
    );
    world.sync().await;
    let standing = world.standing(user, Provider::YouTube).await;
    assert_eq!(
        (standing.status.as_str(), standing.missing),
        ("partial", vec!["youtube.subscriptions".to_owned()])
    );
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
async fn an_answer_that_does_not_come_in_time_is_a_fault() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.standin.inject(Fault::on(
        SUBSCRIPTIONS,
        Outcome::Delayed(Duration::from_secs(5)),
    ));
    let context = world.context_with(|context| {
        context.http = reqwest::Client::builder()
            .timeout(Duration::from_millis(500))
            .build()
            .unwrap();
    });
    run_once(context, CancellationToken::new()).await.unwrap();
    assert_eq!(
        world
            .standing(user, Provider::YouTube)
            .await
            .last_error_code
            .as_deref(),
        Some("timed_out")
    );
}

/// A provider whose every answer is the test's own; what else is asked is 404.
async fn puppet(
    world: &World,
    provider: Provider,
) -> (MockServer, std::sync::Arc<sync_worker::sync::SyncContext>) {
    let server = MockServer::start().await;
    let context = world.context_with(|context| {
        context.providers.get_mut(&provider).unwrap().api_url = server.uri().parse().unwrap();
    });
    (server, context)
}

#[tokio::test]
async fn a_next_link_to_another_host_is_not_followed_and_gets_no_token() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let elsewhere = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&elsewhere)
        .await;
    let (server, context) = puppet(&world, Provider::Spotify).await;
    let page = json!({ "items": [{ "id": "a", "name": "A" }], "next": format!("{}/me/top/artists?offset=50", elsewhere.uri()) });
    Mock::given(path("/me/top/artists"))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&server)
        .await;
    let empty = json!({ "items": [], "next": null });
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(empty))
        .mount(&server)
        .await;

    run_once(context, CancellationToken::new()).await.unwrap();
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(
        (
            standing.status.as_str(),
            standing.last_error_code.as_deref()
        ),
        ("partial", Some("foreign_link"))
    );
    assert_eq!(standing.missing.len(), 3);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_gets_no_token() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    let elsewhere = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&elsewhere)
        .await;
    let (server, context) = puppet(&world, Provider::YouTube).await;
    let away = ResponseTemplate::new(302).insert_header("location", elsewhere.uri());
    Mock::given(any()).respond_with(away).mount(&server).await;
    run_once(context, CancellationToken::new()).await.unwrap();
    assert_ne!(world.status(user, Provider::YouTube).await, "ok");
}

#[tokio::test]
async fn an_answer_larger_than_any_page_is_cut_off() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    let (server, context) = puppet(&world, Provider::YouTube).await;
    let flood = ResponseTemplate::new(200).set_body_raw(vec![b' '; 5 << 20], "application/json");
    Mock::given(any()).respond_with(flood).mount(&server).await;
    run_once(context, CancellationToken::new()).await.unwrap();
    assert_eq!(
        world
            .standing(user, Provider::YouTube)
            .await
            .last_error_code
            .as_deref(),
        Some("answer_too_large")
    );
}

#[tokio::test]
async fn items_without_what_identifies_them_are_left_out() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let (server, context) = puppet(&world, Provider::Spotify).await;
    let plays = json!({ "cursors": null, "next": null, "items": [
        null,
        { "track": null, "played_at": "2026-11-01T10:00:00.000Z" },
        { "track": { "id": null, "name": "local" }, "played_at": "2026-11-01T10:01:00.000Z" },
        { "track": { "id": "t", "name": "T", "artists": null, "external_ids": null }, "played_at": "2026-11-01T10:02:00.000Z" },
        { "track": { "id": "t", "name": "T" }, "played_at": "2026-11-01T10:02:00.000Z" },
        { "track": { "id": "u", "name": "U" } },
    ] });
    Mock::given(path("/me/player/recently-played"))
        .respond_with(ResponseTemplate::new(200).set_body_json(plays))
        .mount(&server)
        .await;
    let lists = json!({ "items": null, "next": null });
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(lists))
        .mount(&server)
        .await;
    run_once(context, CancellationToken::new()).await.unwrap();
    assert_eq!(world.standing(user, Provider::Spotify).await.status, "ok");
    assert_eq!(
        world
            .count("public.listening_history where user_id = $1", user)
            .await,
        1
    );
}

#[tokio::test]
async fn the_bearer_goes_in_the_header_and_never_in_an_address() {
    let world = World::new().await;
    for provider in Provider::ALL {
        world.linked(provider, 1).await;
    }
    world.sync().await;
    let api = |path: &str| path.starts_with("/spotify/v1") || path.starts_with("/youtube");
    for request in world
        .standin
        .requests()
        .iter()
        .filter(|request| api(&request.path))
    {
        assert!(request.bearer().is_some());
        assert_eq!(request.query.get("access_token"), None);
    }
}
