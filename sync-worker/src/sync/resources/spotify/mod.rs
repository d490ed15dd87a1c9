//! What is brought of Spotify.

mod account;
mod audio_features;
mod library;
mod pages;
mod playlists;
mod plays;
mod top;

use serde_json::{Value, json};

use crate::providers::Item;
use crate::sync::resource::Resource;

/// Plays come first: the provider forgets them soonest. Parts of something come after it.
pub(super) static RESOURCES: [&Resource; 14] = [
    &plays::RECENTLY_PLAYED,
    &account::ACCOUNT,
    &top::TOP_ARTISTS_SHORT,
    &top::TOP_ARTISTS_MEDIUM,
    &top::TOP_ARTISTS_LONG,
    &top::TOP_TRACKS_SHORT,
    &top::TOP_TRACKS_MEDIUM,
    &top::TOP_TRACKS_LONG,
    &library::FOLLOWED_ARTISTS,
    &library::SAVED_ALBUMS,
    &library::SAVED_TRACKS,
    &playlists::PLAYLISTS,
    &playlists::PLAYLIST_ITEMS,
    &audio_features::AUDIO_FEATURES,
];

/// <https://developer.spotify.com/documentation/web-api/reference/get-followed>
fn artist(artist: Item<'_>, _: u32) -> Option<Value> {
    Some(json!({
        "item_id": artist.needed_id("id")?, "name": artist.needed_text("name")?, "genres": genres(artist),
    }))
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

/// Empty, like absent, means unknown: the field is deprecated there.
fn genres(of: Item<'_>) -> Option<Vec<String>> {
    Some(of.texts("genres")).filter(|genres| !genres.is_empty())
}

fn dated(mut row: Value, item: Item<'_>) -> Value {
    row["added_at"] = json!(item.time("added_at"));
    row
}
