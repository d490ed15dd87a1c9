//! What providers do wrong in the middle of a walk, and what is made of it.

use std::time::Duration;

use bondhu_standin::{Consent, Fault, Outcome, Reply};
use serde_json::json;
use sync_worker::provider::Provider;
use sync_worker::providers::ProviderClients;
use sync_worker::sync::run_once;
use tokio_util::sync::CancellationToken;

use crate::fixture::World;

const TOP_ARTISTS: &str = "/spotify/v1/me/top/artists";
const SUBSCRIPTIONS: &str = "/youtube/v3/subscriptions";

#[tokio::test]
async fn a_fault_keeps_what_came_before_it_and_the_next_try_goes_on_there() {
    for outcome in [
        Outcome::Reply(Reply::new(
            500,
            json!({ "error": { "status": 500, "message": "Server error" } }),
        )),
        Outcome::Reply(Reply::new(502, json!("Bad gateway"))),
        Outcome::Reply(Reply::new(200, json!("not an object"))),
        Outcome::HalfABody,
        Outcome::Truncated,
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
    world.standin.set_consent(Consent::GrantOnly(vec![
        "user-read-recently-played".to_owned(),
    ]));
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(standing.status, "partial");
    assert_eq!(standing.missing.len(), 11);
    assert!(
        !standing
            .missing
            .contains(&"spotify.recently_played".to_owned())
    );
    assert_eq!(
        world.requests("/spotify/v1/me/playlists").len(),
        0,
        "what was not granted is not asked for"
    );
    assert_eq!(standing.last_error_code.as_deref(), Some("scope_missing"));
    assert!(
        world
            .count("public.listening_history where user_id = $1", user)
            .await
            > 0
    );
}

/// A pull of plays alone does not make whole what a walk of everything has missed.
#[tokio::test]
async fn what_a_walk_of_everything_missed_is_missing_until_it_comes() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");

    sqlx::query("update bondhu.sync_jobs set library_due_at = now()")
        .execute(&world.admin)
        .await
        .unwrap();
    for pull in ["of everything", "of plays", "of plays, again"] {
        let forbidden = Fault::recorded(
            TOP_ARTISTS,
            "spotify",
            "api_403_playlist_not_owned_or_removed_endpoint",
        );
        world.standin.inject(forbidden.unwrap());
        world.an_interval_passes().await;
        world.sync().await;
        let standing = world.standing(user, Provider::Spotify).await;
        assert_eq!(
            (standing.status.as_str(), standing.missing),
            ("partial", vec!["spotify.top_artists.short_term".to_owned()]),
            "{pull}"
        );
    }
    let asked = world.requests(TOP_ARTISTS).len();
    world.an_interval_passes().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
    assert_eq!(world.requests(TOP_ARTISTS).len(), asked + 1);
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
async fn an_answer_that_does_not_come_in_time_is_a_fault() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world.standin.inject(Fault::on(
        SUBSCRIPTIONS,
        Outcome::Delayed(Duration::from_secs(5)),
    ));
    let context = world.context_with(|context| {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_millis(500))
            .build()
            .unwrap();
        context.clients = ProviderClients::new(&world.access, &http);
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

const PLAYED: &str = "/spotify/v1/me/player/recently-played";

#[tokio::test]
async fn a_list_that_never_answers_costs_itself_after_three_tries_and_is_asked_for_again() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world
        .standin
        .inject(Fault::server_error(PLAYED).times(u32::MAX));
    for _ in 0..3 {
        world.let_time_pass().await;
        world.sync().await;
        assert_eq!(world.status(user, Provider::Spotify).await, "failing");
    }
    world.let_time_pass().await;
    world.sync().await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(
        (standing.status.as_str(), standing.missing),
        ("partial", vec!["spotify.recently_played".to_owned()])
    );
    let artists = "public.music_top_items where user_id = $1 and kind = 'artist'";
    assert!(world.count(artists, user).await > 0);

    world.standin.clear_faults();
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

#[tokio::test]
async fn a_provider_that_is_away_is_waited_for_however_long() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world
        .standin
        .inject(Fault::server_error("/spotify/v1/*").times(u32::MAX));
    for _ in 0..5 {
        world.let_time_pass().await;
        world.sync().await;
        let standing = world.standing(user, Provider::Spotify).await;
        assert_eq!(standing.status, "failing");
        assert_eq!(standing.last_error_code.as_deref(), Some("server_error"));
    }
    world.standin.clear_faults();
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}
