//! How music feels.

/// Audio features of a recording, in thousandths.
/// <https://developer.spotify.com/documentation/web-api/reference/get-audio-features>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Intensity.
    pub energy: u64,
    /// Positivity.
    pub valence: u64,
    /// How well it is danced to.
    pub danceability: u64,
    /// How acoustic it is.
    pub acousticness: u64,
}

/// What a [`MoodProfile`] was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoodSource {
    /// Measured features of the tracks.
    AudioFeatures,
    /// What their artists' genres tend to be like.
    Genres,
}

/// How the music tends to feel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoodProfile {
    /// The weighted mean.
    pub mean: Features,
    /// Share, in thousandths, of the evidence that could be used.
    pub confidence: u64,
    /// Of what it was made.
    pub source: MoodSource,
}
