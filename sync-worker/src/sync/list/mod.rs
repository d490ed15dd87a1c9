//! How each resource lies in the database: its statements, in one place.
//!
//! | statement | `$1` | `$2` | `$3` | `$4` |
//! |---|---|---|---|---|
//! | `insert` | user | rows, a JSON array | walk | scope |
//! | `touch` | user | ids | walk | scope |
//! | `stale` | user | walk | scope | |
//! | `next` part | user | the id up to which parts are done | | |
//! | `finish` part | user | part | | |
//!
//! A page is one statement: rows go as one JSON array, so that a list of names within a row
//! needs no second table. The scope says which of a table's rows a resource is.

mod spotify;
mod youtube;

use super::resource::Resource;

/// The statements of a resource.
#[derive(Debug)]
pub(super) struct List {
    /// Stores a page; what is there already is refreshed.
    pub(super) insert: &'static str,
    /// Marks the rows of an unchanged page as seen. Only where the provider has entity tags.
    pub(super) touch: Option<&'static str>,
    /// The rows that a complete walk did not see, after `select` or `delete`; `None` for what is
    /// history or shared.
    pub(super) stale: Option<&'static str>,
    /// Which column identifies a row of a page.
    pub(super) id: &'static str,
    /// For resources that are walked in parts, such as the items of each playlist.
    pub(super) parts: Option<Parts>,
}

/// A resource in parts.
#[derive(Debug)]
pub(super) struct Parts {
    /// The next part after an id: an id, or several in order joined with commas, so that one with
    /// a comma in it is never asked for among them; null when none is left.
    pub(super) next: &'static str,
    /// Notes that a part was walked to its end.
    pub(super) finish: Option<&'static str>,
}

impl Resource {
    /// Its statements.
    pub(super) const fn list(self) -> &'static List {
        match self {
            Self::Account => &spotify::ACCOUNT,
            Self::RecentlyPlayed => &spotify::LISTENING_HISTORY,
            Self::TopArtistsShort
            | Self::TopArtistsMedium
            | Self::TopArtistsLong
            | Self::TopTracksShort
            | Self::TopTracksMedium
            | Self::TopTracksLong => &spotify::TOP_ITEMS,
            Self::FollowedArtists | Self::SavedAlbums | Self::SavedTracks => &spotify::LIBRARY,
            Self::MusicPlaylists => &spotify::MUSIC_PLAYLISTS,
            Self::MusicPlaylistItems => &spotify::MUSIC_PLAYLIST_ITEMS,
            Self::AudioFeatures => &spotify::AUDIO_FEATURES,
            Self::Subscriptions => &youtube::SUBSCRIPTIONS,
            Self::LikedVideos => &youtube::LIKES,
            Self::VideoPlaylists => &youtube::VIDEO_PLAYLISTS,
            Self::VideoPlaylistItems => &youtube::VIDEO_PLAYLIST_ITEMS,
            Self::VideoDetails => &youtube::VIDEO_DETAILS,
            Self::ChannelTopics => &youtube::CHANNEL_TOPICS,
            Self::VideoCategories => &youtube::VIDEO_CATEGORIES,
        }
    }

    /// The scope of its rows, where the whole resource has one.
    pub(super) const fn scope(self) -> &'static str {
        match self {
            Self::TopArtistsShort => "artist.short_term",
            Self::TopArtistsMedium => "artist.medium_term",
            Self::TopArtistsLong => "artist.long_term",
            Self::TopTracksShort => "track.short_term",
            Self::TopTracksMedium => "track.medium_term",
            Self::TopTracksLong => "track.long_term",
            Self::FollowedArtists => "artist",
            Self::SavedAlbums => "album",
            Self::SavedTracks => "track",
            Self::Account
            | Self::RecentlyPlayed
            | Self::MusicPlaylists
            | Self::MusicPlaylistItems
            | Self::AudioFeatures
            | Self::Subscriptions
            | Self::LikedVideos
            | Self::VideoPlaylists
            | Self::VideoPlaylistItems
            | Self::VideoDetails
            | Self::ChannelTopics
            | Self::VideoCategories => "",
        }
    }
}
