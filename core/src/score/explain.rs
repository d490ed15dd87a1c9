//! Why a message got its score: what the words, pairs and the whole added.

use super::features::{self, Feature, Origin};
use super::heads::{FIRST_MOOD, NEGATIVE, ONE, POSITIVE};
use super::model::Model;
use super::readout::{self, Score};
use super::sums::Sums;
use super::support;
use super::tokeniser::with_tokens;
use super::tokens::{Token, Tokens};
use crate::mood::Mood;

/// What one part of a message did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// A word as the scorer reads it, two of them with a space, "not …" for a word that
    /// negation reaches, or [`WHOLE`].
    pub text: String,
    /// What it added: hundredths of a natural-log odds. Above 0 it spoke for, below against.
    pub weight: i64,
}

/// Stands for what no single word says: what the lexicon's words add up to in context, emoji
/// beside words, exclamation marks, length.
pub const WHOLE: &str = "(whole message)";

/// Why a message got its score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The score that is explained.
    pub score: Score,
    /// What moved the sentiment, positive against negative; strongest first.
    pub sentiment: Vec<Part>,
    /// What spoke for the mood of the score; strongest first.
    pub mood: Vec<Part>,
}

impl Model<'_> {
    /// Scores a message and says why. Slower than [`Model::score`], which it agrees with.
    #[must_use]
    pub fn explain(&self, text: &str) -> Explanation {
        with_tokens(text, &self.lexicon, |tokens| {
            let sums = self.sums(tokens);
            let score = readout::score(&self.logits(&sums), support::detect(tokens));
            let mood = FIRST_MOOD + score.mood.index();
            Explanation {
                score,
                sentiment: self.parts(tokens, &sums, |logit| logit(POSITIVE) - logit(NEGATIVE)),
                mood: if score.mood == Mood::Neutral {
                    Vec::new()
                } else {
                    self.parts(tokens, &sums, |logit| logit(mood))
                },
            }
        })
    }

    /// What each part of the message adds to a figure made of logits.
    fn parts(
        &self,
        tokens: &Tokens,
        sums: &Sums,
        figure: impl Fn(&dyn Fn(usize) -> i64) -> i64,
    ) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        features::each(tokens, |feature, origin| {
            let weight = figure(&|head| self.added(feature, sums, head));
            if weight == 0 {
                return;
            }
            let text = text_of(tokens, origin);
            match parts.iter_mut().find(|part| part.text == text) {
                Some(part) => part.weight += weight,
                None => parts.push(Part { text, weight }),
            }
        });
        for part in &mut parts {
            part.weight = part.weight * 100 / (ONE << PRECISION);
        }
        parts.retain(|part| part.weight != 0);
        parts.sort_by(|a, b| {
            let strength = b.weight.abs().cmp(&a.weight.abs());
            strength.then_with(|| a.text.cmp(&b.text))
        });
        parts
    }

    /// What a feature adds to the logit of `head`, in 2⁻¹² and [`PRECISION`] bits more.
    fn added(&self, feature: Feature, sums: &Sums, head: usize) -> i64 {
        let step = self.weights.get(feature.id).map_or(0, |row| row[head]);
        let (_, factor) = sums.0[feature.group as usize];
        let sum = i64::from(step.cast_signed()) * i64::from(feature.weight) * factor;
        self.logit(head, sum << PRECISION)
    }
}

/// Bits beyond those of a logit: one character n-gram adds very little.
const PRECISION: u32 = 8;

fn text_of(tokens: &Tokens, origin: Origin<'_>) -> String {
    let word = |token: &Token| tokens.chars(token).iter().collect::<String>();
    match origin {
        Origin::Word(token) if token.negated => format!("not {}", word(token)),
        Origin::Word(token) | Origin::Gram(token) => word(token),
        Origin::Pair(first, second) => format!("{} {}", word(first), word(second)),
        Origin::Whole => WHOLE.to_owned(),
    }
}
