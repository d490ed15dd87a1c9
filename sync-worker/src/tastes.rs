//! Preferences from what was pulled: reads the user's rows, asks `bondhu_core::tastes`,
//! stores the answer. Runs in the transaction that completes the pull.

use bondhu_core::tastes::{Like, TimeRange, TopArtist, music_taste, video_taste};
use serde_json::{Value, json};
use sqlx::PgTransaction;
use sqlx::types::Json;
use uuid::Uuid;

use crate::provider::Provider;
use crate::providers::spotify::range_name;
use crate::vault::Owner;

/// Computes the preferences that a provider feeds.
///
/// # Errors
/// When the database does not go along.
pub async fn refresh(
    transaction: &mut PgTransaction<'static>,
    owner: Owner,
) -> Result<(), sqlx::Error> {
    match owner.provider {
        Provider::Spotify => refresh_music(transaction, owner.user).await,
        Provider::YouTube => refresh_videos(transaction, owner.user).await,
    }
}

/// Thousandths as a JSON number between 0 and 1.
fn share(thousandths: u64) -> Value {
    json!(thousandths as f64 / 1_000.0)
}

async fn refresh_music(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
) -> Result<(), sqlx::Error> {
    let rows: Vec<(String, i32, String, Option<Vec<String>>)> = sqlx::query_as(
        "select time_range, rank, name, genres from public.music_top_items where user_id = $1 and kind = 'artist'",
    )
    .bind(user)
    .fetch_all(&mut **transaction)
    .await?;
    let ranges = [TimeRange::Short, TimeRange::Medium, TimeRange::Long];
    let artists: Vec<_> = rows
        .into_iter()
        .filter_map(|(range, rank, name, genres)| {
            let range = ranges
                .into_iter()
                .find(|&known| range_name(known) == range)?;
            Some(TopArtist {
                range,
                rank: u32::try_from(rank).ok()?,
                name,
                genres,
            })
        })
        .collect();
    let taste = music_taste(&artists);

    let source = Provider::Spotify.name();
    let genres: Vec<_> = taste
        .top_genres
        .iter()
        .map(|g| json!({ "genre": g.genre, "weight": share(g.weight), "source": source }))
        .collect();
    let mood = taste.mood.map(|mood| {
        json!({
            "energy": share(mood.energy),
            "valence": share(mood.valence),
            "danceability": share(mood.danceability),
            "acousticness": share(mood.acousticness),
            "confidence": share(mood.confidence),
            "source": "genres",
        })
    });
    let top_artists: Vec<_> = taste
        .top_artists
        .iter()
        .map(|a| json!({ "name": a.name, "weight": share(a.weight) }))
        .collect();
    sqlx::query(
        "insert into public.music_preferences
           (user_id, top_genres, mood_profile, diversity, top_artists, recently_played, plays_by_hour, play_count, computed_at)
         select $1, $2, $3, $4::integer / 1000.0, $5,
           (select coalesce(jsonb_agg(to_jsonb(p) order by p.played_at desc), '[]')
            from (select played_at, track_name, artist_names from public.listening_history
                  where user_id = $1 order by played_at desc limit 10) p),
           (select array_agg(coalesce(counted.plays, 0) order by hour)
            from generate_series(0, 23) hour
            left join (
              select extract(hour from h.played_at at time zone u.time_zone)::integer as of_hour, count(*)::integer as plays
              from public.listening_history h
              join public.profiles u on u.user_id = h.user_id
              where h.user_id = $1 group by of_hour
            ) counted on counted.of_hour = hour),
           (select count(*) from public.listening_history where user_id = $1),
           now()
         on conflict (user_id) do update set
           top_genres = excluded.top_genres, mood_profile = excluded.mood_profile, diversity = excluded.diversity,
           top_artists = excluded.top_artists, recently_played = excluded.recently_played,
           plays_by_hour = excluded.plays_by_hour, play_count = excluded.play_count, computed_at = excluded.computed_at",
    )
    .bind(user)
    .bind(Json(genres))
    .bind(mood.map(Json))
    .bind(taste.diversity.and_then(|thousandths| i32::try_from(thousandths).ok()))
    .bind(Json(top_artists))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct LikedVideo {
    category: Option<String>,
    topics: Vec<String>,
    channel_id: Option<String>,
    channel_title: Option<String>,
}

async fn refresh_videos(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
) -> Result<(), sqlx::Error> {
    let likes: Vec<LikedVideo> = sqlx::query_as(
        "select c.title as category, l.topics, l.channel_id, coalesce(l.channel_title, l.channel_id) as channel_title
         from public.video_likes l
         left join bondhu.video_categories c on c.category_id = l.category_id
         where l.user_id = $1",
    )
    .bind(user)
    .fetch_all(&mut **transaction)
    .await?;
    let subscriptions: Vec<(String, String)> = sqlx::query_as(
        "select channel_id, coalesce(title, channel_id) from public.video_subscriptions where user_id = $1",
    )
    .bind(user)
    .fetch_all(&mut **transaction)
    .await?;
    let likes: Vec<_> = likes
        .into_iter()
        .map(|like| Like {
            category: like.category,
            topics: like.topics,
            channel: like.channel_id.zip(like.channel_title),
        })
        .collect();
    let taste = video_taste(&likes, &subscriptions);

    let weighted = |list: &[bondhu_core::tastes::Weighted]| {
        Json(
            list.iter()
                .map(|w| json!({ "name": w.name, "weight": share(w.weight) }))
                .collect::<Vec<_>>(),
        )
    };
    let channels: Vec<_> = taste
        .channels
        .iter()
        .map(|c| json!({ "channel_id": c.id, "title": c.title, "likes": c.likes, "subscribed": c.subscribed }))
        .collect();
    sqlx::query(
        "insert into public.video_preferences
           (user_id, top_categories, top_topics, top_channels, subscription_count, like_count, computed_at)
         values ($1, $2, $3, $4, $5, $6, now())
         on conflict (user_id) do update set
           top_categories = excluded.top_categories, top_topics = excluded.top_topics,
           top_channels = excluded.top_channels, subscription_count = excluded.subscription_count,
           like_count = excluded.like_count, computed_at = excluded.computed_at",
    )
    .bind(user)
    .bind(weighted(&taste.categories))
    .bind(weighted(&taste.topics))
    .bind(Json(channels))
    .bind(i64::try_from(subscriptions.len()).unwrap_or(i64::MAX))
    .bind(i64::try_from(likes.len()).unwrap_or(i64::MAX))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
