//! What the model sees of a message: hashed words, word pairs, character n-grams and
//! properties of the whole, each with a weight.

use super::hash::pair;
use super::lexicon::Entry;
use super::plain::Named;
use super::tokens::{Token, Tokens};
use super::valence::{self, compound};

/// Kinds of features; a kind's weights are scaled by its number together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Group {
    /// Words and pairs of words, scaled by 1/√(their number).
    Words,
    /// Character n-grams, scaled by 1/√(their number).
    Grams,
    /// Properties of the whole message, not scaled.
    Whole,
}

/// Number of groups.
pub const GROUPS: usize = 3;

/// One feature of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Hash that it is known by.
    pub id: u32,
    /// Kind.
    pub group: Group,
    /// How much of it there is, in sixteenths.
    pub weight: u8,
}

/// A weight of 1.
const ONE: u8 = 16;

/// Where in the message a feature was found, for those who explain.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'t> {
    Word(&'t Token),
    Pair(&'t Token, &'t Token),
    Gram(&'t Token),
    Whole,
}

const NEGATED: u32 = 0x6e65_6701;
const GRAM: u32 = 0x6772_6101;
const WHOLE: u32 = 0x7768_6f01;
const SKIP: u32 = 0x736b_6901;
const GRAM_PRIME: u32 = 0x0100_0193;

/// Lengths of character n-grams, with the marks of the word's ends.
const SHORTEST_GRAM: usize = 3;
const LONGEST_GRAM: usize = 5;

/// Calls `sink` with every feature of the message; linear in its length.
pub(crate) fn each<'t>(tokens: &'t Tokens, mut sink: impl FnMut(Feature, Origin<'t>)) {
    let list = tokens.list();
    let turn = list
        .iter()
        .rposition(|token| token.entry.is(Entry::CONTRASTS));
    let mut before: [Option<&Token>; 2] = [None; 2];
    for (at, token) in list.iter().enumerate() {
        // What follows "but" is what is meant.
        let weight = match turn {
            Some(turn) if at < turn => ONE / 2,
            Some(turn) if at > turn => ONE + ONE / 2,
            _ => ONE,
        };
        let mut word = |id, origin| {
            let group = Group::Words;
            sink(Feature { id, group, weight }, origin);
        };
        word(
            if token.negated {
                pair(NEGATED, token.hash)
            } else {
                token.hash
            },
            Origin::Word(token),
        );
        if let Some(last) = before[0] {
            word(pair(last.hash, token.hash), Origin::Pair(last, token));
        }
        if let Some(first) = before[1] {
            let id = pair(pair(SKIP, first.hash), token.hash);
            word(id, Origin::Pair(first, token));
        }
        before = [Some(token), before[0]];
        // The letters of "happy" would speak for "not happy".
        if token.is_word && !token.negated {
            grams(tokens.chars(token), |id| {
                let group = Group::Grams;
                sink(Feature { id, group, weight }, Origin::Gram(token));
            });
        }
    }
    whole(list, turn, |id, weight| {
        let id = pair(WHOLE, id);
        let group = Group::Whole;
        sink(Feature { id, group, weight }, Origin::Whole);
    });
}

/// The n-grams of a word between marks of its ends.
fn grams(word: &[char], mut sink: impl FnMut(u32)) {
    let at = |index: usize| match index.checked_sub(1) {
        None => '<',
        Some(index) => word.get(index).copied().unwrap_or('>'),
    };
    for end in 1..word.len() + 2 {
        let mut hash = GRAM;
        for length in 1..=LONGEST_GRAM.min(end + 1) {
            hash = (hash ^ at(end + 1 - length) as u32).wrapping_mul(GRAM_PRIME);
            if length >= SHORTEST_GRAM {
                sink(pair(GRAM, hash));
            }
        }
    }
}

/// Properties of the whole message: code and weight.
fn whole(list: &[Token], turn: Option<usize>, mut sink: impl FnMut(u32, u8)) {
    let valence = valence::read(list, turn);
    let count = |wanted: fn(&Token) -> bool| list.iter().filter(|token| wanted(token)).count();
    let speaker = list.iter().any(|token| token.entry.is(Entry::SPEAKER));
    let symbols = count(|token| token.entry.is(Entry::SYMBOL));

    graded(0, valence.whole, &mut sink);
    graded(1, valence.end, &mut sink);
    graded(2, valence.good, &mut sink);
    graded(3, valence.bad, &mut sink);
    graded(if speaker { 4 } else { 5 }, valence.whole, &mut sink);
    if valence.negated != 0 {
        graded(8, valence.negated, &mut sink);
        graded(9, valence.whole - valence.negated, &mut sink);
    }
    if symbols > 0 {
        graded(6, valence.symbols, &mut sink);
        graded(7, valence.whole - valence.symbols, &mut sink);
    }
    let mut counted = |code: u32, number: usize| sink(code << 8 | number.min(4) as u32, ONE);
    counted(16, symbols);
    counted(17, count(Token::is_exclamation));
    counted(18, count(Token::is_question));
    counted(19, count(|token| token.shouted));
    counted(20, count(|token| token.negated));
    counted(21, usize::from(turn.is_some()));
    counted(22, (list.len() + 1).ilog2() as usize);
    counted(23, usize::from(list.last().is_some_and(Token::is_question)));
    counted(24, usize::from(speaker));
}

/// A valence as two neighbouring steps of a scale of 21, so that the model can learn any
/// curve of it.
fn graded(code: u32, valence: i64, sink: &mut impl FnMut(u32, u8)) {
    let height = compound(valence) + 1_000;
    let (step, part) = (height / 100, height % 100 * i64::from(ONE) / 100);
    let code = code << 8 | step as u32;
    sink(code, ONE - part as u8);
    if part > 0 {
        sink(code + 1, part as u8);
    }
}

/// The features' numbers, for [`super::blueprint`].
pub(super) fn constants() -> [Named; 5] {
    [
        ("NEGATED_WORD", NEGATED),
        ("GRAM", GRAM),
        ("WHOLE", WHOLE),
        ("SKIP", SKIP),
        ("GRAM_PRIME", GRAM_PRIME),
    ]
    .map(|(name, number)| (name, i64::from(number)))
}
