//! Spotify's resources as JSON, as a Development Mode app sees them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::catalogue::music::{Artist, Play, Playlist, Track};
use crate::provider::SPOTIFY_API;
use crate::shared::Shared;

pub(super) fn api_url(shared: &Shared) -> String {
    format!("{}{SPOTIFY_API}", shared.base_url)
}

pub(super) fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
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
pub(super) fn artist_json(shared: &Shared, artist: &Artist) -> Value {
    let mut json = simplified_artist_json(shared, artist);
    json["images"] = json!([]);
    if let Some(genres) = &artist.genres {
        json["genres"] = json!(genres);
    }
    json
}

/// `SimplifiedPlaylistObject`.
pub(super) fn playlist_json(shared: &Shared, playlist: &Playlist) -> Value {
    let (id, owner) = (&playlist.id, &playlist.owner_id);
    let api = api_url(shared);
    json!({
        "collaborative": playlist.collaborative,
        "description": "",
        "external_urls": external_urls("playlist", id),
        "href": format!("{api}/playlists/{id}"),
        "id": id,
        "images": [],
        "name": playlist.name,
        "owner": {
            "display_name": owner,
            "external_urls": external_urls("user", owner),
            "href": format!("{api}/users/{owner}"),
            "id": owner,
            "type": "user",
            "uri": format!("spotify:user:{owner}"),
        },
        "public": false,
        "snapshot_id": playlist.snapshot_id,
        "items": { "href": format!("{api}/playlists/{id}/items"), "total": playlist.items.len() },
        "type": "playlist",
        "uri": format!("spotify:playlist:{id}"),
    })
}

/// `SimplifiedAlbumObject`.
pub(super) fn album_json(shared: &Shared, id: &str, title: &str, artists: &[Artist]) -> Value {
    let artists = artists
        .iter()
        .map(|artist| simplified_artist_json(shared, artist));
    json!({
        "album_type": "album",
        "artists": artists.collect::<Vec<_>>(),
        "external_urls": external_urls("album", id),
        "href": format!("{}/albums/{id}", api_url(shared)),
        "id": id,
        "images": [],
        "name": title,
        "release_date": "2026",
        "release_date_precision": "year",
        "total_tracks": 9,
        "type": "album",
        "uri": format!("spotify:album:{id}"),
    })
}

pub(super) fn track_or_null(shared: &Shared, track: Option<&Track>) -> Value {
    track.map_or(Value::Null, |track| track_json(shared, track))
}

/// `TrackObject`; of a local file everything that Spotify cannot know is null.
pub(super) fn track_json(shared: &Shared, track: &Track) -> Value {
    let artists: Vec<Value> = track
        .artists
        .iter()
        .map(|artist| simplified_artist_json(shared, artist))
        .collect();
    let album = track
        .album
        .as_ref()
        .map(|(id, title)| album_json(shared, id, title, &track.artists));
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
pub(super) fn play_json(shared: &Shared, play: &Play) -> Value {
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
