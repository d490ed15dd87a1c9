//! Invented accounts, and what they listen to and watch.
//!
//! All accounts choose from one [`World`], so that two of them can like the same artist.

mod dice;
pub mod music;
pub mod video;
mod words;

use chrono::{DateTime, Utc};

use dice::Dice;
use music::{Music, MusicTaste};
use video::{VideoTaste, Videos};

/// Every track that there is, whoever likes it.
pub fn tracks() -> Vec<music::Track> {
    Music::new().tracks
}

/// All artists, tracks, channels and videos.
#[derive(Debug)]
pub(super) struct World {
    music: Music,
    pub(super) videos: Videos,
}

impl World {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        let music = Music::new();
        let videos = Videos::new(&music, now);
        Self { music, videos }
    }
}

/// One user, with an account at each provider.
#[derive(Clone, Debug)]
pub struct Account {
    /// The number that determines all of the account.
    pub number: u64,
    /// Name shown by both providers.
    pub display_name: String,
    /// Spotify's user id.
    pub spotify_id: String,
    /// What is at Spotify.
    pub music: MusicTaste,
    /// What is at YouTube.
    pub video: VideoTaste,
}

impl Account {
    pub(super) fn new(number: u64, world: &World, now: DateTime<Utc>, oddities: bool) -> Self {
        let mut dice = Dice::new("account", number);
        let display_name = words::name(&mut dice);
        let spotify_id = dice.id(25).to_lowercase();
        Self {
            number,
            display_name,
            music: MusicTaste::new(number, &spotify_id, &world.music, now, oddities),
            spotify_id,
            video: VideoTaste::new(number, &world.videos, now),
        }
    }
}
