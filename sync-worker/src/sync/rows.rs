//! Pages as rows. A page is one statement: rows go as one JSON array, so that a list of
//! names within a row needs no second table.

use bondhu_core::tastes::TimeRange;
use serde_json::{Value, json};
use sqlx::PgTransaction;
use uuid::Uuid;

use super::resource::{Kind, Resource};
use crate::providers::spotify::{Artist, Page, Play, Track, range_name};
use crate::providers::youtube::{Category, Subscription, Video};

/// What a page brought, in the columns of its table.
#[derive(Debug)]
pub(super) enum Rows {
    Plays(Vec<Value>),
    TopItems {
        kind: &'static str,
        range: &'static str,
        rows: Vec<Value>,
    },
    Subscriptions(Vec<Value>),
    Likes(Vec<Value>),
    Categories(Vec<Value>),
}

/// Items without what identifies them (local files, episodes, deleted or private
/// videos) are left out.
impl Rows {
    pub(super) fn plays(items: Vec<Option<Play>>) -> Self {
        let row = |play: Play| {
            let track = play.track?;
            Some(json!({
                "played_at": play.played_at?,
                "track_id": track.id.as_deref()?,
                "track_name": track.name.as_deref()?,
                "artist_names": track.artist_names(),
                "isrc": track.isrc(),
                "duration_ms": track.duration_ms,
                "context_uri": play.context.and_then(|context| context.uri),
            }))
        };
        Self::Plays(items.into_iter().flatten().filter_map(row).collect())
    }

    pub(super) fn top_artists(range: TimeRange, page: Page<Artist>) -> Self {
        let row = |(rank, artist): (u32, Artist)| {
            let genres = artist.genres.filter(|genres| !genres.is_empty());
            Some(
                json!({ "rank": rank, "item_id": artist.id?, "name": artist.name?, "genres": genres }),
            )
        };
        Self::TopItems {
            kind: "artist",
            range: range_name(range),
            rows: ranked(page).filter_map(row).collect(),
        }
    }

    pub(super) fn top_tracks(range: TimeRange, page: Page<Track>) -> Self {
        let row = |(rank, track): (u32, Track)| {
            Some(json!({
                "rank": rank,
                "item_id": track.id.as_deref()?,
                "name": track.name.as_deref()?,
                "artist_names": track.artist_names(),
                "isrc": track.isrc(),
            }))
        };
        Self::TopItems {
            kind: "track",
            range: range_name(range),
            rows: ranked(page).filter_map(row).collect(),
        }
    }

    pub(super) fn subscriptions(items: Vec<Option<Subscription>>) -> Self {
        let row = |subscription: Subscription| {
            let snippet = subscription.snippet?;
            Some(json!({
                "channel_id": snippet.resource_id?.channel_id?,
                "title": snippet.title,
                "subscribed_at": snippet.published_at,
            }))
        };
        Self::Subscriptions(items.into_iter().flatten().filter_map(row).collect())
    }

    pub(super) fn likes(items: Vec<Option<Video>>) -> Self {
        let row = |video: Video| {
            let snippet = video.snippet;
            Some(json!({
                "video_id": video.id?,
                "title": snippet.as_ref().and_then(|s| s.title.as_deref()),
                "channel_id": snippet.as_ref().and_then(|s| s.channel_id.as_deref()),
                "channel_title": snippet.as_ref().and_then(|s| s.channel_title.as_deref()),
                "category_id": snippet.as_ref().and_then(|s| s.category_id.as_deref()),
                "published_at": snippet.as_ref().and_then(|s| s.published_at),
                "topics": video.topic_details.map(|details| details.titles()).unwrap_or_default(),
            }))
        };
        Self::Likes(items.into_iter().flatten().filter_map(row).collect())
    }

    pub(super) fn categories(items: Vec<Category>) -> Self {
        let row = |category: Category| {
            Some(json!({ "category_id": category.id?, "title": category.snippet?.title? }))
        };
        Self::Categories(items.into_iter().filter_map(row).collect())
    }

    /// Stores the page. What is there already is refreshed.
    pub(super) async fn store(
        &self,
        transaction: &mut PgTransaction<'static>,
        user: Uuid,
        walk: Uuid,
    ) -> Result<(), sqlx::Error> {
        let (statement, rows) = match self {
            Self::Plays(rows) => (
                "insert into public.listening_history
                   (user_id, played_at, track_id, track_name, artist_names, isrc, duration_ms, context_uri)
                 select $1, played_at, track_id, track_name, artist_names, isrc, duration_ms, context_uri
                 from jsonb_to_recordset($2) as r (played_at timestamptz, track_id text, track_name text,
                   artist_names text[], isrc text, duration_ms integer, context_uri text)
                 where $3 is not null
                 on conflict (user_id, played_at, track_id) do nothing",
                rows,
            ),
            Self::TopItems { kind, range, rows } => {
                return store_top_items(transaction, user, walk, kind, range, rows).await;
            }
            Self::Subscriptions(rows) => (
                "insert into public.video_subscriptions (user_id, channel_id, title, subscribed_at, walk_id)
                 select distinct on (channel_id) $1, channel_id, title, subscribed_at, $3
                 from jsonb_to_recordset($2) as r (channel_id text, title text, subscribed_at timestamptz)
                 on conflict (user_id, channel_id) do update set
                   title = excluded.title, subscribed_at = excluded.subscribed_at,
                   walk_id = excluded.walk_id, fetched_at = now()",
                rows,
            ),
            Self::Likes(rows) => (
                "insert into public.video_likes
                   (user_id, video_id, title, channel_id, channel_title, category_id, topics, published_at, walk_id)
                 select distinct on (video_id)
                   $1, video_id, title, channel_id, channel_title, category_id, topics, published_at, $3
                 from jsonb_to_recordset($2) as r (video_id text, title text, channel_id text, channel_title text,
                   category_id text, topics text[], published_at timestamptz)
                 on conflict (user_id, video_id) do update set
                   title = excluded.title, channel_id = excluded.channel_id, channel_title = excluded.channel_title,
                   category_id = excluded.category_id, topics = excluded.topics,
                   published_at = excluded.published_at, walk_id = excluded.walk_id, fetched_at = now()",
                rows,
            ),
            Self::Categories(rows) => (
                "insert into bondhu.video_categories (category_id, title)
                 select distinct on (category_id) category_id, title
                 from jsonb_to_recordset($2) as r (category_id text, title text)
                 where $1 is not null and $3 is not null
                 on conflict (category_id) do update set title = excluded.title, fetched_at = now()",
                rows,
            ),
        };
        sqlx::query(statement)
            .bind(user)
            .bind(sqlx::types::Json(rows))
            .bind(walk)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }
}

/// Items with their places, from 1. A null item keeps its place.
fn ranked<T>(page: Page<T>) -> impl Iterator<Item = (u32, T)> {
    let first = page.offset.saturating_add(1);
    (first..)
        .zip(page.items)
        .filter_map(|(rank, item)| Some((rank, item?)))
}

async fn store_top_items(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
    walk: Uuid,
    kind: &str,
    range: &str,
    rows: &[Value],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into public.music_top_items
           (user_id, kind, time_range, rank, item_id, name, artist_names, genres, isrc, walk_id)
         select $1, $4, $5, rank, item_id, name, coalesce(artist_names, '{}'), genres, isrc, $3
         from jsonb_to_recordset($2) as r (rank integer, item_id text, name text, artist_names text[],
           genres text[], isrc text)
         on conflict (user_id, kind, time_range, rank) do update set
           item_id = excluded.item_id, name = excluded.name, artist_names = excluded.artist_names,
           genres = excluded.genres, isrc = excluded.isrc, walk_id = excluded.walk_id, fetched_at = now()",
    )
    .bind(user)
    .bind(sqlx::types::Json(rows))
    .bind(walk)
    .bind(kind)
    .bind(range)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Removes what a complete walk of `resource` did not see. Plays are history: they stay.
pub(super) async fn sweep(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
    walk: Uuid,
    resource: Resource,
) -> Result<(), sqlx::Error> {
    let (kind, range) = match resource.kind() {
        Kind::RecentlyPlayed | Kind::VideoCategories => return Ok(()),
        Kind::TopArtists(range) => ("artist", range),
        Kind::TopTracks(range) => ("track", range),
        Kind::Subscriptions => {
            return sweep_all(
                transaction,
                "delete from public.video_subscriptions where user_id = $1 and walk_id <> $2",
                user,
                walk,
            )
            .await;
        }
        Kind::LikedVideos => {
            return sweep_all(
                transaction,
                "delete from public.video_likes where user_id = $1 and walk_id <> $2",
                user,
                walk,
            )
            .await;
        }
    };
    sqlx::query(
        "delete from public.music_top_items
         where user_id = $1 and walk_id <> $2 and kind = $3 and time_range = $4",
    )
    .bind(user)
    .bind(walk)
    .bind(kind)
    .bind(range_name(range))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn sweep_all(
    transaction: &mut PgTransaction<'static>,
    statement: &'static str,
    user: Uuid,
    walk: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query(statement)
        .bind(user)
        .bind(walk)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
