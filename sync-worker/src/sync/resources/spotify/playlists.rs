//! Playlists, and what is in those that the account may read.

use bondhu_core::retry::Failure;
use serde_json::{Value, json};

use super::{dated, track};
use crate::provider::Provider;
use crate::providers::{Item, spotify};
use crate::sync::resource::{Depth, Parts, Resource, Statements};

const PLAYLIST_SCOPES: &[&str] = &["playlist-read-private", "playlist-read-collaborative"];

pub(super) static PLAYLISTS: Resource = Resource {
    name: "spotify.playlists",
    provider: Provider::Spotify,
    scopes: PLAYLIST_SCOPES,
    depth: Depth::Library,
    page: |asked| Box::pin(asked.spotify("/me/playlists", &[], None, playlist)),
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            insert into public.music_playlists
              (user_id, playlist_id, name, owner_id, collaborative, snapshot_id, item_count, walk_id)
            select distinct on (playlist_id)
              $1, playlist_id, name, owner_id, collaborative, snapshot_id, item_count, $3
            from jsonb_to_recordset($2) as r (playlist_id text, name text, owner_id text, collaborative boolean,
              snapshot_id text, item_count integer)
            on conflict (user_id, playlist_id) do update set
              name = excluded.name, owner_id = excluded.owner_id, collaborative = excluded.collaborative,
              snapshot_id = excluded.snapshot_id, item_count = excluded.item_count,
              walk_id = excluded.walk_id, fetched_at = now()",
        touch: None,
        stale: Some("from public.music_playlists where user_id = $1 and walk_id <> $2"),
        id: "playlist_id",
        parts: None,
    },
};

/// Subset: the playlist.
pub(super) static PLAYLIST_ITEMS: Resource = Resource {
    name: "spotify.playlist_items",
    provider: Provider::Spotify,
    scopes: PLAYLIST_SCOPES,
    depth: Depth::Library,
    page: |asked| {
        Box::pin(async {
            let path = spotify::playlist_items_path(asked.position.part);
            asked.spotify(&path, &[], None, playlist_item).await
        })
    },
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            insert into public.music_playlist_items
              (user_id, playlist_id, position, track_id, name, artist_names, isrc, added_at, walk_id)
            select $1, $4, position, track_id, name, artist_names, isrc, added_at, $3
            from jsonb_to_recordset($2) as r (position integer, track_id text, name text, artist_names text[],
              isrc text, added_at timestamptz)
            on conflict (user_id, playlist_id, position) do update set
              track_id = excluded.track_id, name = excluded.name, artist_names = excluded.artist_names,
              isrc = excluded.isrc, added_at = excluded.added_at, walk_id = excluded.walk_id, fetched_at = now()",
        touch: None,
        stale: Some(
            "from public.music_playlist_items
             where user_id = $1 and walk_id <> $2 and playlist_id = $3",
        ),
        id: "track_id",
        parts: Some(Parts {
            next: "
                select min(p.playlist_id)
                from public.music_playlists p
                join bondhu.sync_jobs j on j.user_id = p.user_id and j.provider = 'spotify'
                where p.user_id = $1 and p.playlist_id > $2
                  -- One without a snapshot may have changed at any time.
                  and (p.snapshot_id is null or p.items_snapshot_id is distinct from p.snapshot_id)
                  and (p.owner_id = j.owner_id or p.collaborative)",
            finish: Some(
                "update public.music_playlists set items_snapshot_id = snapshot_id
                 where user_id = $1 and playlist_id = $2",
            ),
            // The provider says no more than 403 to who is neither owner nor collaborator.
            refused: Some(Failure::ForeignList),
            may_fail: false,
        }),
    },
};

/// <https://developer.spotify.com/documentation/web-api/reference/get-a-list-of-current-users-playlists>
fn playlist(playlist: Item<'_>, _: u32) -> Option<Value> {
    // `tracks` to apps of before February 2026.
    let items = playlist
        .object("items")
        .or_else(|| playlist.object("tracks"));
    Some(json!({
        "playlist_id": playlist.needed_id("id")?,
        "name": playlist.text("name"),
        "owner_id": playlist.object("owner").and_then(|owner| owner.id("id")),
        "collaborative": playlist.flag("collaborative").unwrap_or(false),
        "snapshot_id": playlist.id("snapshot_id"),
        "item_count": items.and_then(|items| items.count("total")),
    }))
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-playlists-items>
fn playlist_item(item: Item<'_>, place: u32) -> Option<Value> {
    // `track` to apps of before February 2026.
    let mut row = track(item.object("item").or_else(|| item.object("track"))?)?;
    row["position"] = json!(place);
    row["track_id"] = row["item_id"].take();
    Some(dated(row, item))
}
