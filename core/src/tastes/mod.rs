//! Tastes from what linked accounts bring. Unknown stays unknown: no evidence gives
//! `None` or an empty list, never a zero that looks like a measurement.
//!
//! Shares are whole thousandths, rounded half up.

mod genres;
mod music;
mod topics;
mod videos;

pub use music::{
    Features, GenresFrom, MoodProfile, MoodSource, MusicEvidence, MusicTaste, Ranked, TimeRange,
    TraitEvidence,
};
pub use videos::{Channel, Followed, SeenVideo, VideoTaste, video_taste};

use std::collections::BTreeMap;

/// How many entries a list of favourites has at most.
pub const FAVOURITES: usize = 10;

/// One in thousandths.
const WHOLE: u64 = 1_000;

/// `part / total` in thousandths, rounded half up. `total` must not be 0.
fn share(part: u64, total: u64) -> u64 {
    (part * WHOLE + total / 2) / total
}

/// What has no name that a person could read is no favourite.
fn is_named(name: &str) -> bool {
    !name.trim().is_empty()
}

/// The heaviest entries first, ties in alphabetical order, at most [`FAVOURITES`].
fn heaviest(weights: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut sorted: Vec<_> = weights.into_iter().collect();
    sorted.sort_by(|(a, heavy), (b, heavier)| heavier.cmp(heavy).then_with(|| a.cmp(b)));
    sorted.truncate(FAVOURITES);
    sorted
}
