//! Answers that a provider should not give, and where tokens may go.

use std::sync::Arc;

use serde_json::json;
use sync_worker::provider::Provider;
use sync_worker::sync::{SyncContext, run_once};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::fixture::World;

/// A provider whose every answer is the test's own; what else is asked is 404.
async fn puppet(world: &World, provider: Provider) -> (MockServer, Arc<SyncContext>) {
    let server = MockServer::start().await;
    let context = world.context_with(|context| {
        context.clients = world.clients_with_api(provider, &server.uri());
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
    let empty = json!({ "items": [], "next": null, "artists": { "items": [] } });
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
    let lists = json!({ "items": null, "next": null, "artists": {} });
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
