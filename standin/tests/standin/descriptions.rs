//! Answers of the stand-in against the descriptions in `standin/specs/`, with unknown fields refused.

use bondhu_standin::descriptions::Description;
use bondhu_standin::{Provider, StandinConfig};
use serde_json::{Value, json};

use crate::client::{Answer, App};

/// An answer of `standin/specs/wire-examples.json`.
pub(crate) fn wire_example(provider: &str, name: &str) -> Value {
    let examples: Value =
        serde_json::from_str(include_str!("../../specs/wire-examples.json")).unwrap();
    examples[provider][name].clone()
}

fn check(description: &Description, path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    description
        .check_answer(path, status, &answer.body)
        .unwrap();
}

async fn described_app() -> App {
    App::with(StandinConfig {
        oddities: false,
        ..StandinConfig::default()
    })
    .await
}

#[tokio::test]
async fn spotify_answers_fit_the_description() {
    let description = Description::spotify().unwrap();
    let app = described_app().await;
    let token = app.access_token(Provider::Spotify).await;
    for (path, query) in [
        ("/me", ""),
        ("/me/top/artists", "?limit=50"),
        (
            "/me/top/artists",
            "?limit=50&offset=100&time_range=long_term",
        ),
        ("/me/top/tracks", "?limit=50&time_range=long_term"),
        ("/me/top/tracks", "?time_range=short_term"),
        ("/me/player/recently-played", "?limit=50"),
        ("/me/player/recently-played", "?limit=50&before=1000"),
    ] {
        let answer = app.spotify(&token, &format!("{path}{query}")).await;
        assert_eq!(answer.status, 200, "{path}{query}");
        check(&description, path, &answer);
    }
    for path in [
        "/me",
        "/me/top/artists",
        "/me/top/tracks",
        "/me/player/recently-played",
    ] {
        let answer = app.spotify("no such token", path).await;
        assert_eq!(answer.status, 401);
        check(&description, path, &answer);
    }
}

#[tokio::test]
async fn youtube_answers_fit_the_description() {
    let description = Description::youtube().unwrap();
    let app = described_app().await;
    let token = app.access_token(Provider::YouTube).await;
    let (video, channel, playlist) = app.standin.with_account(1, |account| {
        let video = &account.video;
        (
            video.liked[0].id.clone(),
            video.subscriptions[0].channel.id.clone(),
            video.playlists[0].id.clone(),
        )
    });
    for (path, query) in [
        (
            "subscriptions",
            "part=snippet,contentDetails&mine=true".to_owned(),
        ),
        (
            "videos",
            "part=snippet,topicDetails&myRating=like&maxResults=50".to_owned(),
        ),
        ("videos", format!("part=snippet,topicDetails&id={video}")),
        (
            "videos",
            "part=snippet&chart=mostPopular&regionCode=BD&maxResults=50".to_owned(),
        ),
        (
            "channels",
            "part=snippet,contentDetails&mine=true".to_owned(),
        ),
        (
            "channels",
            format!("part=snippet,topicDetails&id={channel}"),
        ),
        ("videoCategories", "part=snippet&regionCode=US".to_owned()),
        (
            "playlists",
            "part=snippet,contentDetails&mine=true".to_owned(),
        ),
        (
            "playlistItems",
            format!("part=snippet,contentDetails,status&maxResults=50&playlistId={playlist}"),
        ),
        (
            "playlistItems",
            "part=snippet,contentDetails,status&maxResults=50&playlistId=LL".to_owned(),
        ),
    ] {
        let answer = app.youtube(&token, &format!("/{path}?{query}")).await;
        assert_eq!(answer.status, 200, "{path}?{query}: {}", answer.body);
        assert!(!answer.items().is_empty(), "{path}?{query}");
        check(&description, &format!("/youtube/v3/{path}"), &answer);

        let refused = app
            .youtube("no such token", &format!("/{path}?{query}"))
            .await;
        assert_eq!(refused.status, 401);
        check(&description, &format!("/youtube/v3/{path}"), &refused);
    }
    let unknown = app
        .youtube(&token, "/playlistItems?part=snippet&playlistId=PLnone")
        .await;
    assert_eq!(unknown.status, 404);
    check(&description, "/youtube/v3/playlistItems", &unknown);
}

#[tokio::test]
async fn the_oddities_are_the_only_departures_from_the_description() {
    let description = Description::spotify().unwrap();
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    let mut tracks = app
        .spotify(&token, "/me/top/tracks?limit=50&time_range=long_term")
        .await;
    let items = tracks.body["items"].as_array_mut().unwrap();
    assert!(items.iter().any(Value::is_null), "a null item");
    assert!(
        items
            .iter()
            .any(|item| item["is_local"] == true && item["id"].is_null()),
        "a local file"
    );
    items.retain(|item| !item.is_null() && item["is_local"] == false);
    check(&description, "/me/top/tracks", &tracks);
}

#[test]
#[should_panic(expected = "surprise")]
fn an_undescribed_field_is_noticed() {
    let description = Description::youtube().unwrap();
    let schema = json!({ "$ref": "#/components/schemas/VideoListResponse" });
    let body = json!({ "items": [{ "snippet": { "title": "x", "surprise": 1 } }] });
    description.check_schema("videos", &schema, &body).unwrap();
}

#[tokio::test]
async fn refusals_are_the_recorded_ones() {
    let app = App::start().await;
    let spotify = app.spotify("no such token", "/me").await;
    let recorded = wire_example("spotify", "api_401");
    assert_eq!(spotify.body, recorded["body"]);
    assert_eq!(
        spotify.header("www-authenticate"),
        recorded["headers"]["www-authenticate"]
    );
    let youtube = app
        .youtube("no such token", "/subscriptions?part=snippet&mine=true")
        .await;
    assert_eq!(
        youtube.body,
        wire_example("youtube", "unauthorized")["body"]
    );
}
