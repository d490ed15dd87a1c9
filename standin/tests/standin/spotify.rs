//! Pages of Spotify's endpoints.

use std::collections::BTreeSet;

use bondhu_standin::catalogue::music::TimeRange;
use bondhu_standin::{Provider, StandinConfig};
use serde_json::Value;

use crate::client::{Answer, App};

/// Follows `next` to the end.
async fn walk(app: &App, token: &str, path: &str) -> Vec<Answer> {
    let mut pages = vec![app.spotify(token, path).await];
    while let Some(next) = pages.last().unwrap().body["next"]
        .as_str()
        .map(str::to_owned)
    {
        assert!(next.starts_with(&app.standin.spotify_api_url()), "{next}");
        pages.push(app.get(token, &next).await);
    }
    pages
}

fn items(pages: &[Answer]) -> Vec<Value> {
    pages
        .iter()
        .flat_map(|page| page.items().iter().cloned())
        .collect()
}

#[tokio::test]
async fn following_next_visits_every_top_item_once() {
    let app = App::with(StandinConfig {
        oddities: false,
        ..StandinConfig::default()
    })
    .await;
    let token = app.access_token(Provider::Spotify).await;
    for (range, value, pages_expected) in [
        (TimeRange::Long, "long_term", 3),
        (TimeRange::Medium, "medium_term", 2),
        (TimeRange::Short, "short_term", 1),
    ] {
        for kind in ["artists", "tracks"] {
            let pages = walk(
                &app,
                &token,
                &format!("/me/top/{kind}?limit=50&time_range={value}"),
            )
            .await;
            assert_eq!(pages.len(), pages_expected, "{kind} {value}");
            let ids: Vec<String> = items(&pages)
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect();
            let expected: Vec<String> = app.standin.with_account(1, |account| match kind {
                "artists" => account
                    .music
                    .top_artists(range)
                    .iter()
                    .map(|artist| artist.id.clone())
                    .collect(),
                _ => account
                    .music
                    .top_tracks(range)
                    .iter()
                    .flatten()
                    .filter_map(|track| track.id.clone())
                    .collect(),
            });
            assert_eq!(ids, expected);
            assert_eq!(pages[0].body["total"], expected.len());
            assert_eq!(
                ids.iter().collect::<BTreeSet<_>>().len(),
                ids.len(),
                "no item twice"
            );
        }
    }
}

#[tokio::test]
async fn the_default_page_is_twenty_items_of_the_medium_term() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    let default = app.spotify(&token, "/me/top/artists").await;
    let medium = app
        .spotify(
            &token,
            "/me/top/artists?time_range=medium_term&limit=20&offset=0",
        )
        .await;
    assert_eq!(default.items().len(), 20);
    assert_eq!(default.body, medium.body);
}

#[tokio::test]
async fn parameters_out_of_range_are_a_bad_request() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    for path in [
        "/me/top/artists?limit=0",
        "/me/top/artists?limit=51",
        "/me/top/artists?limit=ten",
        "/me/top/tracks?offset=-1",
        "/me/top/tracks?time_range=all_time",
        "/me/player/recently-played?limit=51",
        "/me/player/recently-played?after=yesterday",
        "/me/player/recently-played?after=1&before=2",
    ] {
        let answer = app.spotify(&token, path).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.body["error"]["status"].as_u64()
            ),
            (400, Some(400)),
            "{path}"
        );
    }
    assert_eq!(app.spotify(&token, "/audio-features/1").await.status, 404);
}

#[tokio::test]
async fn recently_played_knows_the_newest_fifty_and_ends_with_null_cursors() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    let newest: Vec<i64> = app.standin.with_account(1, |account| {
        assert!(
            account.music.plays.len() > 50,
            "there is something to leave out"
        );
        account
            .music
            .plays
            .iter()
            .take(50)
            .map(|play| play.played_at.timestamp_millis())
            .collect()
    });

    let backward = walk(&app, &token, "/me/player/recently-played?limit=20").await;
    assert_eq!(played_at(&backward), newest);
    let forward = walk(&app, &token, "/me/player/recently-played?limit=20&after=0").await;
    let mut visited = played_at(&forward);
    visited.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(visited, newest);

    for pages in [backward, forward] {
        assert_eq!(
            pages
                .iter()
                .map(|page| page.items().len())
                .collect::<Vec<_>>(),
            [20, 20, 10, 0]
        );
        let last = pages.last().unwrap();
        assert!(last.body["cursors"].is_null() && last.body["next"].is_null());
    }
}

#[tokio::test]
async fn after_the_last_seen_play_only_newer_ones_come() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    let page = app
        .spotify(&token, "/me/player/recently-played?limit=50")
        .await;
    let cursor = page.body["cursors"]["after"].as_str().unwrap().to_owned();
    let since = format!("/me/player/recently-played?limit=50&after={cursor}");
    assert!(app.spotify(&token, &since).await.items().is_empty());

    app.standin.with_account(1, |account| {
        let mut play = account.music.plays[3].clone();
        play.played_at = account.music.plays[0].played_at + chrono::TimeDelta::seconds(1);
        account.music.plays.insert(0, play);
    });
    assert_eq!(app.spotify(&token, &since).await.items().len(), 1);
}

fn played_at(pages: &[Answer]) -> Vec<i64> {
    items(pages)
        .iter()
        .map(|play| {
            let at =
                chrono::DateTime::parse_from_rfc3339(play["played_at"].as_str().unwrap()).unwrap();
            at.timestamp_millis()
        })
        .collect()
}

#[tokio::test]
async fn a_catalogue_follows_from_the_accounts_number() {
    let now = Some(chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let mut bodies = Vec::new();
    for account in [1, 1, 2] {
        let app = App::with(StandinConfig {
            account,
            now,
            ..StandinConfig::default()
        })
        .await;
        let token = app.access_token(Provider::Spotify).await;
        let ids = |answer: Answer| -> Vec<Value> {
            answer
                .items()
                .iter()
                .map(|item| item["id"].clone())
                .collect()
        };
        let played = app.spotify(&token, "/me/player/recently-played").await;
        bodies.push((
            ids(app.spotify(&token, "/me/top/artists").await),
            played_at(&[played]),
        ));
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_ne!(bodies[0], bodies[2]);
}

#[tokio::test]
async fn some_artists_have_no_genres() {
    let app = App::start().await;
    let token = app.access_token(Provider::Spotify).await;
    let artists = items(
        &walk(
            &app,
            &token,
            "/me/top/artists?limit=50&time_range=long_term",
        )
        .await,
    );
    assert!(
        artists.iter().any(|artist| artist.get("genres").is_none()),
        "absent"
    );
    assert!(
        artists
            .iter()
            .any(|artist| artist["genres"] == serde_json::json!([])),
        "empty"
    );
    assert!(
        artists.iter().any(|artist| artist["genres"][0].is_string()),
        "present"
    );
}
