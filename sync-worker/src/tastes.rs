//! Preferences from what was pulled: reads the user's rows, asks `bondhu_core::tastes`,
//! stores the answer. Runs in the transaction that completes the pull.

use bondhu_core::tastes::{
    Features, Followed, GenresFrom, MoodSource, MusicEvidence, MusicTaste, Ranked, SeenVideo,
    TimeRange, video_taste,
};
use serde_json::{Value, json};
use sqlx::PgTransaction;
use sqlx::types::Json;
use uuid::Uuid;

use crate::genres::MusicBrainz;
use crate::provider::Provider;
use crate::recommend;
use crate::vault::Owner;

/// Computes the preferences that a provider feeds.
///
/// # Errors
/// When the database does not answer, or refuses.
pub async fn refresh(
    transaction: &mut PgTransaction<'static>,
    owner: Owner,
) -> Result<(), sqlx::Error> {
    match owner.provider {
        Provider::Spotify => {
            recommend::refresh_music(transaction, owner.user).await?;
            let evidence = spotify_evidence(transaction, owner.user).await?;
            store_music(transaction, owner, evidence).await
        }
        Provider::YouTube => {
            recommend::refresh_videos(transaction, owner.user).await?;
            refresh_videos(transaction, owner).await
        }
    }
}

/// Thousandths as a JSON number between 0 and 1.
fn share(thousandths: u64) -> Value {
    json!(thousandths as f64 / 1_000.0)
}

/// A list of favourites: `[{name, weight}]`.
fn weighted(list: &[Ranked]) -> Json<Vec<Value>> {
    let entry = |of: &Ranked| json!({ "name": of.name, "weight": share(of.weight) });
    Json(list.iter().map(entry).collect())
}

/// The range that a name of Spotify's stands for.
pub(crate) fn range_of(name: &str) -> Option<TimeRange> {
    match name {
        "short_term" => Some(TimeRange::Short),
        "medium_term" => Some(TimeRange::Medium),
        "long_term" => Some(TimeRange::Long),
        _ => None,
    }
}

#[derive(sqlx::FromRow)]
struct TopItem {
    kind: String,
    time_range: String,
    rank: i32,
    name: String,
    genres: Option<Vec<String>>,
    /// Genres of the recording, from elsewhere.
    recording_genres: Option<Vec<String>>,
    /// Energy, valence, danceability and acousticness in thousandths; null when unknown.
    features: Option<Vec<i32>>,
}

impl TopItem {
    fn features(&self) -> Option<Features> {
        let figures = self.features.as_deref()?.iter();
        let mut figures = figures.map(|&figure| u64::try_from(figure).unwrap_or_default());
        Some(Features {
            energy: figures.next()?,
            valence: figures.next()?,
            danceability: figures.next()?,
            acousticness: figures.next()?,
        })
    }
}

async fn spotify_evidence(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
) -> Result<MusicEvidence, sqlx::Error> {
    let top: Vec<TopItem> = sqlx::query_as(
        "select t.kind, t.time_range, t.rank, t.name, t.genres, g.genres as recording_genres,
                case when f.track_id is not null then array[
                  round(f.energy * 1000), round(f.valence * 1000),
                  round(f.danceability * 1000), round(f.acousticness * 1000)]::integer[] end as features
         from public.music_top_items t
         left join bondhu.track_features f on t.kind = 'track' and f.track_id = t.item_id
         left join bondhu.recording_genres g on g.isrc = t.isrc
         where t.user_id = $1",
    )
    .bind(user)
    .fetch_all(&mut **transaction)
    .await?;
    let followed: Vec<(String, Option<Vec<String>>)> = sqlx::query_as(
        "select name, genres from public.music_library where user_id = $1 and kind = 'artist'",
    )
    .bind(user)
    .fetch_all(&mut **transaction)
    .await?;

    let mut evidence = MusicEvidence::default();
    for item in &top {
        let (Some(range), Ok(rank)) = (range_of(&item.time_range), u32::try_from(item.rank)) else {
            continue;
        };
        if item.kind == "artist" {
            let genres = item.genres.as_deref().unwrap_or_default();
            evidence.top_artist(range, rank, &item.name, genres);
        } else {
            let genres = item.recording_genres.as_deref().unwrap_or_default();
            evidence.top_track(range, rank, item.features(), genres);
        }
    }
    for (name, genres) in &followed {
        evidence.followed_artist(name, genres.as_deref().unwrap_or_default());
    }
    Ok(evidence)
}

/// Stores what follows from the evidence, with the listening that belongs to the account.
async fn store_music(
    transaction: &mut PgTransaction<'static>,
    owner: Owner,
    evidence: MusicEvidence,
) -> Result<(), sqlx::Error> {
    let taste = evidence.conclude();
    let source = match taste.genres_from {
        GenresFrom::Account => owner.provider.name(),
        GenresFrom::Recordings => MusicBrainz::NAME,
    };
    let genres: Vec<_> = taste
        .top_genres
        .iter()
        .map(|g| json!({ "genre": g.name, "weight": share(g.weight), "source": source }))
        .collect();
    let traits = taste.trait_evidence.map(|of| {
        Json(json!({ "openness": share(of.openness), "extraversion": share(of.extraversion) }))
    });
    let diversity = taste.diversity.and_then(|of| i32::try_from(of).ok());
    sqlx::query(
        "insert into public.music_preferences
           (user_id, provider, top_genres, mood_profile, diversity, top_artists, trait_evidence,
            recently_played, plays_by_hour, plays_by_weekday, play_count, computed_at)
         with played as (
           select h.played_at, h.track_name, h.artist_names,
                  h.played_at at time zone coalesce(u.time_zone, 'UTC') as local
           from public.listening_history h
           left join public.companion_profiles u on u.user_id = h.user_id
           where h.user_id = $1 and $2 = 'spotify'
         )
         select $1, $2, $3, $4, $5::integer / 1000.0, $6, $7,
           (select coalesce(jsonb_agg(to_jsonb(p) order by p.played_at desc), '[]')
            from (select played_at, track_name, artist_names from played order by played_at desc limit 10) p),
           (select array_agg((select count(*) from played where extract(hour from local) = hour)::integer order by hour)
            from generate_series(0, 23) hour),
           (select array_agg((select count(*) from played where extract(isodow from local) = day)::integer order by day)
            from generate_series(1, 7) day),
           (select count(*) from played),
           now()
         on conflict (user_id, provider) do update set
           top_genres = excluded.top_genres, mood_profile = excluded.mood_profile, diversity = excluded.diversity,
           top_artists = excluded.top_artists, trait_evidence = excluded.trait_evidence,
           recently_played = excluded.recently_played, plays_by_hour = excluded.plays_by_hour,
           plays_by_weekday = excluded.plays_by_weekday, play_count = excluded.play_count,
           computed_at = excluded.computed_at",
    )
    .bind(owner.user)
    .bind(owner.provider.name())
    .bind(Json(genres))
    .bind(mood(&taste))
    .bind(diversity)
    .bind(weighted(&taste.top_artists))
    .bind(traits)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn mood(taste: &MusicTaste) -> Option<Json<Value>> {
    let mood = taste.mood?;
    Some(Json(json!({
        "energy": share(mood.mean.energy),
        "valence": share(mood.mean.valence),
        "danceability": share(mood.mean.danceability),
        "acousticness": share(mood.mean.acousticness),
        "confidence": share(mood.confidence),
        "source": match mood.source {
            MoodSource::AudioFeatures => "audio_features",
            MoodSource::Genres => "genres",
        },
    })))
}

#[derive(sqlx::FromRow)]
struct Video {
    liked: bool,
    category_id: Option<String>,
    category: Option<String>,
    topics: Vec<String>,
    channel_id: Option<String>,
    channel_title: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Subscription {
    channel_id: String,
    title: String,
    topics: Vec<String>,
}

async fn refresh_videos(
    transaction: &mut PgTransaction<'static>,
    owner: Owner,
) -> Result<(), sqlx::Error> {
    // A liked video that is in a playlist too counts once, as liked.
    let videos: Vec<Video> = sqlx::query_as(
        "select distinct on (v.video_id) v.liked, v.category_id, c.title as category, v.topics, v.channel_id,
                coalesce(nullif(btrim(v.channel_title), ''), v.channel_id) as channel_title
         from (
           select true as liked, video_id, category_id, topics, channel_id, channel_title
           from public.video_likes where user_id = $1
           union all
           select false, video_id, category_id, coalesce(topics, '{}'), channel_id, channel_title
           from public.video_playlist_items where user_id = $1
         ) v
         left join lateral (
           select t.title from bondhu.video_categories t
           where t.category_id = v.category_id and t.region in ('US', bondhu.video_region($1))
           order by t.region = 'US'
           limit 1
         ) c on true
         order by v.video_id, v.liked desc",
    )
    .bind(owner.user)
    .fetch_all(&mut **transaction)
    .await?;
    let subscriptions: Vec<Subscription> = sqlx::query_as(
        "select channel_id, coalesce(nullif(btrim(title), ''), channel_id) as title, coalesce(topics, '{}') as topics
         from public.video_subscriptions where user_id = $1",
    )
    .bind(owner.user)
    .fetch_all(&mut **transaction)
    .await?;

    let mut music = MusicEvidence::default();
    for video in &videos {
        let channel = video.channel_title.as_deref();
        music.video(video.category_id.as_deref(), &video.topics, channel);
    }
    for channel in &subscriptions {
        music.video(None, &channel.topics, Some(&channel.title));
    }
    if music.is_empty() {
        sqlx::query("delete from public.music_preferences where user_id = $1 and provider = $2")
            .bind(owner.user)
            .bind(owner.provider.name())
            .execute(&mut **transaction)
            .await?;
    } else {
        store_music(transaction, owner, music).await?;
    }
    store_videos(transaction, owner.user, videos, subscriptions).await
}

async fn store_videos(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
    videos: Vec<Video>,
    subscriptions: Vec<Subscription>,
) -> Result<(), sqlx::Error> {
    let seen: Vec<_> = videos
        .into_iter()
        .map(|video| SeenVideo {
            liked: video.liked,
            category: video.category,
            topics: video.topics,
            channel: video.channel_id.zip(video.channel_title),
        })
        .collect();
    let followed: Vec<_> = subscriptions
        .into_iter()
        .map(|channel| Followed {
            id: channel.channel_id,
            title: channel.title,
            topics: channel.topics,
        })
        .collect();
    let taste = video_taste(&seen, &followed);
    let channels: Vec<_> = taste
        .channels
        .iter()
        .map(|c| json!({ "channel_id": c.id, "title": c.title, "likes": c.likes, "subscribed": c.subscribed }))
        .collect();
    sqlx::query(
        "insert into public.video_preferences
           (user_id, top_categories, top_topics, top_channels, recent_channels,
            subscription_count, like_count, playlist_count, computed_at)
         select $1, $2, $3, $4,
           (select coalesce(jsonb_agg(to_jsonb(s) order by s.subscribed_at desc, s.channel_id), '[]')
            from (
              select channel_id, coalesce(nullif(btrim(title), ''), channel_id) as title, subscribed_at
              from public.video_subscriptions
              where user_id = $1 and subscribed_at is not null
              order by subscribed_at desc, channel_id limit 5
            ) s),
           (select count(*) from public.video_subscriptions where user_id = $1),
           (select count(*) from public.video_likes where user_id = $1),
           (select count(*) from public.video_playlists where user_id = $1),
           now()
         on conflict (user_id) do update set
           top_categories = excluded.top_categories, top_topics = excluded.top_topics,
           top_channels = excluded.top_channels, recent_channels = excluded.recent_channels,
           subscription_count = excluded.subscription_count, like_count = excluded.like_count,
           playlist_count = excluded.playlist_count, computed_at = excluded.computed_at",
    )
    .bind(user)
    .bind(weighted(&taste.categories))
    .bind(weighted(&taste.topics))
    .bind(Json(channels))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
