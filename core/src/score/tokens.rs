//! The tokens of a message: lower-cased words, emoji, emoticons and the punctuation that says
//! something.

use super::hash::WordHash;
use super::lexicon::{Entry, Lexicon};
use crate::characters::FoldBuffer;

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Hash of its characters.
    pub(crate) hash: u32,
    /// What the lexicon says of it.
    pub(crate) entry: Entry,
    /// A word, not a symbol or punctuation.
    pub(crate) is_word: bool,
    /// Written in capitals although others are not.
    pub(crate) shouted: bool,
    /// A clause ends after this token.
    pub(crate) ends_clause: bool,
    /// An odd number of negations reaches it.
    pub(crate) negated: bool,
}

impl Token {
    pub(crate) const fn is_exclamation(&self) -> bool {
        self.hash == EXCLAMATION || self.hash == EXCLAMATIONS
    }

    pub(crate) const fn is_question(&self) -> bool {
        self.hash == QUESTION || self.hash == QUESTIONS
    }
}

pub(crate) const EXCLAMATION: u32 = WordHash::EMPTY.push('!').finish();
pub(crate) const EXCLAMATIONS: u32 = WordHash::EMPTY.push('!').push('!').finish();
pub(crate) const QUESTION: u32 = WordHash::EMPTY.push('?').finish();
pub(crate) const QUESTIONS: u32 = WordHash::EMPTY.push('?').push('?').finish();

/// The tokens of one message. Kept between messages so that nothing has to be allocated.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// The buffer that the message is folded into.
    pub(super) fold_buffer: FoldBuffer,
    pub(super) chars: Vec<char>,
    pub(super) list: Vec<Token>,
}

impl Tokens {
    /// The tokens in order.
    pub(crate) fn list(&self) -> &[Token] {
        &self.list
    }

    /// Normalised characters of a token.
    pub(crate) fn chars(&self, token: &Token) -> &[char] {
        self.chars
            .get(token.start as usize..token.end as usize)
            .unwrap_or(&[])
    }

    /// Writes `word` in place of the word at `at`.
    pub(crate) fn replace(&mut self, at: usize, word: &str, lexicon: &Lexicon<'_>) {
        let Some(token) = self.list.get_mut(at) else {
            return;
        };
        let start = self.chars.len();
        self.chars.extend(word.chars());
        token.start = start as u32;
        token.end = self.chars.len() as u32;
        token.hash = WordHash::of_ascii(word);
        token.entry = lexicon.get(token.hash).unwrap_or_default();
    }
}
