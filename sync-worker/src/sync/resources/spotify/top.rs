//! Top artists and tracks, each of three ranges of time.

use serde_json::{Value, json};

use super::{artist, track};
use crate::provider::Provider;
use crate::providers::Item;
use crate::sync::fetched::Fetched;
use crate::sync::outcome::SyncError;
use crate::sync::request::{PageRequest, ReadRow};
use crate::sync::resource::{AskForPage, Depth, Resource, Statements};

pub(super) static TOP_ARTISTS_SHORT: Resource = top(
    "spotify.top_artists.short_term",
    "artist.short_term",
    |asked| Box::pin(list(asked, "/me/top/artists", "short_term", top_artist)),
);
pub(super) static TOP_ARTISTS_MEDIUM: Resource = top(
    "spotify.top_artists.medium_term",
    "artist.medium_term",
    |asked| Box::pin(list(asked, "/me/top/artists", "medium_term", top_artist)),
);
pub(super) static TOP_ARTISTS_LONG: Resource = top(
    "spotify.top_artists.long_term",
    "artist.long_term",
    |asked| Box::pin(list(asked, "/me/top/artists", "long_term", top_artist)),
);
pub(super) static TOP_TRACKS_SHORT: Resource = top(
    "spotify.top_tracks.short_term",
    "track.short_term",
    |asked| Box::pin(list(asked, "/me/top/tracks", "short_term", top_track)),
);
pub(super) static TOP_TRACKS_MEDIUM: Resource = top(
    "spotify.top_tracks.medium_term",
    "track.medium_term",
    |asked| Box::pin(list(asked, "/me/top/tracks", "medium_term", top_track)),
);
pub(super) static TOP_TRACKS_LONG: Resource =
    top("spotify.top_tracks.long_term", "track.long_term", |asked| {
        Box::pin(list(asked, "/me/top/tracks", "long_term", top_track))
    });

/// A list of one kind and range.
const fn top(name: &'static str, subset: &'static str, page: AskForPage) -> Resource {
    Resource {
        name,
        provider: Provider::Spotify,
        scopes: &["user-top-read"],
        depth: Depth::Library,
        page,
        is_paged: true,
        hides_items: false,
        is_optional: false,
        subset,
        statements: &TOP_ITEMS,
    }
}

async fn list(
    asked: &PageRequest<'_>,
    path: &str,
    range: &str,
    row: ReadRow,
) -> Result<Fetched, SyncError> {
    asked
        .spotify(path, &[("time_range", range)], None, row)
        .await
}

/// Subset: kind and range, as in `artist.short_term`.
static TOP_ITEMS: Statements = Statements {
    insert: "
        insert into public.music_top_items
          (user_id, kind, time_range, rank, item_id, name, artist_names, genres, isrc, walk_id)
        select $1, split_part($4, '.', 1), split_part($4, '.', 2),
               rank, item_id, name, coalesce(artist_names, '{}'), genres, isrc, $3
        from jsonb_to_recordset($2) as r (rank integer, item_id text, name text, artist_names text[],
          genres text[], isrc text)
        on conflict (user_id, kind, time_range, rank) do update set
          item_id = excluded.item_id, name = excluded.name, artist_names = excluded.artist_names,
          genres = excluded.genres, isrc = excluded.isrc, walk_id = excluded.walk_id, fetched_at = now()",
    touch: None,
    stale: Some(
        "from public.music_top_items
         where user_id = $1 and walk_id <> $2
           and kind = split_part($3, '.', 1) and time_range = split_part($3, '.', 2)",
    ),
    id: "item_id",
    parts: None,
};

/// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
fn top_artist(item: Item<'_>, place: u32) -> Option<Value> {
    Some(ranked(artist(item, place)?, place))
}

/// Same page as [`top_artist`].
fn top_track(item: Item<'_>, place: u32) -> Option<Value> {
    Some(ranked(track(item)?, place))
}

fn ranked(mut row: Value, place: u32) -> Value {
    row["rank"] = json!(place + 1);
    row
}
