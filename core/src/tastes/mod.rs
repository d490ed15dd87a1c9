//! Tastes from what linked accounts bring. Unknown stays unknown: no evidence gives
//! `None` or an empty list, never a zero that looks like a measurement.
//!
//! Shares are whole thousandths, rounded half up.

mod by_genre;
mod features;
mod genres;
mod music;
mod ranked;
mod topics;
mod videos;

pub use by_genre::{TraitEvidence, mood_of_genres};
pub use features::{Features, MoodProfile, MoodSource};
pub use music::{GenresFrom, MusicEvidence, MusicTaste, TimeRange, weight_of_place};
pub use ranked::{FAVOURITES, Ranked};
pub use videos::{Channel, Followed, SeenVideo, VideoTaste, video_taste};
