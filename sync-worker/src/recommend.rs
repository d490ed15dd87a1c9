//! What may be recommended from what was pulled: reads the user's rows, asks `bondhu_core::recommend`, stores
//! the answer. Runs in the transaction that completes the pull, before the preferences are written, whose
//! change the mirror hears of.

use std::collections::{BTreeMap, BTreeSet};

use bondhu_core::recommend::{Candidate, Feel, Followed, Item, Plays, candidates};
use bondhu_core::tastes::{Features, mood_of_genres, weight_of_place};
use serde_json::{Value, json};
use sqlx::PgTransaction;
use sqlx::types::Json;
use uuid::Uuid;

use crate::tastes::range_of;

/// Rows of a library, of lists and of plays that are looked at, the newest: a pull costs the same for everybody.
const MOST_ROWS: i64 = 3_000;

/// An item, and what else a client is shown of it.
#[derive(Default)]
struct Known {
    item: Item,
    name: String,
    makers: Vec<String>,
    /// Whether it was taken up already, as far as that is known.
    is_met: bool,
}

fn days(age: i32) -> u32 {
    u32::try_from(age).unwrap_or_default()
}

fn feel(features: Features) -> Option<Feel> {
    Some(Feel {
        valence: i64::try_from(features.valence).ok()?,
        energy: i64::try_from(features.energy).ok()?,
    })
}

/// A track, wherever it was met.
#[derive(sqlx::FromRow)]
struct Track {
    track_id: String,
    name: String,
    artist_names: Vec<String>,
    /// Plays of 7 days, of the 23 before, and earlier ones.
    plays: Option<Vec<i64>>,
    days_since_play: Option<i32>,
    days_since_saved: Option<i32>,
    /// A place in a top list.
    time_range: Option<String>,
    rank: Option<i32>,
    genres: Option<Vec<String>>,
    /// Valence and energy in thousandths; null when unknown.
    feel: Option<Vec<i32>>,
}

/// Keeps what may be recommended of the music that Spotify has told of.
///
/// # Errors
/// When the database does not answer, or refuses.
pub(crate) async fn refresh_music(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
) -> Result<(), sqlx::Error> {
    let tracks: Vec<Track> = sqlx::query_as(
        "with met as (
           (select track_id, max(track_name) as name, min(artist_names) as artist_names, max(isrc) as isrc,
              array[count(*) filter (where played_at > now() - interval '7 days'),
                    count(*) filter (where played_at <= now() - interval '7 days' and played_at > now() - interval '30 days'),
                    count(*) filter (where played_at <= now() - interval '30 days')] as plays,
              floor(extract(epoch from now() - max(played_at)) / 86400)::integer as days_since_play,
              null::integer as days_since_saved, null::text as time_range, null::integer as rank
            from public.listening_history
            where user_id = $1 and played_at > now() - interval '180 days'
            group by track_id order by max(played_at) desc, track_id limit $2)
           union all
           (select item_id, name, artist_names, isrc, null, null,
              coalesce(floor(extract(epoch from now() - added_at) / 86400)::integer, 1000), null, null
            from public.music_library where user_id = $1 and kind = 'track'
            order by added_at desc nulls last, item_id limit $2)
           union all
           (select track_id, name, artist_names, isrc, null, null,
              coalesce(floor(extract(epoch from now() - added_at) / 86400)::integer, 1000), null, null
            from public.music_playlist_items where user_id = $1
            order by added_at desc nulls last, playlist_id, position limit $2)
           union all
           (select item_id, name, artist_names, isrc, null, null, null, time_range, rank
            from public.music_top_items where user_id = $1 and kind = 'track')
         )
         select m.track_id, m.name, m.artist_names, m.plays, m.days_since_play, m.days_since_saved, m.time_range, m.rank,
           g.genres,
           case when f.track_id is not null then array[round(f.valence * 1000), round(f.energy * 1000)]::integer[] end as feel
         from met m
         left join bondhu.track_features f on f.track_id = m.track_id
         left join bondhu.recording_genres g on g.isrc = m.isrc",
    )
    .bind(user)
    .bind(MOST_ROWS)
    .fetch_all(&mut **transaction)
    .await?;
    let artists: Vec<(String, Option<Vec<String>>, bool)> = sqlx::query_as(
        "select name, genres, true from public.music_library where user_id = $1 and kind = 'artist'
         union all
         select name, genres, false from public.music_top_items where user_id = $1 and kind = 'artist'",
    )
    .bind(user)
    .fetch_all(&mut **transaction)
    .await?;

    let mut genres_of = BTreeMap::<&str, &[String]>::new();
    let mut followed = BTreeSet::new();
    for (name, genres, is_followed) in &artists {
        if let Some(genres) = genres {
            genres_of.insert(name, genres);
        }
        if *is_followed {
            followed.insert(name.clone());
        }
    }
    let mut known = BTreeMap::<String, Known>::new();
    for track in tracks {
        let maker = track.artist_names.first();
        let genres = track.genres.filter(|genres| !genres.is_empty());
        let genres = genres.or_else(|| Some(genres_of.get(maker?.as_str())?.to_vec()));
        let of = known
            .entry(track.track_id.clone())
            .or_insert_with(|| Known {
                item: Item {
                    id: track.track_id,
                    maker: maker.cloned(),
                    ..Item::default()
                },
                name: track.name,
                makers: track.artist_names.clone(),
                is_met: false,
            });
        if of.item.genres.is_empty() {
            of.item.genres = genres.unwrap_or_default();
        }
        if let Some([valence, energy]) = track.feel.as_deref() {
            of.item.feel = Some(Feel {
                valence: i64::from(*valence),
                energy: i64::from(*energy),
            });
        }
        if let Some([week, month, earlier]) = track.plays.as_deref() {
            let count = |plays: &i64| u32::try_from(*plays).unwrap_or(u32::MAX);
            of.item.plays = Plays {
                week: count(week),
                month: count(month),
                earlier: count(earlier),
            };
            of.item.days_since_play = track.days_since_play.map(days);
        }
        if let Some(age) = track.days_since_saved.map(days) {
            let newest = of.item.days_since_saved.map_or(age, |other| other.min(age));
            of.item.days_since_saved = Some(newest);
        }
        let place = track
            .time_range
            .as_deref()
            .and_then(range_of)
            .zip(track.rank);
        if let Some((range, Ok(rank))) = place.map(|(range, rank)| (range, u32::try_from(rank))) {
            of.item.listed += weight_of_place(range, rank);
        }
    }
    for of in known.values_mut() {
        of.item.feel = of
            .item
            .feel
            .or_else(|| feel(mood_of_genres(&of.item.genres)?));
    }
    store(transaction, user, "music", known, followed).await
}

/// A video that was liked, or put into a list.
#[derive(sqlx::FromRow)]
struct Video {
    video_id: String,
    liked: bool,
    title: Option<String>,
    channel_id: Option<String>,
    channel_title: Option<String>,
    topics: Vec<String>,
}

/// Keeps what may be recommended of the videos that YouTube has told of. It tells neither what was watched nor when:
/// what is liked was met, and the rest of the person's lists waits.
///
/// # Errors
/// When the database does not answer, or refuses.
pub(crate) async fn refresh_videos(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
) -> Result<(), sqlx::Error> {
    let videos: Vec<Video> = sqlx::query_as(
        "(select video_id, true as liked, title, channel_id, channel_title, topics
          from public.video_likes where user_id = $1 order by published_at desc nulls last, video_id limit $2)
         union all
         (select video_id, false, title, channel_id, channel_title, coalesce(topics, '{}')
          from public.video_playlist_items where user_id = $1 and title is not null
          order by published_at desc nulls last, playlist_id, item_id limit $2)",
    )
    .bind(user)
    .bind(MOST_ROWS)
    .fetch_all(&mut **transaction)
    .await?;
    let followed: Vec<String> =
        sqlx::query_scalar("select channel_id from public.video_subscriptions where user_id = $1")
            .bind(user)
            .fetch_all(&mut **transaction)
            .await?;

    let mut known = BTreeMap::<String, Known>::new();
    for video in videos {
        let Some(name) = video.title.filter(|title| !title.trim().is_empty()) else {
            continue;
        };
        let of = known
            .entry(video.video_id.clone())
            .or_insert_with(|| Known {
                item: Item {
                    id: video.video_id,
                    maker: video.channel_id,
                    genres: video.topics,
                    ..Item::default()
                },
                name,
                makers: video.channel_title.into_iter().collect(),
                is_met: false,
            });
        of.is_met |= video.liked;
        // When is not known.
        of.item.days_since_saved = Some(u32::MAX);
    }
    for of in known.values_mut().filter(|of| of.is_met) {
        of.item.plays.earlier = 1;
    }
    let followed = followed.into_iter().collect();
    store(transaction, user, "video", known, followed).await
}

async fn store(
    transaction: &mut PgTransaction<'static>,
    user: Uuid,
    kind: &str,
    mut known: BTreeMap<String, Known>,
    followed: BTreeSet<String>,
) -> Result<(), sqlx::Error> {
    let dismissed: Vec<String> = sqlx::query_scalar(
        "select item_id from public.recommendation_feedback
         where user_id = $1 and kind = $2 and feedback = 'dismiss'",
    )
    .bind(user)
    .bind(kind)
    .fetch_all(&mut **transaction)
    .await?;
    // They take no place of what may be recommended.
    for id in &dismissed {
        known.remove(id);
    }
    let items: Vec<Item> = known
        .values_mut()
        .map(|of| std::mem::take(&mut of.item))
        .collect();
    let followed: Vec<Followed> = followed.into_iter().map(Followed).collect();
    let found = candidates(&items, &followed);
    let plays: BTreeMap<&str, &Item> = items.iter().map(|item| (item.id.as_str(), item)).collect();
    let list: Vec<Value> = found
        .iter()
        .filter_map(|candidate| {
            let of = known.get(&candidate.id)?;
            Some(json_of(candidate, of, plays.get(candidate.id.as_str())?))
        })
        .collect();
    sqlx::query(
        "insert into bondhu.recommendation_candidates (user_id, kind, candidates, computed_at)
         values ($1, $2, $3, now())
         on conflict (user_id, kind) do update set candidates = excluded.candidates, computed_at = excluded.computed_at",
    )
    .bind(user)
    .bind(kind)
    .bind(Json(list))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn json_of(candidate: &Candidate, of: &Known, item: &Item) -> Value {
    let points = candidate.points;
    json!({
        "item_id": candidate.id, "name": of.name, "maker": candidate.maker, "makers": of.makers,
        "played": points.played, "listed": points.listed, "saved": points.saved,
        "of_maker": points.maker, "genre": points.genre, "rest": points.rest,
        "valence": candidate.feel.map(|feel| feel.valence), "energy": candidate.feel.map(|feel| feel.energy),
        "plays": item.plays.count(), "days_since_play": item.days_since_play,
    })
}
