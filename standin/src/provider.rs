//! The two providers and the paths of their APIs.

/// Path below which Spotify's Web API answers.
pub(super) const SPOTIFY_API: &str = "/spotify/v1";
/// Path below which the YouTube Data API answers.
pub(super) const YOUTUBE_API: &str = "/youtube/v3";

/// A provider that the stand-in imitates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// Spotify's accounts service and Web API.
    Spotify,
    /// Google's OAuth and the YouTube Data API v3.
    YouTube,
}

/// Whether a path belongs to a provider's API, and not to its tokens or consent page.
pub fn is_api(path: &str) -> bool {
    path.starts_with(SPOTIFY_API) || path.starts_with(YOUTUBE_API)
}
