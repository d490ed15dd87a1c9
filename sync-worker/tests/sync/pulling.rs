//! What a pull stores, sweeps and concludes.

use bondhu_standin::catalogue::music::TimeRange;
use bondhu_standin::catalogue::video::Visibility;
use serde_json::Value;
use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::World;

#[tokio::test]
async fn a_spotify_pull_stores_what_the_account_has() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 3).await;
    assert_eq!(world.sync().await, 1);
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");

    for (name, range) in [
        ("short_term", TimeRange::Short),
        ("medium_term", TimeRange::Medium),
        ("long_term", TimeRange::Long),
    ] {
        let artists: Vec<(String, String, Option<Vec<String>>)> =
            stored_items(&world, user, "artist", name).await;
        let expected: Vec<_> = world.standin.with_account(3, |account| {
            let known = |genres: Option<Vec<String>>| genres.filter(|genres| !genres.is_empty());
            let artists = account.music.top_artists(range).iter();
            artists
                .map(|a| (a.id.clone(), a.name.clone(), known(a.genres.clone())))
                .collect()
        });
        assert_eq!(artists, expected, "{name}");

        let tracks: Vec<(i32, String, Option<String>)> = sqlx::query_as(
            "select rank, item_id, isrc from public.music_top_items
             where user_id = $1 and kind = 'track' and time_range = $2 order by rank",
        )
        .bind(user)
        .bind(name)
        .fetch_all(&world.admin)
        .await
        .unwrap();
        // A null item or a local file keeps its place in the list and is not stored.
        let expected: Vec<_> = world.standin.with_account(3, |account| {
            let tracks = account.music.top_tracks(range).iter().zip(1..);
            tracks
                .filter_map(|(track, rank)| {
                    let track = track.as_ref()?;
                    Some((rank, track.id.clone()?, track.isrc.clone()))
                })
                .collect()
        });
        assert_eq!(tracks, expected, "{name}");
    }

    let plays = stored_plays(&world, user).await;
    let mut expected: Vec<_> = world.standin.with_account(3, |account| {
        let plays = account.music.plays.iter().take(50);
        plays
            .filter_map(|play| Some((play.played_at, play.track.id.clone()?)))
            .collect()
    });
    expected.sort();
    assert_eq!(plays, expected);
}

async fn stored_items(
    world: &World,
    user: Uuid,
    kind: &str,
    range: &str,
) -> Vec<(String, String, Option<Vec<String>>)> {
    sqlx::query_as(
        "select item_id, name, genres from public.music_top_items
         where user_id = $1 and kind = $2 and time_range = $3 order by rank",
    )
    .bind(user)
    .bind(kind)
    .bind(range)
    .fetch_all(&world.admin)
    .await
    .unwrap()
}

async fn stored_plays(world: &World, user: Uuid) -> Vec<(chrono::DateTime<chrono::Utc>, String)> {
    sqlx::query_as(
        "select played_at, track_id from public.listening_history where user_id = $1 order by 1, 2",
    )
    .bind(user)
    .fetch_all(&world.admin)
    .await
    .unwrap()
}

/// Liked videos that are neither private nor deleted: YouTube lists no others.
fn visible_likes(world: &World, account: u64) -> usize {
    world.standin.with_account(account, |account| {
        account
            .video
            .liked
            .iter()
            .filter(|video| video.visibility == Visibility::Public)
            .count()
    })
}

#[tokio::test]
async fn a_youtube_pull_stores_what_the_account_has() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 3).await;
    assert_eq!(world.sync().await, 1);
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
    let subscriptions = world
        .standin
        .with_account(3, |account| account.video.subscriptions.len());
    let liked = visible_likes(&world, 3);
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        subscriptions
    );
    assert_eq!(
        world
            .count(
                "public.video_likes where user_id = $1 and title is not null",
                user
            )
            .await,
        liked
    );
    assert!(
        world
            .count("bondhu.video_categories where $1 is not null", user)
            .await
            > 5
    );
    let topics = "public.video_likes, unnest(topics) topic where user_id = $1";
    assert!(world.count(topics, user).await > 0);
    let urls = "public.video_likes, unnest(topics) topic where user_id = $1 and topic ~ '[/_]'";
    assert_eq!(world.count(urls, user).await, 0, "topics are titles");
}

#[tokio::test]
async fn pages_are_of_fifty_and_follow_each_other_to_the_end() {
    let world = World::new().await;
    world.linked(Provider::YouTube, 1).await;
    world.sync().await;
    let pages = world.requests("/youtube/v3/subscriptions");
    assert_eq!(pages.len(), 3);
    assert!(
        pages
            .iter()
            .all(|page| page.query.get("maxResults") == Some("50"))
    );
}

#[tokio::test]
async fn what_is_gone_there_goes_here_and_plays_stay() {
    let world = World::new().await;
    let user = world.database.user().await;
    for provider in Provider::ALL {
        world.link(user, provider, 5).await;
    }
    world.sync().await;
    let plays = stored_plays(&world, user).await;

    world.standin.with_account(5, |account| {
        account.music.top_artists(TimeRange::Long).truncate(10);
        account.music.top_tracks(TimeRange::Short).clear();
        account.video.subscriptions.truncate(3);
        account.video.liked.truncate(60);
        account.music.plays.remove(0);
        let mut newer = account.music.plays[0].clone();
        newer.played_at += chrono::TimeDelta::hours(10);
        account.music.plays.insert(0, newer);
    });
    world.let_time_pass().await;
    assert_eq!(world.sync().await, 2);
    assert_eq!(
        world.standing(user, Provider::Spotify).await.missing,
        ["spotify.top_tracks.short_term"],
        "a list that drops to nothing is asked for again before it is believed"
    );
    assert!(
        !stored_items(&world, user, "track", "short_term")
            .await
            .is_empty()
    );
    sqlx::query("update public.provider_connections set next_sync_at = now()")
        .execute(&world.admin)
        .await
        .unwrap();
    world.sync().await;
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");

    assert_eq!(
        stored_items(&world, user, "artist", "long_term")
            .await
            .len(),
        10
    );
    assert_eq!(
        stored_items(&world, user, "track", "short_term")
            .await
            .len(),
        0
    );
    assert_eq!(
        world
            .count("public.video_subscriptions where user_id = $1", user)
            .await,
        3
    );
    assert_eq!(
        world
            .count("public.video_likes where user_id = $1", user)
            .await,
        visible_likes(&world, 5)
    );
    let now = stored_plays(&world, user).await;
    assert_eq!(now.len(), plays.len() + 1);
    assert!(plays.iter().all(|play| now.contains(play)));
}

#[tokio::test]
async fn all_plays_that_are_kept_are_asked_for_and_older_ones_until_they_are_known() {
    let world = World::new().await;
    world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    world.let_time_pass().await;
    world.sync().await;
    let asked = world.requests("/spotify/v1/me/player/recently-played");
    assert!(asked.iter().all(|page| page.query.get("after").is_none()));
    let before: Vec<_> = asked.iter().map(|page| page.query.get("before")).collect();
    let oldest = world.standin.with_account(1, |account| {
        account.music.plays[49].played_at.timestamp_millis()
    });
    let older = oldest.to_string();
    assert_eq!(
        before,
        [None, Some(older.as_str()), None],
        "older ones are asked for until what is known is reached"
    );
}

#[tokio::test]
async fn a_play_that_arrives_late_is_stored_once_like_any_other() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    let before = stored_plays(&world, user).await;
    let late = world.standin.with_account(1, |account| {
        let mut late = account.music.plays[0].clone();
        late.played_at -= chrono::TimeDelta::milliseconds(1);
        account.music.plays.insert(1, late.clone());
        (late.played_at, late.track.id.clone().unwrap())
    });
    for _ in 0..2 {
        world.let_time_pass().await;
        world.sync().await;
        let now = stored_plays(&world, user).await;
        assert_eq!(now.len(), before.len() + 1);
        assert!(now.contains(&late));
    }
}

#[tokio::test]
async fn preferences_come_with_the_pull_and_reach_the_documents() {
    let world = World::new().await;
    let user = world.database.user().await;
    for provider in Provider::ALL {
        world.link(user, provider, 2).await;
    }
    world.sync().await;
    let (music, video): (Value, Value) = sqlx::query_as(
        "select (select data from bondhu.music_profile_document(array[$1], now())),
                (select data from bondhu.video_youtube_document(array[$1], now()))",
    )
    .bind(user)
    .fetch_one(&world.context.database)
    .await
    .unwrap();
    for provider in Provider::ALL {
        let genres = &music[provider.name()]["top_genres"];
        assert!(!genres.as_array().unwrap().is_empty());
        assert_eq!(genres[0]["source"], provider.name());
        assert_eq!(music[provider.name()]["mood_profile"]["source"], "genres");
        assert!(music[provider.name()]["trait_evidence"]["openness"].is_number());
    }
    let spotify = &music["spotify"];
    assert_eq!(spotify["recently_played"].as_array().unwrap().len(), 10);
    for counts in ["plays_by_hour", "plays_by_weekday"] {
        let counts = spotify[counts].as_array().unwrap().iter();
        let plays: u64 = counts.map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(Some(plays), spotify["play_count"].as_u64());
    }
    assert_eq!(video["like_count"], visible_likes(&world, 2));
    assert!(!video["top_categories"].as_array().unwrap().is_empty());
    assert!(!video["top_channels"].as_array().unwrap().is_empty());
    assert_eq!(video["recent_channels"].as_array().unwrap().len(), 5);
}

/// What is recommended to a user, of a kind.
async fn recommended(world: &World, user: Uuid, kind: &str) -> Value {
    let mut request = world.database.as_user(user).await;
    sqlx::query_scalar("select public.recommendations($1, 200)")
        .bind(kind)
        .fetch_one(&mut *request)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_recommended_is_the_persons_own_and_goes_with_the_account() {
    let world = World::new().await;
    let user = world.database.user().await;
    let other = world.database.user().await;
    for provider in Provider::ALL {
        world.link(user, provider, 2).await;
        world.link(other, provider, 3).await;
    }
    assert_eq!(
        recommended(&world, user, "music").await["state"],
        "nothing_yet"
    );
    world.sync().await;
    for (kind, own) in [
        (
            "music",
            "(select track_id from public.listening_history where user_id = $1
              union select item_id from public.music_library where user_id = $1
              union select item_id from public.music_top_items where user_id = $1
              union select track_id from public.music_playlist_items where user_id = $1)",
        ),
        (
            "video",
            "(select video_id from public.video_likes where user_id = $1
              union select video_id from public.video_playlist_items where user_id = $1)",
        ),
    ] {
        let found = recommended(&world, user, kind).await;
        assert_eq!(found["state"], "ready", "{kind}");
        let items = found["items"].as_array().unwrap();
        assert!(
            items.len() > 50 && items.len() <= 120,
            "{kind}: {}",
            items.len()
        );
        let ids: Vec<&str> = items
            .iter()
            .map(|item| item["item_id"].as_str().unwrap())
            .collect();
        let own: Vec<String> = sqlx::query_scalar(&format!("select * from {own} own"))
            .bind(user)
            .fetch_all(&world.admin)
            .await
            .unwrap();
        assert!(ids.iter().all(|id| own.iter().any(|of| of == id)), "{kind}");
        for item in items {
            assert!(!item["name"].as_str().unwrap().is_empty());
            assert!(!item["reason_text"].as_str().unwrap().is_empty(), "{item}");
            assert!(
                !item["reason_text"].as_str().unwrap().contains("%s"),
                "{item}"
            );
        }
    }
    let played = recommended(&world, user, "music").await;
    let played = played["items"].as_array().unwrap().iter();
    assert!(played.clone().any(|item| item["plays"].as_u64() > Some(0)));
    assert!(
        played
            .clone()
            .any(|item| item["points"]["listed"].as_u64() > Some(0))
    );

    let mut request = world.database.as_user(user).await;
    sqlx::query("select public.disconnect('spotify')")
        .execute(&mut *request)
        .await
        .unwrap();
    request.commit().await.unwrap();
    assert_eq!(
        recommended(&world, user, "music").await["state"],
        "nothing_yet"
    );
    assert_eq!(recommended(&world, user, "video").await["state"], "ready");
    assert_eq!(recommended(&world, other, "music").await["state"], "ready");
}

#[tokio::test]
async fn an_account_without_genres_leaves_mood_and_diversity_unknown() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 2).await;
    world.standin.with_account(2, |account| {
        for range in [TimeRange::Short, TimeRange::Medium, TimeRange::Long] {
            for artist in account.music.top_artists(range) {
                artist.genres = None;
            }
        }
        for artist in &mut account.music.followed {
            artist.genres = None;
        }
    });
    world.sync().await;
    let unknown = "public.music_preferences
                   where user_id = $1 and mood_profile is null and diversity is null and top_genres = '[]'";
    assert_eq!(world.count(unknown, user).await, 1);
}

#[tokio::test]
async fn every_request_is_in_the_ledger() {
    let world = World::new().await;
    world.linked(Provider::YouTube, 1).await;
    world.sync().await;
    let entered: i64 = sqlx::query_scalar(
        "select requests from bondhu.provider_ledger where provider = 'youtube'",
    )
    .fetch_one(&world.admin)
    .await
    .unwrap();
    assert_eq!(entered, i64::from(world.standin.youtube_units_used()));
}

#[tokio::test]
async fn a_synced_connection_is_due_again_about_an_interval_later() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    let (minutes, attempts): (f64, i32) = sqlx::query_as(
        "select extract(epoch from c.next_sync_at - now())::float8 / 60, j.attempts
         from public.provider_connections c join bondhu.sync_jobs j using (user_id, provider) where user_id = $1",
    )
    .bind(user)
    .fetch_one(&world.admin)
    .await
    .unwrap();
    assert!((53.0..=67.0).contains(&minutes), "{minutes}");
    assert_eq!(attempts, 0);
    assert_eq!(world.sync().await, 0, "nothing is due");
}
