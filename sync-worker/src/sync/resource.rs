//! What is pulled, in which order and how often.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::provider::Provider;

/// A list that is walked to its end.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub(super) enum Resource {
    #[serde(rename = "spotify.account")]
    Account,
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
    #[serde(rename = "spotify.followed_artists")]
    FollowedArtists,
    #[serde(rename = "spotify.saved_albums")]
    SavedAlbums,
    #[serde(rename = "spotify.saved_tracks")]
    SavedTracks,
    #[serde(rename = "spotify.playlists")]
    MusicPlaylists,
    #[serde(rename = "spotify.playlist_items")]
    MusicPlaylistItems,
    #[serde(rename = "spotify.audio_features")]
    AudioFeatures,
    #[serde(rename = "youtube.subscriptions")]
    Subscriptions,
    #[serde(rename = "youtube.liked_videos")]
    LikedVideos,
    #[serde(rename = "youtube.playlists")]
    VideoPlaylists,
    #[serde(rename = "youtube.playlist_items")]
    VideoPlaylistItems,
    #[serde(rename = "youtube.video_details")]
    VideoDetails,
    #[serde(rename = "youtube.channel_topics")]
    ChannelTopics,
    #[serde(rename = "youtube.video_categories")]
    VideoCategories,
}

impl Resource {
    /// What a provider has. Plays come first: the provider forgets them soonest. Parts of
    /// something come after it.
    pub(super) const fn of(provider: Provider) -> &'static [Self] {
        match provider {
            Provider::Spotify => &[
                Self::RecentlyPlayed,
                Self::Account,
                Self::TopArtistsShort,
                Self::TopArtistsMedium,
                Self::TopArtistsLong,
                Self::TopTracksShort,
                Self::TopTracksMedium,
                Self::TopTracksLong,
                Self::FollowedArtists,
                Self::SavedAlbums,
                Self::SavedTracks,
                Self::MusicPlaylists,
                Self::MusicPlaylistItems,
                Self::AudioFeatures,
            ],
            Provider::YouTube => &[
                Self::Subscriptions,
                Self::LikedVideos,
                Self::VideoPlaylists,
                Self::VideoPlaylistItems,
                Self::VideoDetails,
                Self::ChannelTopics,
                Self::VideoCategories,
            ],
        }
    }

    /// The scopes of which it needs one; none: any will do.
    pub(super) const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::RecentlyPlayed => &["user-read-recently-played"],
            Self::TopArtistsShort
            | Self::TopArtistsMedium
            | Self::TopArtistsLong
            | Self::TopTracksShort
            | Self::TopTracksMedium
            | Self::TopTracksLong => &["user-top-read"],
            Self::FollowedArtists => &["user-follow-read"],
            Self::SavedAlbums | Self::SavedTracks => &["user-library-read"],
            Self::MusicPlaylists | Self::MusicPlaylistItems => {
                &["playlist-read-private", "playlist-read-collaborative"]
            }
            Self::Account | Self::AudioFeatures => &[],
            Self::Subscriptions
            | Self::LikedVideos
            | Self::VideoPlaylists
            | Self::VideoPlaylistItems
            | Self::VideoDetails
            | Self::ChannelTopics
            | Self::VideoCategories => &["https://www.googleapis.com/auth/youtube.readonly"],
        }
    }

    /// How old a complete walk may be before a scheduled sync walks it again. Spotify's sync
    /// comes hourly for the sake of plays; what changes slowly is walked once a day.
    pub(super) const fn walked_every(self) -> TimeDelta {
        match self {
            Self::RecentlyPlayed
            | Self::Subscriptions
            | Self::LikedVideos
            | Self::VideoPlaylists
            | Self::VideoPlaylistItems
            | Self::VideoDetails
            | Self::ChannelTopics
            | Self::VideoCategories => TimeDelta::zero(),
            Self::Account
            | Self::TopArtistsShort
            | Self::TopArtistsMedium
            | Self::TopArtistsLong
            | Self::TopTracksShort
            | Self::TopTracksMedium
            | Self::TopTracksLong
            | Self::FollowedArtists
            | Self::SavedAlbums
            | Self::SavedTracks
            | Self::MusicPlaylists
            | Self::MusicPlaylistItems
            | Self::AudioFeatures => TimeDelta::hours(23),
        }
    }

    /// Whose it is.
    pub(super) fn provider(self) -> Provider {
        if Self::of(Provider::Spotify).contains(&self) {
            Provider::Spotify
        } else {
            Provider::YouTube
        }
    }

    /// Whether it comes in pages, whose size is ours to say.
    pub(super) const fn is_paged(self) -> bool {
        !matches!(
            self,
            Self::Account
                | Self::AudioFeatures
                | Self::VideoDetails
                | Self::ChannelTopics
                | Self::VideoCategories
        )
    }

    /// Whether the provider counts items there that it does not show: private and deleted videos,
    /// channels that are gone.
    pub(super) const fn hides(self) -> bool {
        matches!(self, Self::LikedVideos | Self::Subscriptions)
    }

    /// Whether a pull is complete without it: only some apps are given it. Whether this one is,
    /// is learned by asking.
    pub(super) const fn is_extended(self) -> bool {
        matches!(self, Self::AudioFeatures)
    }

    /// The name in `provider_connections.missing`, `sync_jobs.resources` and checkpoints.
    pub(super) fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
