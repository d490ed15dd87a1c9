//! Text to sentiment, mood and support level, by a small trained model. Deterministic,
//! integers only; the work is linear in the length of the text and nothing is allocated
//! once a thread has scored its longest message.
//!
//! `tokens` splits the text, `comparison`, `negation` and `valence` read the words in
//! context, `features` names what the model looks at, `model` sums its weights and
//! `readout` turns the sums into a [`Score`]. `support` stands apart: it looks for
//! people who may need help, by explicit patterns. [`explain()`] says what moved a score.

pub mod blueprint;
mod class;
mod comparison;
mod explain;
mod features;
mod hash;
mod lexicon;
mod model;
mod negation;
mod readout;
mod roman;
mod sums;
mod support;
mod table;
mod tokens;
mod valence;

use std::cell::RefCell;

pub use explain::{Explanation, Part, WHOLE};
pub use features::{Feature, GROUPS, Group};
pub use model::Model;
pub use readout::{NEGATIVE_UP_TO, POSITIVE_FROM};
pub use support::SupportLevel;

use crate::mood::Mood;
use sums::{Summing, Sums};
use tokens::Tokens;

/// Version of the scorer. A change of any result for any text raises it.
pub const ENGINE_VERSION: i32 = 4;

/// The model that is compiled in.
pub static MODEL: Model<'static> = match Model::parse(&FILE.0) {
    Some(model) => model,
    None => panic!("core/data/scorer.bin is no model of this version"),
};

/// At the start of a cache line, so that no row lies across two.
#[repr(align(64))]
struct Aligned<const N: usize>([u8; N]);

/// Size of the compiled-in model.
pub const MODEL_BYTES: usize = include_bytes!("../../data/scorer.bin").len();

static FILE: Aligned<MODEL_BYTES> = Aligned(*include_bytes!("../../data/scorer.bin"));

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

thread_local! {
    static TOKENS: RefCell<Tokens> = RefCell::default();
}

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
        self.with_tokens(text, |tokens| {
            readout::score(&self.logits(&self.sums(tokens)), support::detect(tokens))
        })
    }

    /// Calls `sink` with what the model sees of a message: what it is trained on.
    pub fn features(&self, text: &str, mut sink: impl FnMut(Feature)) {
        self.with_tokens(text, |tokens| {
            features::each(tokens, |feature, _| sink(feature));
        });
    }

    /// The tokens of a message as the model knows them: lower case, Latin letters.
    #[must_use]
    pub fn words(&self, text: &str) -> Vec<String> {
        self.with_tokens(text, |tokens| {
            let list = tokens.list().iter();
            list.map(|token| tokens.chars(token).iter().collect())
                .collect()
        })
    }

    /// The model's outputs in 2⁻¹²: negative and positive against neutral, the valence as
    /// people rate it, then the moods.
    #[must_use]
    pub fn outputs(&self, text: &str) -> [i64; model::HEADS] {
        self.with_tokens(text, |tokens| self.logits(&self.sums(tokens)))
    }

    fn sums(&self, tokens: &Tokens) -> Sums {
        let mut sums = Summing::new(self.weights);
        features::each(tokens, |feature, _| sums.add(feature));
        sums.finish()
    }

    /// Reads `text` into the thread's own buffers, which keep their size.
    fn with_tokens<T>(&self, text: &str, read: impl FnOnce(&Tokens) -> T) -> T {
        let mut tokens = TOKENS.take();
        tokens.read(text, &self.lexicon);
        let result = read(&tokens);
        TOKENS.set(tokens);
        result
    }
}

#[cfg(test)]
mod tests;
