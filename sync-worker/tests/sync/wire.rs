//! What goes over the wire in whole pulls, against the providers' published descriptions.

use bondhu_standin::descriptions::Description;
use bondhu_standin::{Params, RecordedRequest, StandinConfig, is_api};
use serde_json::json;
use sync_worker::provider::Provider;

use crate::fixture::World;

/// Described no more, since new apps are refused it; the worker asks once to know.
const REMOVED: &str = "/audio-features";

/// Everything that is asked for in a first pull, and in one that finds all as it was.
async fn pulls(provider: Provider) -> Vec<RecordedRequest> {
    let world = World::with(StandinConfig {
        keep_answers: true,
        // They are departures from the description.
        oddities: false,
        ..StandinConfig::default()
    })
    .await;
    let user = world.linked(provider, 1).await;
    world.sync().await;
    assert_eq!(world.status(user, provider).await, "ok");
    world.let_time_pass().await;
    world.sync().await;
    let requests = world.standin.requests().into_iter();
    requests.filter(|request| is_api(&request.path)).collect()
}

#[tokio::test]
async fn every_request_to_spotify_and_its_answer_are_as_described() {
    let description = Description::spotify().unwrap();
    let requests = pulls(Provider::Spotify).await;
    assert!(requests.len() > 20, "{}", requests.len());
    for request in requests {
        let path = request.path.strip_prefix("/spotify/v1").unwrap();
        if path == REMOVED {
            assert_eq!(request.status, 403);
            continue;
        }
        fits(&description, path, &request);
    }
}

#[tokio::test]
async fn every_request_to_youtube_and_its_answer_are_as_described() {
    let description = Description::youtube().unwrap();
    let requests = pulls(Provider::YouTube).await;
    assert!(
        requests.iter().any(|request| request.status == 304),
        "entity tags are used"
    );
    for request in requests {
        fits(&description, &request.path, &request);
    }
}

fn fits(description: &Description, path: &str, request: &RecordedRequest) {
    assert_eq!(request.method, "GET", "{path}");
    let template = description
        .template(path)
        .unwrap_or_else(|| panic!("{path} is not described"));
    description.check_query(template, &request.query).unwrap();
    let mut body = request.answer.clone().unwrap_or_default();
    // The last page's cursor is null, which the description does not admit.
    if let Some(cursors) = body.pointer_mut("/artists/cursors")
        && cursors["after"].is_null()
    {
        *cursors = json!({});
    }
    let status = request.status.as_u16();
    description.check_answer(template, status, &body).unwrap();
}

#[test]
fn a_request_that_is_not_as_described_is_noticed() {
    let spotify = Description::spotify().unwrap();
    let youtube = Description::youtube().unwrap();
    assert_eq!(spotify.template("/me/top"), None);
    assert_eq!(spotify.template("/artists/5"), Some("/artists/{id}"));
    for (description, template, query, complaint) in [
        (
            &youtube,
            "/youtube/v3/videos",
            "myRating=like",
            "part is required",
        ),
        (
            &youtube,
            "/youtube/v3/videos",
            "part=snippet&maxResults=51",
            "51",
        ),
        (&spotify, "/me/albums", "limit=0", "minimum"),
        (&spotify, "/me/albums", "limit=many", "integer"),
        (&spotify, "/me/albums", "page=2", "knows no page"),
    ] {
        let error = description.check_query(template, &Params::parse(query));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}
