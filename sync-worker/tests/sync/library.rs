//! Libraries and playlists, and what is not asked for twice.

use bondhu_standin::StandinConfig;
use bondhu_standin::catalogue::video::Visibility;
use reqwest::StatusCode;
use sync_worker::provider::Provider;
use uuid::Uuid;

use crate::fixture::World;

impl World {
    async fn ids(&self, sql: &str, user: Uuid) -> Vec<String> {
        let ids = sqlx::query_scalar(sql).bind(user);
        ids.fetch_all(&self.admin).await.unwrap()
    }

    /// Lets the next sync come as the schedule would bring it, an hour later.
    async fn an_hour_later(&self) {
        sqlx::query("update public.provider_connections set next_sync_at = now()")
            .execute(&self.admin)
            .await
            .unwrap();
    }

    fn items_requests(&self) -> usize {
        let requests = self.standin.requests();
        let items = |path: &str| path.starts_with("/spotify/v1/playlists/");
        requests
            .iter()
            .filter(|request| items(&request.path))
            .count()
    }
}

#[tokio::test]
async fn a_library_is_stored_with_its_dates() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 4).await;
    world.sync().await;
    let (mut albums, mut artists, mut tracks) = world.standin.with_account(4, |account| {
        let music = &account.music;
        let albums = music.saved_albums.iter().map(|saved| saved.item.0.clone());
        let tracks = music
            .saved_tracks
            .iter()
            .filter_map(|saved| saved.item.id.clone());
        let artists = music.followed.iter().map(|artist| artist.id.clone());
        (
            albums.collect::<Vec<_>>(),
            artists.collect::<Vec<_>>(),
            tracks.collect::<Vec<_>>(),
        )
    });
    for (kind, expected) in [
        ("album", &mut albums),
        ("artist", &mut artists),
        ("track", &mut tracks),
    ] {
        expected.sort();
        expected.dedup();
        let sql = format!(
            "select item_id from public.music_library
             where user_id = $1 and kind = '{kind}' and (added_at is null) = (kind = 'artist')
             order by item_id collate \"C\""
        );
        assert_eq!(&world.ids(&sql, user).await, expected, "{kind}");
    }
}

#[tokio::test]
async fn the_items_of_own_and_collaborative_playlists_are_walked_when_their_snapshot_changed() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 4).await;
    world.sync().await;
    assert_eq!(
        world.status(user, Provider::Spotify).await,
        "ok",
        "a stranger's is not asked for"
    );
    let (all, shown) = world.standin.with_account(4, |account| {
        let shown = account
            .music
            .playlists
            .iter()
            .filter(|p| p.is_shown_to(&account.spotify_id));
        let tracks = shown
            .flat_map(|p| &p.items)
            .filter(|saved| saved.item.as_ref().is_some_and(|track| !track.is_local()));
        (account.music.playlists.len(), tracks.count())
    });
    assert_eq!(
        world
            .count("public.music_playlists where user_id = $1", user)
            .await,
        all
    );
    assert_eq!(
        world
            .count("public.music_playlist_items where user_id = $1", user)
            .await,
        shown
    );
    let asked = world.items_requests();

    world.standin.with_account(4, |account| {
        let playlist = &mut account.music.playlists[1];
        playlist.items.truncate(3);
        playlist.snapshot_id = "changed".to_owned();
    });
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(
        world.items_requests(),
        asked + 1,
        "one page of one playlist"
    );
    let changed = "public.music_playlist_items i join public.music_playlists p using (user_id, playlist_id)
                   where user_id = $1 and p.snapshot_id = 'changed' and p.items_snapshot_id = 'changed'";
    assert_eq!(
        world.count(changed, user).await,
        2,
        "three places, one of a local file"
    );
}

#[tokio::test]
async fn a_playlist_that_is_not_shown_after_all_is_named_and_the_others_are_walked() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 4).await;
    // It says that it is collaborative, and is the owner's alone when asked.
    let refused = "api_403_playlist_not_owned_or_removed_endpoint";
    let path = world.standin.with_account(4, |account| {
        format!(
            "/spotify/v1/playlists/{}/items",
            account.music.playlists[4].id
        )
    });
    let fault = bondhu_standin::Fault::recorded(&path, "spotify", refused).unwrap();
    world.standin.inject(fault.times(2));
    world.sync().await;
    let standing = world.standing(user, Provider::Spotify).await;
    assert_eq!(standing.missing, ["spotify.playlist_items"]);
    assert_eq!(standing.last_error_code.as_deref(), Some("foreign_list"));
    let walked = "public.music_playlists where user_id = $1 and items_snapshot_id is not null";
    assert_eq!(world.count(walked, user).await, 4);

    world.an_hour_later().await;
    world.sync().await;
    assert_eq!(
        world.status(user, Provider::Spotify).await,
        "partial",
        "a sync that comes by schedule does not forget it"
    );
    world.an_hour_later().await;
    world.sync().await;
    assert_eq!(
        world.status(user, Provider::Spotify).await,
        "ok",
        "it is asked again"
    );
}

#[tokio::test]
async fn an_hourly_sync_brings_plays_and_what_changes_slowly_waits_for_its_day() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    let before = world.standin.requests().len();
    world.an_hour_later().await;
    world.sync().await;
    let requests = world.standin.requests();
    let paths: Vec<_> = requests[before..]
        .iter()
        .map(|request| request.path.as_str())
        .collect();
    assert_eq!(paths, ["/spotify/v1/me/player/recently-played"]);
    assert_eq!(world.status(user, Provider::Spotify).await, "ok");
}

#[tokio::test]
async fn a_hole_in_what_was_played_is_recorded_as_a_hole() {
    let world = World::new().await;
    let user = world.linked(Provider::Spotify, 1).await;
    world.sync().await;
    assert_eq!(
        world
            .count("public.listening_gaps where user_id = $1", user)
            .await,
        0
    );
    sqlx::query("update public.listening_history set played_at = played_at - interval '90 days'")
        .execute(&world.admin)
        .await
        .unwrap();
    let last = world.standin.with_account(1, |account| {
        account.music.plays[0].played_at - chrono::TimeDelta::days(90)
    });
    world.an_hour_later().await;
    world.sync().await;
    let (after, before): (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>) =
        sqlx::query_as(
            "select after_play, before_play from public.listening_gaps where user_id = $1",
        )
        .bind(user)
        .fetch_one(&world.admin)
        .await
        .unwrap();
    let oldest = world
        .standin
        .with_account(1, |account| account.music.plays[49].played_at);
    assert_eq!((after, before), (last, oldest));
}

#[tokio::test]
async fn audio_features_are_used_where_the_app_has_them_and_else_not_asked_for_again() {
    for extended in [false, true] {
        let world = World::with(StandinConfig {
            spotify_extended: extended,
            ..StandinConfig::default()
        })
        .await;
        let user = world.linked(Provider::Spotify, 1).await;
        world.sync().await;
        assert_eq!(world.status(user, Provider::Spotify).await, "ok");
        let source = if extended { "audio_features" } else { "genres" };
        let moods = format!(
            "public.music_preferences where user_id = $1 and mood_profile ->> 'source' = '{source}'"
        );
        assert_eq!(world.count(&moods, user).await, 1, "{extended}");
        let asked = world.requests("/spotify/v1/audio-features").len();
        sqlx::query("update bondhu.sync_jobs set requested_at = now()")
            .execute(&world.admin)
            .await
            .unwrap();
        world.an_hour_later().await;
        world.sync().await;
        assert_eq!(world.requests("/spotify/v1/audio-features").len(), asked);
    }
}

#[tokio::test]
async fn videos_in_playlists_get_their_details_and_hidden_ones_keep_their_place() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 2).await;
    world.sync().await;
    let (playlists, videos, hidden) = world.standin.with_account(2, |account| {
        let playlists = &account.video.playlists;
        let videos = playlists.iter().flat_map(|playlist| &playlist.videos);
        let hidden = videos
            .clone()
            .filter(|video| video.visibility != Visibility::Public);
        (playlists.len(), videos.count(), hidden.count())
    });
    assert_eq!(
        world
            .count("public.video_playlists where user_id = $1", user)
            .await,
        playlists
    );
    let items = "public.video_playlist_items where user_id = $1 and details_at is not null";
    assert_eq!(world.count(items, user).await, videos);
    let unseen = format!("{items} and title is null");
    assert_eq!(world.count(&unseen, user).await, hidden);

    let topics = "public.video_subscriptions where user_id = $1 and topics_at is not null";
    assert_eq!(world.count(topics, user).await, 115);
    let batches = |path| {
        let requests = world.requests(path).into_iter();
        requests
            .filter(|request| request.query.get("id").is_some())
            .count()
    };
    assert_eq!(batches("/youtube/v3/channels"), 3, "fifty at a time");
    let details = batches("/youtube/v3/videos");

    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(batches("/youtube/v3/channels"), 3, "they are fresh");
    assert_eq!(batches("/youtube/v3/videos"), details);
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again_and_its_rows_stay() {
    let world = World::new().await;
    let user = world.linked(Provider::YouTube, 2).await;
    world.sync().await;
    let rows = "public.video_subscriptions where user_id = $1";
    let stored = world.count(rows, user).await;
    world.let_time_pass().await;
    world.sync().await;
    let statuses: Vec<_> = world
        .requests("/youtube/v3/subscriptions")
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(
        statuses,
        [[StatusCode::OK; 3], [StatusCode::NOT_MODIFIED; 3]].concat()
    );
    assert_eq!(world.count(rows, user).await, stored);

    // Rows that went meanwhile come back.
    sqlx::query("delete from public.video_subscriptions where channel_id = (select min(channel_id) from public.video_subscriptions)")
        .execute(&world.admin)
        .await
        .unwrap();
    world.let_time_pass().await;
    world.sync().await;
    assert_eq!(world.count(rows, user).await, stored);
    assert_eq!(world.status(user, Provider::YouTube).await, "ok");
}

#[tokio::test]
async fn categories_are_those_of_the_persons_region_where_the_provider_knows_it() {
    let world = World::new().await;
    for (locale, regions) in [("bn-BD", ["BD", "US"]), ("en-ZZ", ["ZZ", "US"])] {
        let user = world.linked(Provider::YouTube, 1).await;
        for statement in [
            "delete from bondhu.video_categories",
            "delete from bondhu.page_etags",
        ] {
            sqlx::query(statement).execute(&world.admin).await.unwrap();
        }
        sqlx::query("update public.companion_profiles set locale = $2 where user_id = $1")
            .bind(user)
            .bind(locale)
            .execute(&world.admin)
            .await
            .unwrap();
        let before = world.requests("/youtube/v3/videoCategories").len();
        world.sync().await;
        assert_eq!(world.status(user, Provider::YouTube).await, "ok");
        let asked: std::collections::BTreeSet<_> = world.requests("/youtube/v3/videoCategories")
            [before..]
            .iter()
            .map(|request| request.query.get("regionCode").unwrap().to_owned())
            .collect();
        assert_eq!(asked, regions.map(str::to_owned).into());
        let named = "public.video_preferences where user_id = $1 and jsonb_array_length(top_categories) > 0";
        assert_eq!(world.count(named, user).await, 1);
    }
}
