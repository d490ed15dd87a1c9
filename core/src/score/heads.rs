//! The outputs of the model, its heads: negative and positive against neutral, the valence as
//! people rate it, then the moods.

use crate::mood::MOODS;

/// Number of heads.
pub(crate) const HEADS: usize = 16;

/// Head of the logit of a negative message; a neutral one's is 0.
pub(crate) const NEGATIVE: usize = 0;
/// Head of the logit of a positive message.
pub(crate) const POSITIVE: usize = 1;
/// Head of the valence as people rate it.
pub(crate) const RATED: usize = 2;
/// First head of the moods, in the order of [`crate::mood::Mood::ALL`].
pub(crate) const FIRST_MOOD: usize = HEADS - MOODS;

/// One, in the fixed point of the logits.
pub(crate) const ONE: i64 = 1 << 12;
