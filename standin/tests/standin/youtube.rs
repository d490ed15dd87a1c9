//! Pages, filters, parts, ETags and units of the YouTube endpoints.

use std::collections::BTreeSet;

use bondhu_standin::catalogue::video::Visibility;
use bondhu_standin::{Provider, StandinConfig};
use serde_json::Value;

use crate::client::{Answer, App, answer};
use crate::descriptions::wire_example;

/// Follows `nextPageToken` to the end.
async fn walk(app: &App, token: &str, path: &str) -> Vec<Answer> {
    let mut pages = vec![app.youtube(token, path).await];
    while let Some(next) = pages.last().unwrap().body["nextPageToken"]
        .as_str()
        .map(str::to_owned)
    {
        pages.push(
            app.youtube(token, &format!("{path}&pageToken={next}"))
                .await,
        );
    }
    pages
}

fn ids(pages: &[Answer]) -> Vec<String> {
    pages
        .iter()
        .flat_map(Answer::items)
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn following_page_tokens_visits_every_subscription_once() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    let expected: Vec<String> = app.standin.with_account(1, |account| {
        account
            .video
            .subscriptions
            .iter()
            .map(|subscription| subscription.id.clone())
            .collect()
    });
    let pages = walk(
        &app,
        &token,
        "/subscriptions?part=snippet&mine=true&maxResults=50",
    )
    .await;
    assert_eq!(pages.len(), 3);
    assert_eq!(ids(&pages), expected);
    assert_eq!(
        expected.iter().collect::<BTreeSet<_>>().len(),
        expected.len()
    );
    assert_eq!(pages[0].body["pageInfo"]["totalResults"], expected.len());
    assert!(pages[1].body["prevPageToken"].is_string());
}

#[tokio::test]
async fn liked_videos_that_are_gone_are_counted_but_not_listed() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    let (total, visible) = app.standin.with_account(1, |account| {
        let visible = account
            .video
            .liked
            .iter()
            .filter(|video| video.visibility == Visibility::Public);
        (
            account.video.liked.len(),
            visible.map(|video| video.id.clone()).collect::<Vec<_>>(),
        )
    });
    assert!(visible.len() < total, "something is gone");
    let pages = walk(
        &app,
        &token,
        "/videos?part=snippet,topicDetails&myRating=like&maxResults=50",
    )
    .await;
    assert_eq!(pages.len(), 3);
    assert_eq!(ids(&pages), visible);
    assert_eq!(pages[0].body["pageInfo"]["totalResults"], total);

    let listed = walk(
        &app,
        &token,
        "/playlistItems?part=snippet&playlistId=LL&maxResults=50",
    )
    .await;
    let titles: Vec<&Value> = listed
        .iter()
        .flat_map(Answer::items)
        .map(|item| &item["snippet"]["title"])
        .collect();
    assert_eq!(titles.len(), total);
    assert_eq!(
        titles
            .iter()
            .filter(|title| ["Private video", "Deleted video"]
                .iter()
                .any(|gone| **title == gone))
            .count(),
        total - visible.len()
    );
}

#[tokio::test]
async fn a_page_has_five_items_unless_asked_and_fifty_at_most() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    assert_eq!(
        app.youtube(&token, "/subscriptions?part=snippet&mine=true")
            .await
            .items()
            .len(),
        5
    );
    for path in [
        "/subscriptions?part=snippet&mine=true&maxResults=51",
        "/videos?part=snippet&myRating=like&maxResults=0",
    ] {
        let refused = app.youtube(&token, path).await;
        assert_eq!(
            (refused.status.as_u16(), reason(&refused)),
            (400, "invalidParameter")
        );
    }
}

fn reason(answer: &Answer) -> &str {
    answer.body["error"]["errors"][0]["reason"]
        .as_str()
        .unwrap()
}

#[tokio::test]
async fn malformed_requests_name_their_reason() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    for (path, expected) in [
        ("/subscriptions?mine=true", "required"),
        ("/subscriptions?part=snippet", "missingRequiredParameter"),
        (
            "/videos?part=snippet&myRating=like&id=abc",
            "incompatibleParameters",
        ),
        ("/videos?part=snippet&myRating=love", "invalidParameter"),
        (
            "/videos?part=snippet&chart=mostPopular&id=abc",
            "incompatibleParameters",
        ),
        (
            "/videos?part=snippet&chart=mostPopular&regionCode=ZZ",
            "videoChartNotFound",
        ),
        ("/videos?part=snippet&chart=newest", "videoChartNotFound"),
        (
            "/subscriptions?part=snippet&mine=true&pageToken=nonsense",
            "invalidPageToken",
        ),
    ] {
        let refused = app.youtube(&token, path).await;
        assert_eq!(
            (refused.status.as_u16(), reason(&refused)),
            (400, expected),
            "{path}"
        );
    }

    let first = app
        .youtube(&token, "/subscriptions?part=snippet&mine=true")
        .await;
    let elsewhere = format!(
        "/videos?part=snippet&myRating=like&pageToken={}",
        first.text("nextPageToken")
    );
    let refused = app.youtube(&token, &elsewhere).await;
    assert_eq!(
        refused.body,
        wire_example("youtube", "invalidPageToken")["body"]
    );
    let missing = app
        .youtube(&token, "/playlistItems?part=snippet&playlistId=PLnone")
        .await;
    assert_eq!(
        missing.body,
        wire_example("youtube", "playlistNotFound")["body"]
    );
}

#[tokio::test]
async fn only_the_asked_parts_come() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    let only_topics = app
        .youtube(
            &token,
            "/videos?part=topicDetails&myRating=like&maxResults=50",
        )
        .await;
    assert!(
        only_topics
            .items()
            .iter()
            .all(|video| video.get("snippet").is_none())
    );
    assert!(
        only_topics
            .items()
            .iter()
            .any(|video| video["topicDetails"]["topicCategories"][0].is_string())
    );
    assert!(
        only_topics
            .items()
            .iter()
            .any(|video| video.get("topicDetails").is_none()),
        "topics may be absent"
    );
}

#[tokio::test]
async fn ids_are_looked_up_and_unknown_or_terminated_ones_left_out() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    let channels: Vec<_> = app.standin.with_account(1, |account| {
        account
            .video
            .subscriptions
            .iter()
            .map(|subscription| subscription.channel.clone())
            .collect()
    });
    let gone = channels
        .iter()
        .find(|channel| channel.terminated)
        .expect("a terminated channel");
    let there = channels.iter().find(|channel| !channel.terminated).unwrap();
    let path = format!("/channels?part=snippet&id={},{},UCnone", there.id, gone.id);
    assert_eq!(
        ids(&[app.youtube(&token, &path).await]),
        std::slice::from_ref(&there.id)
    );

    let too_many = vec!["x"; 51].join(",");
    let refused = app
        .youtube(&token, &format!("/videos?part=snippet&id={too_many}"))
        .await;
    assert_eq!(reason(&refused), "invalidFilters");
}

#[tokio::test]
async fn an_unchanged_answer_is_a_304_that_costs_a_unit() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    let url = format!(
        "{}/subscriptions?part=snippet&mine=true",
        app.standin.youtube_api_url()
    );
    let first = app.get(&token, &url).await;
    let etag = first.header("etag").to_owned();
    assert_eq!(etag, format!("\"{}\"", first.text("etag")));

    let conditional = || {
        answer(
            app.http()
                .get(&url)
                .bearer_auth(&token)
                .header("if-none-match", &etag),
        )
    };
    let unchanged = conditional().await;
    assert_eq!(
        (unchanged.status.as_u16(), &unchanged.body),
        (304, &Value::Null)
    );
    assert_eq!(app.standin.youtube_units_used(), 2);

    app.standin
        .with_account(1, |account| account.video.subscriptions.remove(0));
    assert_eq!(conditional().await.status, 200);
}

#[tokio::test]
async fn a_spent_quota_refuses_everyone() {
    let app = App::with(StandinConfig {
        youtube_daily_units: 1,
        ..StandinConfig::default()
    })
    .await;
    let first = app.access_token(Provider::YouTube).await;
    app.standin.sign_in(2);
    let second = app.access_token(Provider::YouTube).await;
    assert_eq!(
        app.youtube(&first, "/videoCategories?part=snippet&regionCode=BD")
            .await
            .status,
        200
    );
    for token in [first, second] {
        let refused = app
            .youtube(&token, "/subscriptions?part=snippet&mine=true")
            .await;
        let recorded = wire_example("youtube", "quotaExceeded");
        assert_eq!(
            (refused.status.as_u16(), &refused.body),
            (403, &recorded["body"])
        );
    }
}

#[tokio::test]
async fn playlists_count_what_their_items_list() {
    let app = App::start().await;
    let token = app.access_token(Provider::YouTube).await;
    let playlists = walk(
        &app,
        &token,
        "/playlists?part=snippet,contentDetails&mine=true&maxResults=3",
    )
    .await;
    assert_eq!(playlists.len(), 3);
    for playlist in playlists.iter().flat_map(Answer::items) {
        let id = playlist["id"].as_str().unwrap();
        let path = format!("/playlistItems?part=contentDetails&maxResults=50&playlistId={id}");
        let listed = ids(&walk(&app, &token, &path).await);
        assert_eq!(playlist["contentDetails"]["itemCount"], listed.len());
    }
    let own = app
        .youtube(&token, "/channels?part=contentDetails&mine=true")
        .await;
    assert_eq!(
        own.items()[0]["contentDetails"]["relatedPlaylists"]["likes"],
        "LL"
    );
}

#[tokio::test]
async fn a_chart_is_of_its_region_the_same_for_everybody_and_of_what_can_be_seen() {
    let app = App::start().await;
    let first = app.access_token(Provider::YouTube).await;
    app.standin.sign_in(2);
    let second = app.access_token(Provider::YouTube).await;
    let path = |region: &str| {
        format!("/videos?part=snippet&chart=mostPopular&regionCode={region}&maxResults=50")
    };
    let charted = ids(&walk(&app, &first, &path("BD")).await);
    assert_eq!(charted.len(), 120);
    assert_eq!(
        charted.iter().collect::<BTreeSet<_>>().len(),
        charted.len(),
        "each once"
    );
    assert_eq!(ids(&walk(&app, &second, &path("BD")).await), charted);
    let elsewhere = ids(&walk(&app, &first, &path("US")).await);
    assert_ne!(elsewhere, charted);
    let unnamed = walk(
        &app,
        &first,
        "/videos?part=snippet&chart=mostPopular&maxResults=50",
    )
    .await;
    assert_eq!(ids(&unnamed), elsewhere, "of the US unless said");
}
