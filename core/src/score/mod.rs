//! Text to sentiment, mood and support level. Deterministic, integer, bounded: the work is
//! linear in the length of the text.

mod lexicon;
mod support;
mod token;
mod valence;

pub use support::SupportLevel;

use crate::fixed::{round_div, round_sqrt_ratio};
use crate::mood::Mood;
use token::Tokens;

/// Version of the scorer. A change of any result for any text raises it.
pub const ENGINE_VERSION: i32 = 1;

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

/// Scores a message. Any text is accepted; an empty one is neutral.
#[must_use]
pub fn score(text: &str) -> Score {
    let tokens = Tokens::of(text);
    let reading = valence::read(&tokens);
    let support = support::detect(&tokens);
    let mut sentiment = normalise(reading.valence);
    let (mut mood, mut mood_confidence) = mood(&reading, sentiment, &tokens);
    // Word lists call "better off without me" positive: whoever is in crisis is not well.
    if support == SupportLevel::Crisis {
        sentiment = sentiment.min(CRISIS_CEILING);
        if !matches!(
            mood,
            Mood::Sad | Mood::Lonely | Mood::Anxious | Mood::Angry | Mood::Tired
        ) {
            (mood, mood_confidence) = (Mood::Sad, mood_confidence.max(50));
        }
    }
    Score {
        sentiment,
        mood,
        mood_confidence,
        support,
    }
}

/// The best score a crisis message can have.
const CRISIS_CEILING: i64 = 15;

/// Beyond these a message without mood words is called joyful or sad.
const JOY_FROM: i64 = 65;
const SAD_UP_TO: i64 = 35;

/// `valence / √(valence² + 15)`, mapped from −1..1 to 0..100 (Hutto & Gilbert 2014, α = 15).
fn normalise(valence: i64) -> i64 {
    let valence = i128::from(valence);
    let length = round_sqrt_ratio(valence * valence + 15_000_000, 1);
    50 + round_div(50 * valence, length) as i64
}

fn mood(reading: &valence::Reading, sentiment: i64, tokens: &Tokens) -> (Mood, i64) {
    let weight = |mood: Mood| reading.moods[mood.index()];
    let total: i64 = reading.moods.iter().sum();
    let strongest = Mood::ALL
        .into_iter()
        .rev()
        .max_by_key(|&mood| weight(mood))
        .filter(|&mood| weight(mood) > 0);
    match strongest {
        // One weak word is no certainty, so a unit of doubt is added.
        Some(mood) => (mood, 100 * weight(mood) / (total + 100)),
        None if sentiment >= JOY_FROM => (Mood::Joy, 30),
        None if sentiment <= SAD_UP_TO => (Mood::Sad, 30),
        None if tokens.questions > 0 => (Mood::Curious, 30),
        None => (Mood::Neutral, 50),
    }
}

#[cfg(test)]
mod tests;
