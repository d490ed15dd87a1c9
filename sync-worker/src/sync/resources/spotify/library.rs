//! What is kept: followed artists, saved albums and tracks.

use serde_json::{Value, json};

use super::{artist, dated, genres, track};
use crate::provider::Provider;
use crate::providers::Item;
use crate::sync::resource::{Depth, Resource, Statements};

pub(super) static FOLLOWED_ARTISTS: Resource = Resource {
    name: "spotify.followed_artists",
    provider: Provider::Spotify,
    scopes: &["user-follow-read"],
    depth: Depth::Library,
    page: |asked| {
        Box::pin(asked.spotify(
            "/me/following",
            &[("type", "artist")],
            Some("artists"),
            artist,
        ))
    },
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "artist",
    statements: &LIBRARY,
};

pub(super) static SAVED_ALBUMS: Resource = Resource {
    name: "spotify.saved_albums",
    provider: Provider::Spotify,
    scopes: &["user-library-read"],
    depth: Depth::Library,
    page: |asked| Box::pin(asked.spotify("/me/albums", &[], None, saved_album)),
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "album",
    statements: &LIBRARY,
};

pub(super) static SAVED_TRACKS: Resource = Resource {
    name: "spotify.saved_tracks",
    provider: Provider::Spotify,
    scopes: &["user-library-read"],
    depth: Depth::Library,
    page: |asked| Box::pin(asked.spotify("/me/tracks", &[], None, saved_track)),
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "track",
    statements: &LIBRARY,
};

/// Subset: the kind.
static LIBRARY: Statements = Statements {
    insert: "
        insert into public.music_library
          (user_id, kind, item_id, name, artist_names, genres, isrc, added_at, walk_id)
        select distinct on (item_id)
          $1, $4, item_id, name, coalesce(artist_names, '{}'), genres, isrc, added_at, $3
        from jsonb_to_recordset($2) as r (item_id text, name text, artist_names text[], genres text[],
          isrc text, added_at timestamptz)
        order by item_id, added_at
        on conflict (user_id, kind, item_id) do update set
          name = excluded.name, artist_names = excluded.artist_names, genres = excluded.genres,
          isrc = excluded.isrc, added_at = excluded.added_at, walk_id = excluded.walk_id, fetched_at = now()",
    touch: None,
    stale: Some("from public.music_library where user_id = $1 and walk_id <> $2 and kind = $3"),
    id: "item_id",
    parts: None,
};

/// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-albums>
fn saved_album(saved: Item<'_>, _: u32) -> Option<Value> {
    let album = saved.needed_object("album")?;
    let row = json!({
        "item_id": album.needed_id("id")?,
        "name": album.needed_text("name")?,
        "artist_names": album.texts_within("artists", "name"),
        "genres": genres(album),
    });
    Some(dated(row, saved))
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-tracks>
fn saved_track(saved: Item<'_>, _: u32) -> Option<Value> {
    Some(dated(track(saved.needed_object("track")?)?, saved))
}
