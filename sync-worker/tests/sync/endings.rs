//! How lists end: what is gone, what only seems so, and what never ends.

use serde_json::{Value, json};
use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::World;
use crate::puppet::{OWNER, Puppet, RecordedCall};

pub(crate) async fn linked(provider: Provider) -> (World, Puppet, Uuid) {
    let world = World::new().await;
    let puppet = Puppet::new(&world, provider).await;
    let user = puppet.link(&world, 1).await[0];
    (world, puppet, user)
}

pub(crate) fn saved(count: usize) -> Vec<Value> {
    let track = |n| json!({ "added_at": "2026-11-01T10:00:00Z", "track": { "id": format!("t{n}"), "name": "T" } });
    (0..count).map(track).collect()
}

fn subscriptions(count: usize) -> Vec<Value> {
    let of =
        |n| json!({ "snippet": { "title": "C", "resourceId": { "channelId": format!("c{n}") } } });
    (0..count).map(of).collect()
}

/// Every list is empty, but this one is `body`.
pub(crate) fn only(
    provider: Provider,
    path: &'static str,
    body: impl Fn(&RecordedCall) -> Value + Send + Sync + 'static,
) -> impl Fn(&RecordedCall) -> Option<Vec<u8>> + Send + Sync + 'static {
    move |asked| {
        let answer = match asked.path.as_str() {
            at if at == path && asked.get("id").is_empty() => body(asked),
            "/me" => json!({ "id": OWNER }),
            "/me/following" => json!({ "artists": asked.page(provider, &[]) }),
            _ => asked.page(provider, &[]),
        };
        Some(answer.to_string().into_bytes())
    }
}

const TRACKS: &str = "public.music_library where user_id = $1 and kind = 'track'";
const SUBSCRIBED: &str = "public.video_subscriptions where user_id = $1";

#[tokio::test]
async fn what_is_absent_stays_until_the_providers_count_says_that_it_is_gone() {
    let (world, puppet, user) = linked(Provider::Spotify).await;
    let page = |asked: &RecordedCall| asked.page(Provider::Spotify, &saved(3));
    puppet.says(only(Provider::Spotify, "/me/tracks", page));
    puppet.sync(&world).await;
    assert_eq!(world.count(TRACKS, user).await, 3);
    for wrong in [
        json!({ "items": [], "total": 3, "next": null }),
        json!({ "items": saved(1), "total": 3, "next": null }),
        json!({ "items": saved(1), "next": null }),
        json!({ "items": "none", "total": 3 }),
        json!({}),
    ] {
        puppet.says(only(Provider::Spotify, "/me/tracks", move |_| {
            wrong.clone()
        }));
        puppet.sync(&world).await;
        assert_eq!(world.count(TRACKS, user).await, 3);
        let standing = world.standing(user, Provider::Spotify).await;
        assert_eq!(standing.status, "partial");
        assert_eq!(standing.missing, ["spotify.saved_tracks"]);
    }
    let page = |asked: &RecordedCall| asked.page(Provider::Spotify, &saved(2));
    puppet.says(only(Provider::Spotify, "/me/tracks", page));
    puppet.sync(&world).await;
    assert_eq!(world.count(TRACKS, user).await, 2);
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

#[tokio::test]
async fn a_list_that_drops_to_nothing_is_believed_the_second_time() {
    let (world, puppet, user) = linked(Provider::YouTube).await;
    let page = |asked: &RecordedCall| asked.page(Provider::YouTube, &subscriptions(3));
    puppet.says(only(Provider::YouTube, "/subscriptions", page));
    puppet.sync(&world).await;
    puppet.says(only(Provider::YouTube, "/subscriptions", |_| json!({})));
    for _ in 0..3 {
        puppet.sync(&world).await;
        assert_eq!(world.count(SUBSCRIBED, user).await, 3, "it says nothing");
    }
    let due = "update public.provider_connections set next_sync_at = now()";
    for left in [3, 0] {
        puppet.says(only(Provider::YouTube, "/subscriptions", |asked| {
            asked.page(Provider::YouTube, &[])
        }));
        sqlx::query(due).execute(&world.admin).await.unwrap();
        sync_worker::sync::run_once(
            std::sync::Arc::clone(&puppet.context),
            tokio_util::sync::CancellationToken::new(),
        )
        .await
        .unwrap();
        assert_eq!(world.count(SUBSCRIBED, user).await, left);
        let standing = world.standing(user, Provider::YouTube).await;
        let code = (left > 0).then_some("emptied_list");
        assert_eq!(standing.last_error_code.as_deref(), code);
    }
}

#[tokio::test]
async fn a_list_without_an_end_ends_and_takes_nothing_from_others() {
    let (world, puppet, user) = linked(Provider::YouTube).await;
    let bodies: [fn(&RecordedCall) -> Value; 3] = [
        |_| json!({ "items": [], "nextPageToken": "again" }),
        |asked| {
            let page: u32 = asked.get("pageToken").parse().unwrap_or(0);
            json!({ "items": [], "nextPageToken": (page + 1).to_string(), "pageInfo": { "totalResults": 3 } })
        },
        |asked| {
            let page: u32 = asked.get("pageToken").parse().unwrap_or(0);
            json!({ "items": [], "nextPageToken": ((page + 1) % 7).to_string() })
        },
    ];
    for body in bodies {
        puppet.says(only(Provider::YouTube, "/subscriptions", body));
        puppet.sync(&world).await;
        let standing = world.standing(user, Provider::YouTube).await;
        assert_eq!(standing.last_error_code.as_deref(), Some("endless_list"));
        let asked = puppet.asked();
        let pages = asked.iter().filter(|asked| asked.path == "/subscriptions");
        assert!(pages.count() <= 30);
        assert!(asked.iter().any(|asked| asked.path == "/playlists"));
    }
    // Nothing there.
    puppet.says(only(
        Provider::YouTube,
        "/subscriptions",
        |_| json!({ "items": [], "nextPageToken": "" }),
    ));
    puppet.sync(&world).await;
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
}

#[tokio::test]
async fn a_link_that_cannot_be_followed_is_not_kept_and_a_kept_one_is_dropped() {
    let (world, puppet, user) = linked(Provider::Spotify).await;
    for next in [
        json!("/v1/me/tracks?offset=50"),
        json!("http://elsewhere.example/me/tracks"),
        json!(7),
        json!("x".repeat(3_000)),
    ] {
        let page = move |_: &RecordedCall| json!({ "items": saved(1), "total": 2, "next": next });
        puppet.says(only(Provider::Spotify, "/me/tracks", page));
        puppet.sync(&world).await;
        let standing = world.standing(user, Provider::Spotify).await;
        assert_eq!(
            (standing.status.as_str(), standing.missing),
            ("partial", vec!["spotify.saved_tracks".to_owned()])
        );
        assert_eq!(world.count(TRACKS, user).await, 1, "what came is here");
    }
    // As a former version, or another base URL, left it.
    for next in ["", "/me/tracks", "http://elsewhere.example/me/top/artists"] {
        sqlx::query("update bondhu.sync_jobs set checkpoint = jsonb_build_object('walk', gen_random_uuid(), 'next', $1::text)")
            .bind(next)
            .execute(&world.admin)
            .await
            .unwrap();
        let page = |asked: &RecordedCall| asked.page(Provider::Spotify, &saved(2));
        puppet.says(only(Provider::Spotify, "/me/tracks", page));
        puppet.sync(&world).await;
        assert_eq!(world.status(user, Provider::Spotify).await, "ok", "{next}");
        assert_eq!(world.count(TRACKS, user).await, 2);
    }
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let (world, puppet, user) = linked(Provider::Spotify).await;
    let albums = |asked: &RecordedCall| {
        let filling = "x".repeat(100_000);
        let album = |n| json!({ "added_at": null, "album": { "id": format!("a{n}"), "name": "A", "tracks": filling } });
        asked.page(Provider::Spotify, &(0..60).map(album).collect::<Vec<_>>())
    };
    puppet.says(only(Provider::Spotify, "/me/albums", albums));
    puppet.sync(&world).await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
    let albums = "public.music_library where user_id = $1 and kind = 'album'";
    assert_eq!(world.count(albums, user).await, 60);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_costs_itself_after_three_tries() {
    let (world, puppet, user) = linked(Provider::Spotify).await;
    puppet.says(|asked| match asked.path.as_str() {
        "/me/albums" => Some(b"<html>".to_vec()),
        _ => only(Provider::Spotify, "", |_| json!({}))(asked),
    });
    for _ in 0..3 {
        puppet.sync(&world).await;
        assert_eq!(world.status(user, Provider::Spotify).await, "failing");
    }
    puppet.sync(&world).await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(
        (standing.status.as_str(), standing.missing),
        ("partial", vec!["spotify.saved_albums".to_owned()])
    );
}

#[tokio::test]
async fn a_connection_gets_its_share_of_an_hour_and_no_more() {
    let (world, puppet, user) = linked(Provider::Spotify).await;
    sqlx::query(
        "update bondhu.provider_settings set requests_per_window = 1000 where provider = 'spotify'",
    )
    .execute(&world.admin)
    .await
    .unwrap();
    let share: i32 = sqlx::query_scalar(
        "select bondhu.connection_share(s) from bondhu.provider_settings s where provider = 'spotify'",
    )
    .fetch_one(&world.admin)
    .await
    .unwrap();
    sqlx::query(
        "update bondhu.sync_jobs set hour_from = now() - interval '10 min', hour_requests = $1 - 5",
    )
    .bind(share)
    .execute(&world.admin)
    .await
    .unwrap();
    puppet.says(only(Provider::Spotify, "", |_| json!({})));
    for asked in [5, 0] {
        puppet.sync(&world).await;
        assert_eq!(puppet.asked().len(), asked);
        assert_eq!(world.status(user, Provider::Spotify).await, "queued");
    }
    let held = world.held_back_for(user, Provider::Spotify).await.unwrap();
    assert!((2_900.0..=3_000.0).contains(&held), "{held}");
    sqlx::query("update bondhu.sync_jobs set hour_from = now() - interval '61 min'")
        .execute(&world.admin)
        .await
        .unwrap();
    puppet.sync(&world).await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

#[tokio::test]
async fn an_account_is_the_same_under_another_name_and_its_playlists_stay_its_own() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 4).await;
    world.sync().await;
    let plays = "public.listening_history where user_id = $1";
    let before = world.count(plays, user).await;
    let renamed = "update bondhu.sync_jobs set owner_id = 'former'";
    sqlx::query(renamed).execute(&world.admin).await.unwrap();
    sqlx::query("update public.music_playlists set items_snapshot_id = null")
        .execute(&world.admin)
        .await
        .unwrap();
    world.let_time_pass().await;
    world.sync().await;
    let walked = "public.music_playlists p join bondhu.sync_jobs j on j.user_id = p.user_id and j.owner_id = p.owner_id
                  where p.user_id = $1 and p.items_snapshot_id is not null";
    assert!(
        world.count(walked, user).await > 0,
        "the name is read again"
    );

    sqlx::query(renamed).execute(&world.admin).await.unwrap();
    world.link(user, Provider::Spotify, 4).await;
    assert_eq!(world.count(plays, user).await, before);
    world.link(user, Provider::Spotify, 5).await;
    assert_eq!(world.count(plays, user).await, 0, "another account's go");
}

#[tokio::test]
async fn plays_that_came_are_kept_when_older_ones_do_not() {
    let (world, puppet, user) = linked(Provider::Spotify).await;
    puppet.says(|asked| {
        let lists = only(Provider::Spotify, "", |_| json!({}));
        match asked.path.as_str() {
            "/me/player/recently-played" if asked.get("before").is_empty() => {
                let play = |minute| {
                    json!({
                        "played_at": format!("2026-11-01T10:{minute:02}:00Z"),
                        "track": { "id": format!("t{minute}"), "name": "T" },
                    })
                };
                let plays: Vec<Value> = (0..50).map(play).collect();
                let next = asked.link("before=1");
                Some(
                    json!({ "items": plays, "next": next })
                        .to_string()
                        .into_bytes(),
                )
            }
            "/me/player/recently-played" => None,
            _ => lists(asked),
        }
    });
    puppet.sync(&world).await;
    let plays = "public.listening_history where user_id = $1";
    assert_eq!(world.count(plays, user).await, 50);
    assert_eq!(world.status(user, Provider::Spotify).await, "partial");
}
