//! What providers send, as rows of our tables. An item without what identifies it (a local
//! file, an episode, a deleted or private video) is none.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::providers::{Item, youtube};

/// Makes a row of an item and its place in the whole list, from 0.
pub(super) type ReadRow = fn(Item<'_>, u32) -> Option<Value>;

/// Empty, like absent, means unknown: the field is deprecated there.
fn genres(of: Item<'_>) -> Option<Vec<String>> {
    Some(of.texts("genres")).filter(|genres| !genres.is_empty())
}

/// A track's columns, unless it is an episode or a local file: those have no id of the catalogue.
fn track(of: Item<'_>) -> Option<Value> {
    if of.id("type").is_some_and(|kind| kind != "track") || of.flag("is_local") == Some(true) {
        return None;
    }
    Some(json!({
        "item_id": of.needed_id("id")?,
        "name": of.needed_text("name")?,
        "artist_names": of.texts_within("artists", "name"),
        "isrc": of.object("external_ids").and_then(|ids| ids.id("isrc")),
    }))
}

fn dated(mut row: Value, item: Item<'_>) -> Value {
    row["added_at"] = json!(item.time("added_at"));
    row
}

fn ranked(mut row: Value, place: u32) -> Value {
    row["rank"] = json!(place + 1);
    row
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile>
pub(super) fn account(me: Item<'_>) -> Value {
    json!({
        "account_id": me.id("account_id"), "owner_id": me.id("id"), "name": me.text("display_name"),
    })
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-followed>
pub(super) fn artist(artist: Item<'_>, _: u32) -> Option<Value> {
    Some(json!({
        "item_id": artist.needed_id("id")?, "name": artist.needed_text("name")?, "genres": genres(artist),
    }))
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
pub(super) fn top_artist(item: Item<'_>, place: u32) -> Option<Value> {
    Some(ranked(artist(item, place)?, place))
}

/// Same page as [`top_artist`].
pub(super) fn top_track(item: Item<'_>, place: u32) -> Option<Value> {
    Some(ranked(track(item)?, place))
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-recently-played>
/// `latest`: no play is from after it, whatever the provider's clock says.
pub(super) fn play(play: Item<'_>, latest: DateTime<Utc>) -> Option<Value> {
    let of = play.needed_object("track")?;
    let track = track(of)?;
    Some(json!({
        "played_at": play.needed_time("played_at", latest)?,
        "track_id": track["item_id"],
        "track_name": track["name"],
        "artist_names": track["artist_names"],
        "isrc": track["isrc"],
        "duration_ms": of.count("duration_ms"),
        "context_uri": play.object("context").and_then(|context| context.id("uri")),
    }))
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-tracks>
pub(super) fn saved_track(saved: Item<'_>, _: u32) -> Option<Value> {
    Some(dated(track(saved.needed_object("track")?)?, saved))
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-albums>
pub(super) fn saved_album(saved: Item<'_>, _: u32) -> Option<Value> {
    let album = saved.needed_object("album")?;
    let row = json!({
        "item_id": album.needed_id("id")?,
        "name": album.needed_text("name")?,
        "artist_names": album.texts_within("artists", "name"),
        "genres": genres(album),
    });
    Some(dated(row, saved))
}

/// <https://developer.spotify.com/documentation/web-api/reference/get-a-list-of-current-users-playlists>
pub(super) fn music_playlist(playlist: Item<'_>, _: u32) -> Option<Value> {
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
pub(super) fn music_playlist_item(item: Item<'_>, place: u32) -> Option<Value> {
    // `track` to apps of before February 2026.
    let mut row = track(item.object("item").or_else(|| item.object("track"))?)?;
    row["position"] = json!(place);
    row["track_id"] = row["item_id"].take();
    Some(dated(row, item))
}

/// Each a share; without one of them there is nothing to reckon with.
/// <https://developer.spotify.com/documentation/web-api/reference/get-several-audio-features>
pub(super) fn features(of: Item<'_>) -> Option<Value> {
    Some(json!({
        "track_id": of.needed_id("id")?,
        "energy": of.share("energy")?,
        "valence": of.share("valence")?,
        "danceability": of.share("danceability")?,
        "acousticness": of.share("acousticness")?,
    }))
}

/// <https://developers.google.com/youtube/v3/docs/subscriptions#resource>
pub(super) fn subscription(subscription: Item<'_>, _: u32) -> Option<Value> {
    let snippet = subscription.needed_object("snippet")?;
    let channel = snippet.needed_object("resourceId")?;
    Some(json!({
        "channel_id": channel.needed_id("channelId")?,
        "title": snippet.text("title"),
        "subscribed_at": snippet.time("publishedAt"),
    }))
}

/// <https://developers.google.com/youtube/v3/docs/videos#resource>
pub(super) fn video(video: Item<'_>, _: u32) -> Option<Value> {
    let snippet = video.object("snippet");
    Some(json!({
        "video_id": video.needed_id("id")?,
        "title": snippet.and_then(|s| s.text("title")),
        "channel_id": snippet.and_then(|s| s.id("channelId")),
        "channel_title": snippet.and_then(|s| s.text("channelTitle")),
        "category_id": snippet.and_then(|s| s.id("categoryId")),
        "published_at": snippet.and_then(|s| s.time("publishedAt")),
        "topics": youtube::topics(video).unwrap_or_default(),
    }))
}

/// <https://developers.google.com/youtube/v3/docs/playlists#resource>
pub(super) fn video_playlist(playlist: Item<'_>, _: u32) -> Option<Value> {
    Some(json!({
        "playlist_id": playlist.needed_id("id")?,
        "title": playlist.object("snippet").and_then(|snippet| snippet.text("title")),
        "item_count": playlist.object("contentDetails").and_then(|details| details.count("itemCount")),
    }))
}

/// <https://developers.google.com/youtube/v3/docs/playlistItems#resource>
pub(super) fn video_playlist_item(item: Item<'_>, _: u32) -> Option<Value> {
    let details = item.needed_object("contentDetails")?;
    Some(json!({ "item_id": item.needed_id("id")?, "video_id": details.needed_id("videoId")? }))
}

/// <https://developers.google.com/youtube/v3/docs/channels#resource>
pub(super) fn channel_topics(channel: Item<'_>, _: u32) -> Option<Value> {
    Some(json!({ "channel_id": channel.needed_id("id")?, "topics": youtube::topics(channel) }))
}

/// <https://developers.google.com/youtube/v3/docs/videoCategories#resource>
pub(super) fn category(category: Item<'_>, _: u32) -> Option<Value> {
    let title = category.needed_object("snippet")?.needed_text("title")?;
    Some(json!({ "category_id": category.needed_id("id")?, "title": title }))
}
