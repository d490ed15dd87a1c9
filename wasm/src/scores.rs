//! Texts to scores.

use bondhu_core::score::{self, Part, Score};
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

/// Scores a text. In the number, from the lowest bit: 7 bits of sentiment in hundredths, 7 of the
/// mood's confidence in percent, 4 of the mood's place in its list, 2 of the support level's.
#[wasm_bindgen]
#[must_use]
pub fn score(text: &str) -> u32 {
    packed(&score::score(text))
}

fn packed(score: &Score) -> u32 {
    let small = |number: i64| u32::try_from(number).unwrap_or_default() & 0x7f;
    small(score.sentiment)
        | small(score.mood_confidence) << 7
        | (score.mood as u32) << 14
        | (score.support as u32) << 18
}

/// Scores a text and says why: `{score, sentiment, mood}`, the score packed as in [`score()`].
///
/// # Errors
/// Never for these types; the signature of JSON cannot say so.
#[wasm_bindgen]
pub fn explain(text: &str) -> Result<String, wasm_bindgen::JsError> {
    #[derive(Serialize)]
    struct Explanation {
        score: u32,
        sentiment: Vec<Weighed>,
        mood: Vec<Weighed>,
    }
    let explanation = score::explain(text);
    let weighed = |parts: Vec<Part>| parts.into_iter().map(Weighed::from).collect();
    Ok(serde_json::to_string(&Explanation {
        score: packed(&explanation.score),
        sentiment: weighed(explanation.sentiment),
        mood: weighed(explanation.mood),
    })?)
}

#[derive(Serialize)]
struct Weighed {
    text: String,
    /// Natural-log odds.
    weight: f64,
}

impl From<Part> for Weighed {
    fn from(part: Part) -> Self {
        Self {
            text: part.text,
            weight: part.weight as f64 / 100.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use bondhu_core::mood::{MOODS, Mood};
    use bondhu_core::score::SupportLevel;

    use super::*;

    #[test]
    fn what_is_packed_is_read_again() {
        assert!(MOODS <= 1 << 4 && SupportLevel::ALL.len() <= 1 << 2);
        for (index, mood) in Mood::ALL.into_iter().enumerate() {
            for (level, support) in SupportLevel::ALL.into_iter().enumerate() {
                let packed = packed(&Score {
                    sentiment: 100,
                    mood,
                    mood_confidence: 99,
                    support,
                }) as usize;
                let read = [
                    packed & 127,
                    packed >> 7 & 127,
                    packed >> 14 & 15,
                    packed >> 18,
                ];
                assert_eq!(read, [100, 99, index, level]);
            }
        }
    }
}
