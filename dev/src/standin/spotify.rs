//! The part of Spotify's Web API that the worker reads, as a Development Mode app sees it.
//!
//! <https://developer.spotify.com/documentation/web-api>, description in `dev/specs/`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::routing::get;
use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::Provider;
use super::catalogue::music::{Artist, Play, TimeRange, Track};
use super::grants::Access;
use super::requests::{Params, bearer};
use super::state::{Shared, lock};
use super::wire::{Reply, spotify_error};

const DEFAULT_LIMIT: usize = 20;
const LARGEST_LIMIT: usize = 50;
/// The endpoint knows no older plays than these.
const PLAYS_KEPT: usize = 50;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/me", get(me))
        .route("/me/top/artists", get(top_artists))
        .route("/me/top/tracks", get(top_tracks))
        .route("/me/player/recently-played", get(recently_played))
        .fallback(|| async { spotify_error(404, "Service not found") })
}

/// A handler's answer; `Err` only so that `?` can refuse.
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
    let access = authorize(&shared, &headers, "user-top-read")?;
    let page = Page::parse(&query.unwrap_or_default())?;
    let (total, items) = shared.with_account(access.account, |account| {
        page.cut(account.music.top_artists(page.range), |artist| {
            artist_json(&shared, artist)
        })
    });
    Ok(page.reply(
        &format!("{}/me/top/artists", api_url(&shared)),
        total,
        &items,
    ))
}

async fn top_tracks(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, "user-top-read")?;
    let page = Page::parse(&query.unwrap_or_default())?;
    let (total, items) = shared.with_account(access.account, |account| {
        page.cut(account.music.top_tracks(page.range), |track| {
            track
                .as_ref()
                .map_or(Value::Null, |track| track_json(&shared, track))
        })
    });
    Ok(page.reply(
        &format!("{}/me/top/tracks", api_url(&shared)),
        total,
        &items,
    ))
}

/// Pages by `played_at`: `before` walks to older plays, `after` to newer ones. A page with
/// plays always links to a next one; the walk ends at the empty page, whose `cursors` is null.
async fn recently_played(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let access = authorize(&shared, &headers, "user-read-recently-played")?;
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
    let mut body = shared.refusals.recently_played_exhausted.clone();
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

fn api_url(shared: &Shared) -> String {
    format!("{}/spotify/v1", shared.base_url)
}

fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<Access, Reply> {
    bearer(headers)
        .and_then(|token| lock(&shared.grants).access(Provider::Spotify, token))
        .ok_or_else(|| shared.refusals.spotify_unauthorized.clone())
}

fn authorize(shared: &Shared, headers: &HeaderMap, scope: &str) -> Result<Access, Reply> {
    let access = authenticate(shared, headers)?;
    if access.scopes.iter().any(|granted| granted == scope) {
        Ok(access)
    } else {
        Err(spotify_error(403, "Insufficient client scope"))
    }
}

fn limit(query: &Params) -> Result<usize, Reply> {
    match query.get("limit") {
        None => Ok(DEFAULT_LIMIT),
        Some(value) => value
            .parse()
            .ok()
            .filter(|limit| (1..=LARGEST_LIMIT).contains(limit))
            .ok_or_else(|| spotify_error(400, "Invalid limit")),
    }
}

/// Unix milliseconds.
fn cursor(query: &Params, name: &str) -> Result<Option<i64>, Reply> {
    let parse = |value: &str| {
        value
            .parse()
            .map_err(|_| spotify_error(400, &format!("Invalid {name}")))
    };
    query.get(name).map(parse).transpose()
}

/// An offset page of a top list.
struct Page {
    time_range: String,
    range: TimeRange,
    offset: usize,
    limit: usize,
}

impl Page {
    fn parse(query: &str) -> Result<Self, Reply> {
        let query = Params::parse(query);
        let time_range = query.get("time_range").unwrap_or("medium_term").to_owned();
        let offset = query.get("offset").unwrap_or("0");
        Ok(Self {
            range: TimeRange::parse(&time_range)
                .ok_or_else(|| spotify_error(400, "Invalid time range"))?,
            offset: offset
                .parse()
                .map_err(|_| spotify_error(400, "Invalid offset"))?,
            limit: limit(&query)?,
            time_range,
        })
    }

    /// How many there are in all, and this page's items.
    fn cut<T>(&self, all: &[T], json: impl Fn(&T) -> Value) -> (usize, Vec<Value>) {
        (
            all.len(),
            all.iter()
                .skip(self.offset)
                .take(self.limit)
                .map(json)
                .collect(),
        )
    }

    fn reply(&self, endpoint: &str, total: usize, items: &[Value]) -> Reply {
        let Self {
            time_range,
            offset,
            limit,
            ..
        } = self;
        let at = |offset: usize| {
            format!("{endpoint}?offset={offset}&limit={limit}&time_range={time_range}")
        };
        Reply::new(
            200,
            json!({
                "items": items,
                "total": total,
                "limit": limit,
                "offset": offset,
                "href": at(*offset),
                "next": (offset + limit < total).then(|| at(offset + limit)),
                "previous": (*offset > 0).then(|| at(offset.saturating_sub(*limit))),
            }),
        )
    }
}

fn external_urls(kind: &str, id: &str) -> Value {
    json!({ "spotify": format!("https://open.spotify.com/{kind}/{id}") })
}

/// `SimplifiedArtistObject`.
fn simplified_artist_json(shared: &Shared, artist: &Artist) -> Value {
    let id = &artist.id;
    json!({
        "external_urls": external_urls("artist", id),
        "href": format!("{}/artists/{id}", api_url(shared)),
        "id": id,
        "name": artist.name,
        "type": "artist",
        "uri": format!("spotify:artist:{id}"),
    })
}

/// `ArtistObject`.
fn artist_json(shared: &Shared, artist: &Artist) -> Value {
    let mut json = simplified_artist_json(shared, artist);
    json["images"] = json!([]);
    if let Some(genres) = &artist.genres {
        json["genres"] = json!(genres);
    }
    json
}

/// `TrackObject`; of a local file everything that Spotify cannot know is null.
fn track_json(shared: &Shared, track: &Track) -> Value {
    let artists: Vec<Value> = track
        .artists
        .iter()
        .map(|artist| simplified_artist_json(shared, artist))
        .collect();
    let album = track.album.as_ref().map(|(id, name)| {
        json!({
            "album_type": "album",
            "artists": artists,
            "external_urls": external_urls("album", id),
            "href": format!("{}/albums/{id}", api_url(shared)),
            "id": id,
            "images": [],
            "name": name,
            "release_date": "2026",
            "release_date_precision": "year",
            "total_tracks": 9,
            "type": "album",
            "uri": format!("spotify:album:{id}"),
        })
    });
    let mut json = json!({
        "album": album,
        "artists": artists,
        "disc_number": 1,
        "duration_ms": track.duration_ms,
        "explicit": track.explicit,
        "external_ids": {},
        "external_urls": {},
        "href": null,
        "id": track.id,
        "is_local": track.is_local(),
        "name": track.name,
        "track_number": 1,
        "type": "track",
        "uri": format!("spotify:local:::{}:{}", track.name.replace(' ', "+"), track.duration_ms / 1000),
    });
    if let Some(id) = &track.id {
        json["external_urls"] = external_urls("track", id);
        json["href"] = json!(format!("{}/tracks/{id}", api_url(shared)));
        json["uri"] = json!(format!("spotify:track:{id}"));
    }
    if let Some(isrc) = &track.isrc {
        json["external_ids"] = json!({ "isrc": isrc });
    }
    json
}

/// `PlayHistoryObject`.
fn play_json(shared: &Shared, play: &Play) -> Value {
    let context = play.playlist.as_ref().map(|id| {
        json!({
            "type": "playlist",
            "href": format!("{}/playlists/{id}", api_url(shared)),
            "external_urls": external_urls("playlist", id),
            "uri": format!("spotify:playlist:{id}"),
        })
    });
    let mut json = json!({
        "track": track_json(shared, &play.track),
        "played_at": play.played_at.to_rfc3339_opts(SecondsFormat::Millis, true),
    });
    if context.is_some() || shared.oddities {
        json["context"] = json!(context);
    }
    json
}
