//! What the scorer is made of, as plain numbers: an engine that cannot run this code is written
//! out from here, so that there is one source of every constant.

use super::class::{self, Class};
use super::hash::{self, WordHash};
use super::heads::HEADS;
use super::lexicon::Entry;
use super::model::{ENGINE_VERSION, MODEL, Model};
use super::table::Table;
use super::{comparison, features, negation, readout, roman, support, tokeniser, tokens, valence};
use crate::characters::folded;

pub use super::plain::{Element, Letter, Map, Named, Pattern, WordSet};

/// Hash of a word.
#[must_use]
pub fn word_hash(word: &str) -> u32 {
    word.chars().fold(WordHash::EMPTY, WordHash::push).finish()
}

/// Every number that is not in another table. 64-bit ones that do not fit are negative.
#[must_use]
pub fn constants() -> Vec<Named> {
    let mut all = vec![
        ("VERSION", i64::from(ENGINE_VERSION)),
        ("HEART", i64::from(u32::from(class::HEART))),
        ("MAX_CHARS", tokeniser::MAX_CHARS as i64),
        ("EXCLAMATION", i64::from(tokens::EXCLAMATION)),
        ("EXCLAMATIONS", i64::from(tokens::EXCLAMATIONS)),
        ("QUESTION", i64::from(tokens::QUESTION)),
        ("QUESTIONS", i64::from(tokens::QUESTIONS)),
    ];
    all.extend(hash::constants());
    all.extend(features::constants());
    all.extend(valence::constants());
    all.extend(readout::constants());
    all.extend(support::constants());
    all.extend(comparison::constants());
    all.extend(negation::constants());
    all.extend(folded::constants());
    all.extend(roman::constants());
    all.extend(classes());
    all
}

fn classes() -> impl Iterator<Item = Named> {
    [
        ("WORD", Class::Word),
        ("SYMBOL", Class::Symbol),
        ("MARK", Class::Mark),
        ("BREAK", Class::Break),
        ("SPACE", Class::Space),
        ("IGNORED", Class::Ignored),
    ]
    .into_iter()
    .map(|(name, class)| (name, class as i64))
}

/// Class of a character that is folded, as [`constants`] names it.
#[must_use]
pub fn class_of(c: char) -> u8 {
    class::class(c) as u8
}

/// Whether a character only dresses the symbol before it.
#[must_use]
pub fn is_dressing(c: char) -> bool {
    class::is_dressing(c)
}

/// What the lexicon says of words: valence and roles.
#[must_use]
pub fn lexicon() -> Map {
    map_of(&MODEL.lexicon.0)
}

/// Weights of the features, a byte for each head.
#[must_use]
pub fn weights() -> Map {
    map_of(&MODEL.weights)
}

fn map_of<const ROW: usize>(table: &Table<'_, ROW>) -> Map {
    let rows = table
        .entries()
        .map(|(bucket, tag, row)| (bucket, tag, row.to_vec()));
    Map {
        buckets: table.buckets(),
        rows: rows.collect(),
    }
}

/// For each head the value of one step, in 2⁻²⁰, and the logit of a message without features.
#[must_use]
pub fn heads() -> [(i32, i32); HEADS] {
    let Model { scales, biases, .. } = MODEL;
    std::array::from_fn(|head| {
        (
            i32::from_le_bytes(scales[head]),
            i32::from_le_bytes(biases[head]),
        )
    })
}

/// Roles of words, as bits.
#[must_use]
pub fn roles() -> [Named; 7] {
    [
        ("NEGATES_NEXT", Entry::NEGATES_NEXT),
        ("NEGATES_BEFORE", Entry::NEGATES_BEFORE),
        ("BOOSTS", Entry::BOOSTS),
        ("DAMPENS", Entry::DAMPENS),
        ("CONTRASTS", Entry::CONTRASTS),
        ("SPEAKER", Entry::SPEAKER),
        ("ROLE_SYMBOL", Entry::SYMBOL),
    ]
    .map(|(name, role)| (name, i64::from(role)))
}

/// The words that negated comparatives are told by.
#[must_use]
pub fn comparison_words() -> Vec<WordSet> {
    comparison::word_sets()
}

/// The words that are read in place of a negated comparative: of the negation, then of what is
/// better, worse and less than all.
#[must_use]
pub const fn replacements() -> [&'static str; 4] {
    comparison::REPLACEMENTS
}

/// The words that weigh a match of the support detector.
#[must_use]
pub fn support_words() -> Vec<WordSet> {
    support::word_sets()
}

/// The patterns of the support detector, in order.
#[must_use]
pub fn patterns() -> Vec<Pattern> {
    support::patterns()
}

/// A letter of one of the two scripts, and the same one with a dot below behind it.
#[must_use]
pub fn letters(c: char) -> Option<[Letter; 2]> {
    roman::is_indic(c).then(|| roman::letters(c))
}
