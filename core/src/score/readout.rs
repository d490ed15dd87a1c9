//! From the model's outputs to a score.

use super::heads::{FIRST_MOOD, HEADS, NEGATIVE, ONE, POSITIVE, RATED};
use super::plain::Named;
use super::support::SupportLevel;
use crate::mood::{MOODS, Mood};

/// What the scorer says of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// 0 (bad), 50 (neutral) … 100 (good), in hundredths.
    pub sentiment: i64,
    /// The mood.
    pub mood: Mood,
    /// How clearly the mood shows, 0 to 100. Not a probability.
    pub mood_confidence: i64,
    /// What the support detector saw. Not a diagnosis.
    pub support: SupportLevel,
}

/// The best score a crisis message can have.
const CRISIS_CEILING: i64 = 15;

/// The confidence in a mood that only the support detector has seen.
const CRISIS_CONFIDENCE: i64 = 50;

/// The score that the outputs stand for.
pub(crate) fn score(logits: &[i64; HEADS], support: SupportLevel) -> Score {
    let mut sentiment = sentiment(logits);
    let (mut mood, mut mood_confidence) = mood(logits);
    // Words can call "better off without me" positive: whoever is in crisis is not well.
    if support == SupportLevel::Crisis {
        sentiment = sentiment.min(CRISIS_CEILING);
        if !matches!(
            mood,
            Mood::Sad | Mood::Lonely | Mood::Anxious | Mood::Angry | Mood::Tired
        ) {
            (mood, mood_confidence) = (Mood::Sad, CRISIS_CONFIDENCE);
        }
    }
    Score {
        sentiment,
        mood,
        mood_confidence,
        support,
    }
}

/// The greatest sentiment of a negative message in hundredths: VADER's compound of −0.05.
pub const NEGATIVE_UP_TO: i64 = 47;
/// The least sentiment of a positive message in hundredths: VADER's compound of 0.05. What
/// lies between the two is neutral.
pub const POSITIVE_FROM: i64 = 53;

/// Hundredths from the middle to the sentiment of a message that is certainly positive and
/// rated as good as can be. Chosen for the spread of people's ratings (0.2 on VADER's
/// amazon reviews).
const REACH: i64 = 46;

/// Sentiment in hundredths: the rating that people would give and three eighths of the
/// expected class (−1 to 1), kept within the bounds of the likeliest class.
fn sentiment(logits: &[i64; HEADS]) -> i64 {
    let (negative, positive) = (logits[NEGATIVE], logits[POSITIVE]);
    let top = negative.max(positive).max(0);
    let (least, greatest) = if top == 0 {
        (NEGATIVE_UP_TO + 1, POSITIVE_FROM - 1)
    } else if positive > negative {
        (POSITIVE_FROM, 100)
    } else {
        (0, NEGATIVE_UP_TO)
    };
    let [negative, neutral, positive] = [negative, 0, positive].map(|logit| exp(logit - top));
    let class = (positive - negative) * ONE / (positive + neutral + negative);
    let rating = logits[RATED].clamp(-ONE, ONE);
    let height = (REACH * (3 * class / 8 + rating) + ONE / 2).div_euclid(ONE);
    (50 + height).clamp(least, greatest)
}

/// The likeliest mood and its share of all, in percent.
fn mood(logits: &[i64; HEADS]) -> (Mood, i64) {
    let moods = logits.last_chunk::<MOODS>().unwrap_or(&[0; MOODS]);
    let mut best = 0;
    for (index, logit) in moods.iter().enumerate() {
        if *logit > moods[best] {
            best = index;
        }
    }
    let shares = moods.map(|logit| exp(logit - moods[best]));
    let confidence = 100 * shares[best] / shares.iter().sum::<i64>();
    (Mood::ALL[best], confidence)
}

const _: () = assert!(FIRST_MOOD + MOODS == HEADS);

/// `2¹⁶ eˣ` for `x ≤ 0` in 2⁻¹², at least 1: 2^f on 0..1 by a cubic, then a shift.
fn exp(x: i64) -> i64 {
    // log2(e) in 2⁻¹⁶.
    let x = (x.max(-16 * ONE) * 94_548) >> 12;
    let (whole, f) = (x >> 16, x & 0xffff);
    // 2^f ≈ 1 + f (0.6951 + f (0.2276 + 0.0773 f)), within 0.0002.
    let cubic = 45_554 + ((f * (14_916 + ((f * 5_066) >> 16))) >> 16);
    let power = 65_536 + ((f * cubic) >> 16);
    (power >> -whole).max(1)
}

/// The read-out's numbers, for [`super::blueprint`].
pub(super) fn constants() -> [Named; 5] {
    [
        ("CRISIS_CEILING", CRISIS_CEILING),
        ("CRISIS_CONFIDENCE", CRISIS_CONFIDENCE),
        ("NEGATIVE_UP_TO", NEGATIVE_UP_TO),
        ("POSITIVE_FROM", POSITIVE_FROM),
        ("REACH", REACH),
    ]
}
