//! What providers send, as rows of our tables. An item without what identifies it (a local
//! file, an episode, a deleted or private video) is none.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::providers::spotify::{
    Artist, Page, Play, Playlist, SavedAlbum, SavedTrack, Track, TrackFeatures, names,
};
use crate::providers::youtube;

/// Items with their places in the whole list, from 0. A null item keeps its place.
pub(super) fn placed<T>(page: Page<T>) -> impl Iterator<Item = (u32, T)> {
    (page.offset..)
        .zip(page.items)
        .filter_map(|(place, item)| Some((place, item?)))
}

pub(super) fn with_rank(mut row: Value, place: u32) -> Option<Value> {
    row["rank"] = json!(place + 1);
    Some(row)
}

fn known(genres: Option<Vec<String>>) -> Option<Vec<String>> {
    genres.filter(|genres| !genres.is_empty())
}

pub(super) fn artist_row(artist: Artist) -> Option<Value> {
    Some(json!({ "item_id": artist.id?, "name": artist.name?, "genres": known(artist.genres) }))
}

pub(super) fn track_row(track: &Track, added_at: Option<DateTime<Utc>>) -> Option<Value> {
    Some(json!({
        "item_id": track.track_id()?,
        "name": track.name.as_deref()?,
        "artist_names": names(&track.artists),
        "isrc": track.isrc(),
        "added_at": added_at,
    }))
}

pub(super) fn play(play: Play) -> Option<Value> {
    let track = play.track?;
    Some(json!({
        "played_at": play.played_at?,
        "track_id": track.track_id()?,
        "track_name": track.name.as_deref()?,
        "artist_names": names(&track.artists),
        "isrc": track.isrc(),
        "duration_ms": track.duration_ms,
        "context_uri": play.context.and_then(|context| context.uri),
    }))
}

pub(super) fn saved_track(saved: SavedTrack) -> Option<Value> {
    track_row(&saved.track?, saved.added_at)
}

pub(super) fn saved_album(saved: SavedAlbum) -> Option<Value> {
    let album = saved.album?;
    Some(json!({
        "item_id": album.id?,
        "name": album.name?,
        "artist_names": names(&album.artists),
        "genres": known(album.genres),
        "added_at": saved.added_at,
    }))
}

pub(super) fn music_playlist(playlist: Playlist) -> Option<Value> {
    Some(json!({
        "item_count": playlist.item_count(),
        "playlist_id": playlist.id?,
        "name": playlist.name,
        "owner_id": playlist.owner.and_then(|owner| owner.id),
        "collaborative": playlist.collaborative.unwrap_or(false),
        "snapshot_id": playlist.snapshot_id,
    }))
}

pub(super) fn features(of: TrackFeatures) -> Option<Value> {
    let share = |figure: Option<f64>| figure.filter(|figure| (0.0..=1.0).contains(figure));
    Some(json!({
        "track_id": of.id?,
        "energy": share(of.energy)?,
        "valence": share(of.valence)?,
        "danceability": share(of.danceability)?,
        "acousticness": share(of.acousticness)?,
    }))
}

pub(super) fn subscription(subscription: youtube::Subscription) -> Option<Value> {
    let snippet = subscription.snippet?;
    Some(json!({
        "channel_id": snippet.resource_id?.channel_id?,
        "title": snippet.title,
        "subscribed_at": snippet.published_at,
    }))
}

pub(super) fn video(video: youtube::Video) -> Option<Value> {
    let snippet = video.snippet;
    let said = snippet.as_ref();
    Some(json!({
        "video_id": video.id?,
        "title": said.and_then(|s| s.title.as_deref()),
        "channel_id": said.and_then(|s| s.channel_id.as_deref()),
        "channel_title": said.and_then(|s| s.channel_title.as_deref()),
        "category_id": said.and_then(|s| s.category_id.as_deref()),
        "published_at": said.and_then(|s| s.published_at),
        "topics": video.topic_details.map(|details| details.titles()).unwrap_or_default(),
    }))
}

pub(super) fn video_playlist(playlist: youtube::Playlist) -> Option<Value> {
    Some(json!({
        "playlist_id": playlist.id?,
        "title": playlist.snippet.and_then(|snippet| snippet.title),
        "item_count": playlist.content_details.and_then(|details| details.item_count),
    }))
}

pub(super) fn video_playlist_item(item: youtube::PlaylistItem) -> Option<Value> {
    Some(json!({ "item_id": item.id?, "video_id": item.content_details?.video_id? }))
}

pub(super) fn channel_topics(channel: youtube::Channel) -> Option<Value> {
    let topics = channel.topic_details.map(|details| details.titles());
    Some(json!({ "channel_id": channel.id?, "topics": topics }))
}

pub(super) fn category(category: youtube::Category) -> Option<Value> {
    Some(json!({ "category_id": category.id?, "title": category.snippet?.title? }))
}
