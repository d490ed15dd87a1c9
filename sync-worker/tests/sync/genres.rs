//! Genres from elsewhere, for accounts whose provider tells none.

use bondhu_standin::catalogue::music::TimeRange;
use serde_json::{Value, json};
use sync_worker::genres::{MusicBrainz, ask_for_one};
use sync_worker::provider::Provider;
use sync_worker::providers::http_client;
use wiremock::matchers::{header_regex, method, path_regex, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::fixture::World;

fn source(server: &MockServer) -> MusicBrainz {
    let base = format!("{}/ws/2", server.uri()).parse().unwrap();
    MusicBrainz::new(
        http_client().unwrap(),
        base,
        &"https://app.example".parse().unwrap(),
    )
}

/// An account whose provider tells no genres, synced.
async fn without_genres() -> (World, uuid::Uuid) {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.standin.with_account(1, |account| {
        for range in [TimeRange::Short, TimeRange::Medium, TimeRange::Long] {
            let artists = account.music.top_artists(range);
            artists.iter_mut().for_each(|artist| artist.genres = None);
        }
        account.music.followed.clear();
    });
    world.sync().await;
    (world, user)
}

#[tokio::test]
async fn recordings_tell_the_genres_that_an_account_does_not() {
    let (world, user) = without_genres().await;
    let server = MockServer::start().await;
    let genres = json!({ "isrc": "x", "recordings": [
        { "id": "r", "genres": [{ "name": "baul", "count": 3 }, { "name": "noise", "count": 0 }] },
        { "id": "s", "genres": [{ "name": "baul", "count": 1 }] },
    ] });
    Mock::given(method("GET"))
        .and(path_regex("^/ws/2/isrc/ZZBON26[0-9]{5}$"))
        .and(query_param("inc", "genres"))
        .and(header_regex(
            "user-agent",
            r"^bondhu-sync-worker/.* \( https://app\.example/ \)$",
        ))
        .respond_with(ResponseTemplate::new(200).set_body_json(genres))
        .mount(&server)
        .await;
    let source = source(&server);
    let mut asked = 0;
    while ask_for_one(&source, &world.context.database).await.unwrap() {
        asked += 1;
    }
    let recordings: i64 = sqlx::query_scalar(
        "select count(distinct isrc) from public.music_top_items where isrc is not null",
    )
    .fetch_one(&world.admin)
    .await
    .unwrap();
    assert_eq!(asked, recordings, "each once");

    world.let_time_pass().await;
    world.sync().await;
    let genres: Value =
        sqlx::query_scalar("select top_genres from public.music_preferences where user_id = $1")
            .bind(user)
            .fetch_one(&world.admin)
            .await
            .unwrap();
    assert_eq!(
        genres,
        json!([{ "genre": "baul", "weight": 1.0, "source": "musicbrainz" }])
    );
}

#[tokio::test]
async fn what_a_source_does_not_know_is_not_asked_again_and_what_it_refuses_is() {
    let (world, _) = without_genres().await;
    let server = MockServer::start().await;
    let source = source(&server);
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "5");
    Mock::given(method("GET"))
        .respond_with(busy)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    assert!(ask_for_one(&source, &world.context.database).await.is_err());
    let known = "select count(*) from bondhu.recording_genres";
    let count: i64 = sqlx::query_scalar(known)
        .fetch_one(&world.admin)
        .await
        .unwrap();
    assert_eq!(count, 0);
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(404))
        .mount(&server)
        .await;
    assert!(ask_for_one(&source, &world.context.database).await.unwrap());
    let count: i64 = sqlx::query_scalar(known)
        .fetch_one(&world.admin)
        .await
        .unwrap();
    assert_eq!(count, 1);
}
