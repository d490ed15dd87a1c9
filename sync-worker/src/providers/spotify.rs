//! Spotify's Web API, as a Development Mode app sees it.

use bondhu_core::tastes::TimeRange;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Api, Bearer, ProviderError, list_or_empty};

/// Items a page holds at most, by every call used here.
pub const PAGE_SIZE: &str = "50";

/// Plays the provider keeps, and no older ones.
pub const PLAYS_KEPT: usize = 50;

/// The account. <https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile>
#[derive(Debug, Deserialize)]
pub struct Me {
    /// Id.
    pub id: String,
    /// Name it shows.
    pub display_name: Option<String>,
}

/// A page of a list with offsets.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// What it holds; the provider sends null for what it cannot show.
    #[serde(
        default = "Vec::new",
        deserialize_with = "list_or_empty",
        bound = "T: Deserialize<'de>"
    )]
    pub items: Vec<Option<T>>,
    /// The page after it.
    pub next: Option<String>,
    /// Place of the first item, from 0.
    #[serde(default)]
    pub offset: u32,
}

/// An artist. <https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks>
#[derive(Debug, Deserialize)]
pub struct Artist {
    /// Id; local files have none.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Deprecated there; absent, null and empty alike mean unknown.
    pub genres: Option<Vec<String>>,
}

/// A track. Same page as [`Artist`].
#[derive(Debug, Deserialize)]
pub struct Track {
    /// `track`, or `episode` where both may stand.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Id; local files have none.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Who plays.
    #[serde(default, deserialize_with = "list_or_empty")]
    pub artists: Vec<Artist>,
    /// Length in ms.
    pub duration_ms: Option<i32>,
    /// Identifiers elsewhere.
    pub external_ids: Option<ExternalIds>,
}

/// Identifiers elsewhere.
#[derive(Debug, Deserialize)]
pub struct ExternalIds {
    /// International Standard Recording Code.
    pub isrc: Option<String>,
}

/// The names of artists.
#[must_use]
pub fn names(artists: &[Artist]) -> Vec<String> {
    artists
        .iter()
        .filter_map(|artist| artist.name.clone())
        .collect()
}

impl Track {
    /// Its id, unless it is an episode or a local file.
    #[must_use]
    pub fn track_id(&self) -> Option<&str> {
        self.id
            .as_deref()
            .filter(|_| self.kind.as_deref().is_none_or(|kind| kind == "track"))
    }

    /// Its ISRC.
    #[must_use]
    pub fn isrc(&self) -> Option<&str> {
        self.external_ids.as_ref()?.isrc.as_deref()
    }
}

/// Plays. <https://developer.spotify.com/documentation/web-api/reference/get-recently-played>
#[derive(Debug, Deserialize)]
pub struct RecentlyPlayed {
    /// Newest first as a rule; nothing relies on it.
    #[serde(default, deserialize_with = "list_or_empty")]
    pub items: Vec<Option<Play>>,
}

/// One play.
#[derive(Debug, Deserialize)]
pub struct Play {
    /// What was played; null and episodes without an id occur.
    pub track: Option<Track>,
    /// When it ended.
    pub played_at: Option<DateTime<Utc>>,
    /// From where it was played.
    pub context: Option<Context>,
}

/// A playlist. <https://developer.spotify.com/documentation/web-api/reference/get-a-list-of-current-users-playlists>
#[derive(Debug, Deserialize)]
pub struct Playlist {
    /// Id.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// Whether its owner lets others change it.
    pub collaborative: Option<bool>,
    /// Changes with its items.
    pub snapshot_id: Option<String>,
    /// How many items it has.
    pub items: Option<Total>,
    /// The same, to apps of before February 2026.
    pub tracks: Option<Total>,
}

impl Playlist {
    /// How many items it has.
    #[must_use]
    pub fn item_count(&self) -> Option<i32> {
        self.items.as_ref().or(self.tracks.as_ref())?.total
    }
}

/// Whose a playlist is.
#[derive(Debug, Deserialize)]
pub struct Owner {
    /// The account's id.
    pub id: Option<String>,
}

/// How many there are of something.
#[derive(Debug, Deserialize)]
pub struct Total {
    /// The number.
    pub total: Option<i32>,
}

/// An item of a playlist. <https://developer.spotify.com/documentation/web-api/reference/get-playlists-items>
#[derive(Debug, Deserialize)]
pub struct PlaylistItem {
    /// When it was put there; null in very old playlists.
    pub added_at: Option<DateTime<Utc>>,
    /// A track, an episode, or null.
    pub item: Option<Track>,
    /// The same, to apps of before February 2026.
    pub track: Option<Track>,
}

/// A saved track. <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-tracks>
#[derive(Debug, Deserialize)]
pub struct SavedTrack {
    /// When it was saved.
    pub added_at: Option<DateTime<Utc>>,
    /// The track.
    pub track: Option<Track>,
}

/// A saved album. <https://developer.spotify.com/documentation/web-api/reference/get-users-saved-albums>
#[derive(Debug, Deserialize)]
pub struct SavedAlbum {
    /// When it was saved.
    pub added_at: Option<DateTime<Utc>>,
    /// The album.
    pub album: Option<Album>,
}

/// An album.
#[derive(Debug, Deserialize)]
pub struct Album {
    /// Id.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Whose it is.
    #[serde(default, deserialize_with = "list_or_empty")]
    pub artists: Vec<Artist>,
    /// Deprecated there; absent, null and empty alike mean unknown.
    pub genres: Option<Vec<String>>,
}

/// Followed artists. <https://developer.spotify.com/documentation/web-api/reference/get-followed>
#[derive(Debug, Deserialize)]
pub struct Following {
    /// A page of them, with a cursor and no offset.
    pub artists: Page<Artist>,
}

/// Audio features of some tracks, for apps with extended access.
/// <https://developer.spotify.com/documentation/web-api/reference/get-several-audio-features>
#[derive(Debug, Deserialize)]
pub struct SeveralFeatures {
    /// Null for a track it knows none of.
    #[serde(default, deserialize_with = "list_or_empty")]
    pub audio_features: Vec<Option<TrackFeatures>>,
}

/// Features of a track, each 0 to 1.
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct TrackFeatures {
    pub id: Option<String>,
    pub energy: Option<f64>,
    pub valence: Option<f64>,
    pub danceability: Option<f64>,
    pub acousticness: Option<f64>,
}

/// From where a track was played.
#[derive(Debug, Deserialize)]
pub struct Context {
    /// `spotify:playlist:…` and the like.
    pub uri: Option<String>,
}

/// The name a range has there.
#[must_use]
pub const fn range_name(range: TimeRange) -> &'static str {
    match range {
        TimeRange::Short => "short_term",
        TimeRange::Medium => "medium_term",
        TimeRange::Long => "long_term",
    }
}

/// The account behind the bearer.
///
/// # Errors
/// [`ProviderError`].
pub async fn me(api: &Api, bearer: &Bearer) -> Result<Me, ProviderError> {
    api.get(api.url("/me", &[]), bearer).await
}

/// A page of a list: the first, under `path` with a query of its own, or the one `next` leads to.
///
/// # Errors
/// [`ProviderError`].
pub async fn list<T: DeserializeOwned>(
    api: &Api,
    bearer: &Bearer,
    path: &str,
    query: &[(&str, &str)],
    next: Option<&str>,
) -> Result<T, ProviderError> {
    let url = match next {
        Some(link) => api.own_link(link)?,
        None => {
            let mut query = query.to_vec();
            query.push(("limit", PAGE_SIZE));
            api.url(path, &query)
        }
    };
    api.get(url, bearer).await
}

/// Audio features of up to 100 tracks, by ids joined with commas.
///
/// # Errors
/// [`ProviderError`]; refused to apps without extended access.
pub async fn audio_features(
    api: &Api,
    bearer: &Bearer,
    ids: &str,
) -> Result<SeveralFeatures, ProviderError> {
    api.get(api.url("/audio-features", &[("ids", ids)]), bearer)
        .await
}

/// Plays after an instant; at most the last 50 are kept there.
///
/// # Errors
/// [`ProviderError`].
pub async fn recently_played(
    api: &Api,
    bearer: &Bearer,
    after: Option<DateTime<Utc>>,
) -> Result<RecentlyPlayed, ProviderError> {
    let after = after.map(|at| at.timestamp_millis().to_string());
    let mut query = vec![("limit", PAGE_SIZE)];
    query.extend(after.as_deref().map(|at| ("after", at)));
    api.get(api.url("/me/player/recently-played", &query), bearer)
        .await
}
