//! Access tokens end; refresh tokens stay, change or end.

use bondhu_standin::{Fault, RefreshAnswer, StandinConfig};
use reqwest::StatusCode;
use sync_worker::provider::Provider;

use crate::fixture::World;

async fn sealed_refresh(world: &World) -> Vec<u8> {
    sqlx::query_scalar("select sealed from bondhu.provider_tokens where kind = 'refresh'")
        .fetch_one(&world.admin)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_omitted_or_empty_refresh_token_keeps_the_old_and_a_new_one_replaces_it() {
    for (answer, keeps) in [
        (RefreshAnswer::Omitted, true),
        (RefreshAnswer::Empty, true),
        (RefreshAnswer::Rotated, false),
    ] {
        let world = World::with(StandinConfig {
            spotify_refresh: answer,
            ..StandinConfig::default()
        })
        .await;
        let user = world.linked(Provider::Spotify, 1).await;
        let before = sealed_refresh(&world).await;
        // Twice: the second refresh needs what the first one left.
        for _ in 0..2 {
            world.standin.expire_access_tokens();
            world.let_time_pass().await;
            assert_eq!(world.sync().await, 1);
            assert_eq!(
                world.status(user, Provider::Spotify).await,
                "ok",
                "{answer:?}"
            );
        }
        assert_eq!(sealed_refresh(&world).await == before, keeps, "{answer:?}");
        assert_eq!(
            world.requests("/spotify/api/token").len(),
            3,
            "one exchange and two refreshes"
        );
    }
}

#[tokio::test]
async fn a_refresh_sends_the_clients_credentials_and_no_access_token() {
    let world = World::new().await;
    world.linked(Provider::Spotify, 1).await;
    world.standin.expire_access_tokens();
    world.sync().await;
    let refresh = world.requests("/spotify/api/token").pop().unwrap();
    assert_eq!(refresh.form.get("grant_type"), Some("refresh_token"));
    assert!(
        refresh.headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
}

#[tokio::test]
async fn an_ended_refresh_token_asks_for_consent_and_is_never_tried_again() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.standin.expire_access_tokens();
    world.standin.expire_refresh_tokens();
    world.sync().await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(standing.status, "needs_reauth");
    assert_eq!(standing.last_error_code.as_deref(), Some("consent_ended"));
    assert!(
        standing
            .last_error
            .unwrap()
            .contains("Link the account again")
    );

    let before = world.standin.requests().len();
    world.let_time_pass().await;
    assert_eq!(world.sync().await, 0);
    assert_eq!(world.standin.requests().len(), before);

    world.link(user, Provider::Spotify, 1).await;
    world.sync().await;
    assert_eq!(
        world.status(user, Provider::Spotify).await,
        "ok",
        "consent given again mends it"
    );
}

#[tokio::test]
async fn a_withdrawn_consent_asks_for_it_again() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    world
        .standin
        .withdraw_consents(bondhu_standin::Provider::YouTube);
    world.sync().await;
    assert_eq!(world.status(user, Provider::YouTube).await, "needs_reauth");
}

#[tokio::test]
async fn a_token_that_ends_in_mid_walk_is_renewed_and_the_walk_goes_on() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let fault = Fault::recorded("/spotify/v1/me/top/tracks", "spotify", "api_401").unwrap();
    world.standin.inject(fault.after(1));
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
    assert_eq!(world.requests("/spotify/api/token").len(), 2);
}

#[tokio::test]
async fn a_provider_that_refuses_every_token_is_asked_twice_and_left_for_later() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    let fault = Fault::recorded("/youtube/v3/subscriptions", "youtube", "unauthorized").unwrap();
    world.standin.inject(fault.times(10));
    world.sync().await;
    let standing = world.standing(user, Provider::YouTube).await;
    assert_eq!(standing.status, "failing");
    assert_eq!(standing.last_error_code.as_deref(), Some("token_expired"));
    assert_eq!(world.requests("/youtube/v3/subscriptions").len(), 2);
}

#[tokio::test]
async fn a_token_close_to_its_end_is_renewed_before_it_is_used() {
    let world = World::new().await;
    world.linked(Provider::Spotify, 1).await;
    sqlx::query("update bondhu.provider_tokens set expires_at = now() + interval '5 s' where kind = 'access'")
        .execute(&world.admin)
        .await
        .unwrap();
    world.sync().await;
    assert_eq!(world.requests("/spotify/api/token").len(), 2);
    assert!(
        world
            .standin
            .requests()
            .iter()
            .all(|request| request.status != StatusCode::UNAUTHORIZED)
    );
}

#[tokio::test]
async fn a_token_sealed_with_a_key_that_is_gone_says_so() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    let context = world.context_with(|context| {
        let other = sync_worker::config::TokenKey::generate("k2");
        context.vault = std::sync::Arc::new(sync_worker::vault::Vault::new(&[other]));
    });
    sync_worker::sync::run_once(context, tokio_util::sync::CancellationToken::new())
        .await
        .unwrap();
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(
        (
            standing.status.as_str(),
            standing.last_error_code.as_deref()
        ),
        ("failing", Some("token_unreadable"))
    );
}
