//! What is pulled, in which order.

use bondhu_core::tastes::TimeRange;
use serde::{Deserialize, Serialize};

use crate::provider::Provider;

/// A list that is walked to its end.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub(super) enum Resource {
    #[serde(rename = "spotify.recently_played")]
    RecentlyPlayed,
    #[serde(rename = "spotify.top_artists.short_term")]
    TopArtistsShort,
    #[serde(rename = "spotify.top_artists.medium_term")]
    TopArtistsMedium,
    #[serde(rename = "spotify.top_artists.long_term")]
    TopArtistsLong,
    #[serde(rename = "spotify.top_tracks.short_term")]
    TopTracksShort,
    #[serde(rename = "spotify.top_tracks.medium_term")]
    TopTracksMedium,
    #[serde(rename = "spotify.top_tracks.long_term")]
    TopTracksLong,
    #[serde(rename = "youtube.subscriptions")]
    Subscriptions,
    #[serde(rename = "youtube.liked_videos")]
    LikedVideos,
    #[serde(rename = "youtube.video_categories")]
    VideoCategories,
}

/// How a resource is fetched.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    RecentlyPlayed,
    TopArtists(TimeRange),
    TopTracks(TimeRange),
    Subscriptions,
    LikedVideos,
    VideoCategories,
}

impl Resource {
    /// What a provider has. Plays come first: the provider forgets them soonest.
    pub(super) const fn of(provider: Provider) -> &'static [Self] {
        match provider {
            Provider::Spotify => &[
                Self::RecentlyPlayed,
                Self::TopArtistsShort,
                Self::TopArtistsMedium,
                Self::TopArtistsLong,
                Self::TopTracksShort,
                Self::TopTracksMedium,
                Self::TopTracksLong,
            ],
            Provider::YouTube => &[
                Self::Subscriptions,
                Self::LikedVideos,
                Self::VideoCategories,
            ],
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::RecentlyPlayed => Kind::RecentlyPlayed,
            Self::TopArtistsShort => Kind::TopArtists(TimeRange::Short),
            Self::TopArtistsMedium => Kind::TopArtists(TimeRange::Medium),
            Self::TopArtistsLong => Kind::TopArtists(TimeRange::Long),
            Self::TopTracksShort => Kind::TopTracks(TimeRange::Short),
            Self::TopTracksMedium => Kind::TopTracks(TimeRange::Medium),
            Self::TopTracksLong => Kind::TopTracks(TimeRange::Long),
            Self::Subscriptions => Kind::Subscriptions,
            Self::LikedVideos => Kind::LikedVideos,
            Self::VideoCategories => Kind::VideoCategories,
        }
    }

    /// The name in `provider_connections.missing` and in checkpoints.
    pub(super) fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
