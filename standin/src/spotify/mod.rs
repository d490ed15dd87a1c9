//! The part of Spotify's Web API that the worker reads, as a Development Mode app sees it.
//!
//! <https://developer.spotify.com/documentation/web-api>, description in `standin/specs/`.

mod page;
mod resources;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::json;

use super::catalogue::music::{Play, Saved, Track};
use super::grants::Access;
use super::params::Params;
use super::provider::Provider;
use super::shared::{Shared, lock};
use super::traffic::bearer;
use super::wire::{Reply, spotify_error};
use page::{Page, cursor, limit, top_page};
use resources::{
    album_json, api_url, artist_json, play_json, playlist_json, seconds, track_json, track_or_null,
};

const PLAYLIST_SCOPES: [&str; 2] = ["playlist-read-private", "playlist-read-collaborative"];
/// The endpoint lists no older plays than these.
const PLAYS_KEPT: usize = 50;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/me", get(me))
        .route("/me/top/artists", get(top_artists))
        .route("/me/top/tracks", get(top_tracks))
        .route("/me/player/recently-played", get(recently_played))
        .route("/me/following", get(following))
        .route("/me/albums", get(saved_albums))
        .route("/me/tracks", get(saved_tracks))
        .route("/me/playlists", get(playlists))
        .route("/playlists/{id}/items", get(playlist_items))
        .route("/audio-features", get(audio_features))
        .fallback(|| async { spotify_error(404, "Service not found") })
}

/// A handler's answer; an error is `Err` so that `?` returns it.
type Answer = Result<Reply, Reply>;

async fn me(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    // Without user-read-private and user-read-email the profile has its public part only.
    let access = authenticate(&shared, &headers)?;
    let body = shared.with_account(access.account, |account| {
        let id = &account.spotify_id;
        json!({
            "account_id": format!("acct-{id}"),
            "display_name": account.display_name,
            "external_urls": { "spotify": format!("https://open.spotify.com/user/{id}") },
            "href": format!("{}/users/{id}", api_url(&shared)),
            "id": id,
            "images": [],
            "type": "user",
            "uri": format!("spotify:user:{id}"),
        })
    });
    Ok(Reply::new(200, body))
}

async fn top_artists(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, &["user-top-read"])?;
    let (range, page) = top_page(&query.unwrap_or_default())?;
    Ok(shared.with_account(access.account, |account| {
        let all = account.music.top_artists(range);
        page.reply(&shared, "/me/top/artists", all, |artist| {
            artist_json(&shared, artist)
        })
    }))
}

async fn top_tracks(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, &["user-top-read"])?;
    let (range, page) = top_page(&query.unwrap_or_default())?;
    Ok(shared.with_account(access.account, |account| {
        let all = account.music.top_tracks(range);
        page.reply(&shared, "/me/top/tracks", all, |track| {
            track_or_null(&shared, track.as_ref())
        })
    }))
}

async fn saved_tracks(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, &["user-library-read"])?;
    let page = Page::parse(&Params::parse(&query.unwrap_or_default()))?;
    Ok(shared.with_account(access.account, |account| {
        let all = &account.music.saved_tracks;
        page.reply(&shared, "/me/tracks", all, |Saved { added_at, item }| {
            json!({ "added_at": seconds(*added_at), "track": track_json(&shared, item) })
        })
    }))
}

async fn saved_albums(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, &["user-library-read"])?;
    let page = Page::parse(&Params::parse(&query.unwrap_or_default()))?;
    Ok(shared.with_account(access.account, |account| {
        let all = &account.music.saved_albums;
        page.reply(&shared, "/me/albums", all, |Saved { added_at, item }| {
            let (id, title, artists) = item;
            let mut album = album_json(&shared, id, title, artists);
            album["genres"] = json!([]);
            album["copyrights"] = json!([]);
            album["external_ids"] = json!({});
            // The worker does not read an album's tracks.
            album["tracks"] = json!({
                "href": format!("{}/albums/{id}/tracks", api_url(&shared)),
                "items": [], "total": 0, "limit": 50, "offset": 0, "next": null, "previous": null,
            });
            json!({ "added_at": seconds(*added_at), "album": album })
        })
    }))
}

/// Owned and followed playlists, with the number of their items.
async fn playlists(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, &PLAYLIST_SCOPES)?;
    let page = Page::parse(&Params::parse(&query.unwrap_or_default()))?;
    Ok(shared.with_account(access.account, |account| {
        let all = &account.music.playlists;
        page.reply(&shared, "/me/playlists", all, |playlist| {
            playlist_json(&shared, playlist)
        })
    }))
}

async fn playlist_items(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, &PLAYLIST_SCOPES)?;
    let page = Page::parse(&Params::parse(&query.unwrap_or_default()))?;
    shared.with_account(access.account, |account| {
        let playlist = account
            .music
            .playlists
            .iter()
            .find(|playlist| playlist.id == id);
        let playlist = playlist.ok_or_else(|| spotify_error(404, "Resource not found"))?;
        if !playlist.is_shown_to(&account.spotify_id) {
            return Err(shared.recorded.spotify_forbidden.clone());
        }
        let path = format!("/playlists/{id}/items");
        let item = |Saved { added_at, item }: &Saved<Option<Track>>| {
            json!({
                "added_at": seconds(*added_at),
                "is_local": item.as_ref().is_some_and(Track::is_local),
                "item": track_or_null(&shared, item.as_ref()),
            })
        };
        Ok(page.reply(&shared, &path, &playlist.items, item))
    })
}

/// Pages by the id of the last artist.
async fn following(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, &["user-follow-read"])?;
    let query = Params::parse(&query.unwrap_or_default());
    if query.get("type") != Some("artist") {
        return Err(spotify_error(400, "Invalid type"));
    }
    let limit = limit(&query)?;
    Ok(shared.with_account(access.account, |account| {
        let all = &account.music.followed;
        let from = query.get("after").map_or(0, |after| {
            all.iter()
                .position(|artist| artist.id == after)
                .map_or(all.len(), |at| at + 1)
        });
        let page = &all[from..all.len().min(from + limit)];
        let last = page
            .last()
            .filter(|_| from + limit < all.len())
            .map(|artist| &artist.id);
        let endpoint = format!(
            "{}/me/following?type=artist&limit={limit}",
            api_url(&shared)
        );
        Reply::new(
            200,
            json!({ "artists": {
                "href": endpoint,
                "limit": limit,
                "total": all.len(),
                "cursors": { "after": last },
                "next": last.map(|id| format!("{endpoint}&after={id}")),
                "items": page.iter().map(|artist| artist_json(&shared, artist)).collect::<Vec<_>>(),
            } }),
        )
    }))
}

/// Forbidden to apps in Development Mode; otherwise derived from the track's id.
async fn audio_features(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    authenticate(&shared, &headers)?;
    if !shared.spotify_extended {
        return Err(shared.recorded.spotify_forbidden.clone());
    }
    let query = Params::parse(&query.unwrap_or_default());
    let features = query.list("ids").map(|id| {
        let share = |place: usize| {
            f64::from(id.as_bytes().get(place).copied().unwrap_or_default() % 100) / 100.0
        };
        json!({
            "id": id, "type": "audio_features", "energy": share(0), "valence": share(1),
            "danceability": share(2), "acousticness": share(3),
        })
    });
    Ok(Reply::new(
        200,
        json!({ "audio_features": features.collect::<Vec<_>>() }),
    ))
}

/// Pages by `played_at`: `before` walks to older plays, `after` to newer ones. A page with
/// plays always links to a next one; the walk ends at the empty page, whose `cursors` is null.
async fn recently_played(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, &["user-read-recently-played"])?;
    let query = Params::parse(&query.unwrap_or_default());
    let limit = limit(&query)?;
    let (after, before) = (cursor(&query, "after")?, cursor(&query, "before")?);
    if after.is_some() && before.is_some() {
        return Err(spotify_error(
            400,
            "Only one of after and before may be specified",
        ));
    }

    let mut plays: Vec<Play> =
        shared.with_account(access.account, |account| account.music.plays.clone());
    plays.sort_by_key(|play| std::cmp::Reverse(play.played_at));
    plays.truncate(PLAYS_KEPT);
    plays.retain(|play| {
        let at = play.played_at.timestamp_millis();
        after.is_none_or(|after| at > after) && before.is_none_or(|before| at < before)
    });
    if after.is_some() {
        plays.drain(..plays.len().saturating_sub(limit));
    } else {
        plays.truncate(limit);
    }

    let endpoint = format!("{}/me/player/recently-played", api_url(&shared));
    let asked = match (after, before) {
        (Some(after), _) => format!("after={after}&"),
        (None, Some(before)) => format!("before={before}&"),
        (None, None) => String::new(),
    };
    let mut body = shared.recorded.recently_played_exhausted.clone();
    body["href"] = json!(format!("{endpoint}?{asked}limit={limit}"));
    body["limit"] = json!(limit);
    if let (Some(newest), Some(oldest)) = (plays.first(), plays.last()) {
        let newest = newest.played_at.timestamp_millis();
        let oldest = oldest.played_at.timestamp_millis();
        let onward = if after.is_some() {
            format!("after={newest}")
        } else {
            format!("before={oldest}")
        };
        body["items"] = plays.iter().map(|play| play_json(&shared, play)).collect();
        body["next"] = json!(format!("{endpoint}?{onward}&limit={limit}"));
        body["cursors"] = json!({ "after": newest.to_string(), "before": oldest.to_string() });
    }
    Ok(Reply::new(200, body))
}

fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<Access, Reply> {
    bearer(headers)
        .and_then(|token| lock(&shared.grants).access(Provider::Spotify, token))
        .ok_or_else(|| shared.recorded.spotify_unauthorized.clone())
}

/// Requires one of these scopes.
fn authorize(shared: &Shared, headers: &HeaderMap, any_of: &[&str]) -> Result<Access, Reply> {
    let access = authenticate(shared, headers)?;
    if access
        .scopes
        .iter()
        .any(|granted| any_of.contains(&granted.as_str()))
    {
        Ok(access)
    } else {
        Err(spotify_error(403, "Insufficient client scope"))
    }
}
