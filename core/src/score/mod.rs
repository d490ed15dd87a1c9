//! Text to sentiment, mood and support level, by a small trained model. Deterministic,
//! integers only; the work is linear in the length of the text and nothing is allocated
//! once a thread has scored its longest message.
//!
//! `tokeniser` splits the text into `tokens`, `comparison`, `negation` and `valence` read the
//! words in context, `features` names what the model looks at, `model` sums its weights and
//! `readout` turns the sums into a [`Score`]. `support` stands apart: it looks for
//! people who may need help, by explicit patterns. [`explain()`] says what moved a score.

pub mod blueprint;
mod class;
mod comparison;
mod explain;
mod features;
mod hash;
mod heads;
mod lexicon;
mod model;
mod negation;
mod plain;
mod readout;
mod roman;
mod scorer;
mod sums;
mod support;
mod table;
mod tokeniser;
mod tokens;
mod valence;

pub use explain::{Explanation, Part, WHOLE};
pub use features::{Feature, GROUPS, Group};
pub use model::{ENGINE_VERSION, MODEL, MODEL_BYTES, Model};
pub use readout::{NEGATIVE_UP_TO, POSITIVE_FROM, Score};
pub use scorer::{explain, score};
pub use support::SupportLevel;
pub(crate) use support::patterns::Patterns;
pub use tokeniser::MAX_CHARS;

/// Calls `read` with the words of a text, as the scorer reads them.
pub(crate) fn with_words<T>(text: &str, read: impl FnOnce(&[tokens::Token]) -> T) -> T {
    tokeniser::with_tokens(text, &MODEL.lexicon, |tokens| read(tokens.list()))
}

#[cfg(test)]
mod tests;
