//! A message through the whole scorer: its tokens, their features, the sums, the score.

use super::explain::Explanation;
use super::features::{self, Feature};
use super::heads::HEADS;
use super::model::{MODEL, Model};
use super::readout::{self, Score};
use super::support;
use super::tokeniser::with_tokens;

/// Scores a message. Any text is accepted; an empty one is neutral.
#[must_use]
pub fn score(text: &str) -> Score {
    MODEL.score(text)
}

/// Scores a message and says why, for people to read.
#[must_use]
pub fn explain(text: &str) -> Explanation {
    MODEL.explain(text)
}

impl Model<'_> {
    /// Scores a message with this model.
    #[must_use]
    pub fn score(&self, text: &str) -> Score {
        with_tokens(text, &self.lexicon, |tokens| {
            readout::score(&self.logits(&self.sums(tokens)), support::detect(tokens))
        })
    }

    /// Calls `sink` with what the model sees of a message: what it is trained on.
    pub fn features(&self, text: &str, mut sink: impl FnMut(Feature)) {
        with_tokens(text, &self.lexicon, |tokens| {
            features::each(tokens, |feature, _| sink(feature));
        });
    }

    /// The tokens of a message as the model knows them: lower case, Latin letters.
    #[must_use]
    pub fn words(&self, text: &str) -> Vec<String> {
        with_tokens(text, &self.lexicon, |tokens| {
            let list = tokens.list().iter();
            list.map(|token| tokens.chars(token).iter().collect())
                .collect()
        })
    }

    /// The model's outputs in 2⁻¹²: negative and positive against neutral, the valence as
    /// people rate it, then the moods.
    #[must_use]
    pub fn outputs(&self, text: &str) -> [i64; HEADS] {
        with_tokens(text, &self.lexicon, |tokens| {
            self.logits(&self.sums(tokens))
        })
    }
}
