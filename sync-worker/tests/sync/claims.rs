//! What a page says of itself that is not so: where it begins, how long it is, how deep.

use serde_json::{Value, json};
use sync_worker::provider::Provider;
use sync_worker::sync::run_once;
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::endings::{linked, only, saved};
use crate::fixture::World;

const TRACKS: &str = "public.music_library where user_id = $1 and kind = 'track'";
const SUBSCRIBED: &str = "public.video_subscriptions where user_id = $1";
const TAGS: &str = "bondhu.page_etags where user_id = $1";

fn tracks(count: usize) -> Vec<Value> {
    let track = |n| json!({ "id": format!("t{n}"), "name": "T" });
    (0..count).map(track).collect()
}

#[tokio::test]
async fn a_place_that_a_page_claims_overwrites_nothing_and_is_counted() {
    for claimed in [0, 7, 50, 999_999, u32::MAX] {
        let (world, puppet, user) = linked(Provider::Spotify).await;
        puppet.says(only(Provider::Spotify, "/me/top/tracks", move |asked| {
            let mut page = asked.page(Provider::Spotify, &tracks(60));
            page["offset"] = json!(claimed);
            page
        }));
        puppet.sync(&world).await;
        let ranks: Vec<(i32, String)> = sqlx::query_as(
            "select rank::integer, item_id from public.music_top_items
             where user_id = $1 and time_range = 'short_term' order by rank",
        )
        .bind(user)
        .fetch_all(&world.admin)
        .await
        .unwrap();
        let asked: Vec<(i32, String)> = (0..60).map(|n| (n + 1, format!("t{n}"))).collect();
        assert_eq!(ranks, asked, "{claimed}");
        let noted = "bondhu.sync_jobs where user_id = $1
             and resources -> 'spotify.top_tracks.short_term' -> 'lost' ? 'offset'";
        assert_eq!(world.count(noted, user).await, 1, "{claimed}");
    }
}

#[tokio::test]
async fn more_items_than_were_asked_for_are_left_out_and_counted() {
    let (world, puppet, user) = linked(Provider::Spotify).await;
    puppet.says(only(
        Provider::Spotify,
        "/me/tracks",
        |_| json!({ "items": saved(5_000), "total": 5_000, "next": null }),
    ));
    puppet.sync(&world).await;
    assert_eq!(world.count(TRACKS, user).await, 50);
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(standing.missing, ["spotify.saved_tracks"]);
}

#[tokio::test]
async fn what_is_nested_beyond_all_reading_costs_its_item_only() {
    let (world, puppet, user) = linked(Provider::Spotify).await;
    puppet.says(|asked| {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let body = only(Provider::Spotify, "/me/tracks", |asked| {
            let mut all = saved(3);
            all[1]["track"]["name"] = json!("@DEEP");
            asked.page(Provider::Spotify, &all)
        })(asked)?;
        let body = String::from_utf8(body).ok()?;
        Some(body.replace("\"@DEEP\"", &deep).into_bytes())
    });
    puppet.sync(&world).await;
    assert_eq!(world.count(TRACKS, user).await, 2);
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

/// YouTube with one subscription, and what it answers to a request under an entity tag.
async fn tagging(
    world: &World,
    etag: &str,
    conditional: ResponseTemplate,
) -> std::sync::Arc<sync_worker::sync::SyncContext> {
    let server = MockServer::start().await;
    let etag = etag.to_owned();
    let answer = move |request: &Request| {
        if request.headers.contains_key("if-none-match") {
            return conditional.clone();
        }
        let own = request.url.path() == "/subscriptions";
        let item = json!({ "snippet": { "title": "C", "resourceId": { "channelId": "c" } } });
        let items = if own { vec![item] } else { Vec::new() };
        let total = items.len();
        ResponseTemplate::new(200)
            .set_body_json(json!({ "items": items, "pageInfo": { "totalResults": total } }))
            .insert_header("etag", etag.as_str())
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let url = server.uri();
    // It answers as long as the test runs.
    std::mem::forget(server);
    world.context_with(|context| {
        context.clients = world.clients_with_api(Provider::YouTube, &url);
    })
}

#[tokio::test]
async fn an_entity_tag_longer_than_any_is_not_kept() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 1).await;
    let context = tagging(&world, &"x".repeat(5_000), ResponseTemplate::new(304)).await;
    run_once(context, CancellationToken::new()).await.unwrap();
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    assert_eq!(world.count(SUBSCRIBED, user).await, 1);
    assert_eq!(world.count(TAGS, user).await, 0);
}

#[tokio::test]
async fn a_tag_that_the_provider_refuses_is_forgotten_and_the_page_asked_for_without_it() {
    for status in [400, 403, 404, 412, 431] {
        let world = World::new().await;
        let user = world.linked(Provider::YouTube, 1).await;
        let context = tagging(&world, "\"tag\"", ResponseTemplate::new(status)).await;
        for _ in 0..2 {
            world.let_time_pass().await;
            let context = std::sync::Arc::clone(&context);
            run_once(context, CancellationToken::new()).await.unwrap();
            assert_eq!(
                world.status(user, Provider::YouTube).await,
                "ok",
                "{status}"
            );
            assert_eq!(world.count(SUBSCRIBED, user).await, 1, "{status}");
            assert_ne!(world.count(TAGS, user).await, 0, "{status}");
        }
    }
}

#[tokio::test]
async fn a_redirect_or_a_304_out_of_place_never_says_that_a_list_is_not_offered() {
    for status in [301, 302, 303, 304, 307, 308] {
        for provider in Provider::ALL {
            let world = World::new().await;
            let user = world.linked(provider, 1).await;
            let server = MockServer::start().await;
            Mock::given(any())
                .respond_with(ResponseTemplate::new(status))
                .mount(&server)
                .await;
            let context = world.context_with(|context| {
                context.clients = world.clients_with_api(provider, &server.uri());
            });
            run_once(context, CancellationToken::new()).await.unwrap();
            let standing = world.standing(user, provider).await;
            let told = (
                standing.status.as_str(),
                standing.last_error_code.as_deref(),
            );
            assert_eq!(told, ("failing", Some("malformed_answer")), "{status}");
            assert!(standing.missing.is_empty(), "{status}");
        }
    }
}
