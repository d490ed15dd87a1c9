//! Spotify's Web API, as a Development Mode app sees it.

use bondhu_core::tastes::TimeRange;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Api, Bearer, ProviderError, list_or_empty};

/// Items a page holds at most, by every call used here.
pub const PAGE_SIZE: &str = "50";

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

impl Track {
    /// Names of its artists.
    #[must_use]
    pub fn artist_names(&self) -> Vec<String> {
        self.artists
            .iter()
            .filter_map(|artist| artist.name.clone())
            .collect()
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

/// A page of `/me/top/{what}`: the first, or the one `next` leads to.
///
/// # Errors
/// [`ProviderError`].
pub async fn top<T: DeserializeOwned>(
    api: &Api,
    bearer: &Bearer,
    what: &str,
    range: TimeRange,
    next: Option<&str>,
) -> Result<Page<T>, ProviderError> {
    let url = match next {
        Some(link) => api.own_link(link)?,
        None => api.url(
            &format!("/me/top/{what}"),
            &[("time_range", range_name(range)), ("limit", PAGE_SIZE)],
        ),
    };
    api.get(url, bearer).await
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
