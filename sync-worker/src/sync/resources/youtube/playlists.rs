//! Playlists, and what is in them.

use bondhu_core::retry::Failure;
use serde_json::{Value, json};

use super::SCOPES;
use crate::provider::Provider;
use crate::providers::Item;
use crate::sync::resource::{Depth, Parts, Resource, Statements};

pub(super) static PLAYLISTS: Resource = Resource {
    name: "youtube.playlists",
    provider: Provider::YouTube,
    scopes: SCOPES,
    depth: Depth::Library,
    page: |asked| {
        Box::pin(asked.youtube(
            "/playlists",
            &[("part", "snippet,contentDetails"), ("mine", "true")],
            playlist,
        ))
    },
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            insert into public.video_playlists (user_id, playlist_id, title, item_count, walk_id)
            select distinct on (playlist_id) $1, playlist_id, title, item_count, $3
            from jsonb_to_recordset($2) as r (playlist_id text, title text, item_count integer)
            on conflict (user_id, playlist_id) do update set
              title = excluded.title, item_count = excluded.item_count,
              walk_id = excluded.walk_id, fetched_at = now()",
        touch: Some(
            "update public.video_playlists set walk_id = $3, fetched_at = now()
             where user_id = $1 and playlist_id = any ($2)",
        ),
        stale: Some("from public.video_playlists where user_id = $1 and walk_id <> $2"),
        id: "playlist_id",
        parts: None,
    },
};

/// Subset: the playlist.
pub(super) static PLAYLIST_ITEMS: Resource = Resource {
    name: "youtube.playlist_items",
    provider: Provider::YouTube,
    scopes: SCOPES,
    depth: Depth::Library,
    page: |asked| {
        Box::pin(async {
            let query = [("part", "contentDetails"), ("playlistId", asked.position.part)];
            asked.youtube("/playlistItems", &query, playlist_item).await
        })
    },
    is_paged: true,
    hides_items: false,
    is_optional: false,
    subset: "",
    statements: &Statements {
        insert: "
            insert into public.video_playlist_items (user_id, playlist_id, item_id, video_id, walk_id)
            select distinct on (item_id) $1, $4, item_id, video_id, $3
            from jsonb_to_recordset($2) as r (item_id text, video_id text)
            on conflict (user_id, playlist_id, item_id) do update set
              video_id = excluded.video_id, walk_id = excluded.walk_id, fetched_at = now()",
        touch: Some(
            "update public.video_playlist_items set walk_id = $3, fetched_at = now()
             where user_id = $1 and playlist_id = $4 and item_id = any ($2)",
        ),
        stale: Some(
            "from public.video_playlist_items
             where user_id = $1 and walk_id <> $2 and playlist_id = $3",
        ),
        id: "item_id",
        parts: Some(Parts {
            next: "
                select min(playlist_id) from public.video_playlists
                where user_id = $1 and playlist_id > $2",
            finish: None,
            refused: Some(Failure::Refused),
            may_fail: false,
        }),
    },
};

/// <https://developers.google.com/youtube/v3/docs/playlists#resource>
fn playlist(playlist: Item<'_>, _: u32) -> Option<Value> {
    Some(json!({
        "playlist_id": playlist.needed_id("id")?,
        "title": playlist.object("snippet").and_then(|snippet| snippet.text("title")),
        "item_count": playlist.object("contentDetails").and_then(|details| details.count("itemCount")),
    }))
}

/// <https://developers.google.com/youtube/v3/docs/playlistItems#resource>
fn playlist_item(item: Item<'_>, _: u32) -> Option<Value> {
    let details = item.needed_object("contentDetails")?;
    Some(json!({ "item_id": item.needed_id("id")?, "video_id": details.needed_id("videoId")? }))
}
