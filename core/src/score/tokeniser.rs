//! Text to [`Tokens`]. The characters are folded before, so that one word is one token however
//! it was typed.

use std::cell::RefCell;

use super::class::{Class, HEART, class, heart, is_dressing, is_link};
use super::hash::WordHash;
use super::lexicon::{Entry, Lexicon};
use super::roman::{self, Romaniser};
use super::tokens::{Token, Tokens};
use super::{comparison, negation};

/// Characters that are read; the rest of a longer text is left out.
pub const MAX_CHARS: usize = 8_000;

/// The longest emoticon, in characters.
const LONGEST_EMOTICON: usize = 4;

/// Reads `text` into `tokens`, in place of what was there.
fn tokenise(text: &str, lexicon: &Lexicon<'_>, tokens: &mut Tokens) {
    tokens.chars.clear();
    tokens.list.clear();
    let mut buffer = std::mem::take(&mut tokens.fold_buffer);
    Reader {
        tokens,
        lexicon,
        some_lower: false,
    }
    .read(buffer.fold(text, MAX_CHARS));
    tokens.fold_buffer = buffer;
    comparison::strengthen(tokens, lexicon);
    negation::mark(&mut tokens.list);
}

thread_local! {
    static TOKENS: RefCell<Tokens> = RefCell::default();
}

/// Calls `read` with the tokens of `text`, which are in the thread's own buffers: they keep
/// their size.
pub(crate) fn with_tokens<T>(
    text: &str,
    lexicon: &Lexicon<'_>,
    read: impl FnOnce(&Tokens) -> T,
) -> T {
    let mut tokens = TOKENS.take();
    tokenise(text, lexicon, &mut tokens);
    let result = read(&tokens);
    TOKENS.set(tokens);
    result
}

struct Reader<'t, 'l> {
    tokens: &'t mut Tokens,
    lexicon: &'l Lexicon<'l>,
    /// Whether some word is in lower case, so that capitals mean something.
    some_lower: bool,
}

impl Reader<'_, '_> {
    fn read(&mut self, text: &str) {
        let end = text
            .char_indices()
            .nth(MAX_CHARS)
            .map_or(text.len(), |(at, _)| at);
        let mut rest = text.get(..end).unwrap_or(text);
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..).unwrap_or("");
            rest = match class(c) {
                Class::Space | Class::Ignored => after,
                Class::Break => {
                    self.end_clause();
                    after
                }
                Class::Symbol => self.symbol(c, after),
                Class::Mark => match self.emoticon(rest) {
                    Some(after) => after,
                    None => self.mark(c, after),
                },
                Class::Word => self.word(rest),
            };
        }
        if !self.some_lower {
            self.tokens
                .list
                .iter_mut()
                .for_each(|token| token.shouted = false);
        }
    }

    fn end_clause(&mut self) {
        if let Some(last) = self.tokens.list.last_mut() {
            last.ends_clause = true;
        }
    }

    /// Adds the characters from `start` on as a token.
    fn push(&mut self, start: usize, hash: u32, is_word: bool, shouted: bool) {
        let entry = self.lexicon.get(hash).unwrap_or_default();
        self.tokens.list.push(Token {
            start: start as u32,
            end: self.tokens.chars.len() as u32,
            hash,
            entry,
            is_word,
            shouted,
            ends_clause: false,
            negated: false,
        });
    }

    /// An emoji. 😂😂😂 is one laugh.
    fn symbol<'s>(&mut self, c: char, after: &'s str) -> &'s str {
        let start = self.tokens.chars.len();
        self.tokens.chars.push(c);
        self.push(start, WordHash::EMPTY.push(c).finish(), false, false);
        after.trim_start_matches(|next| next == c || is_dressing(next))
    }

    /// Exclamation, question and suspension marks, alone or repeated; other marks end a
    /// clause or are passed over.
    fn mark<'s>(&mut self, c: char, after: &'s str) -> &'s str {
        let rest = after.trim_start_matches(c);
        let repeated = rest.len() != after.len();
        match c {
            '!' | '?' | '…' => {}
            '.' if repeated => {}
            '@' => return self.mention(after),
            '.' | ':' | ';' => {
                self.end_clause();
                return rest;
            }
            _ => return rest,
        }
        self.end_clause();
        let start = self.tokens.chars.len();
        self.tokens.chars.push(if c == '.' { '…' } else { c });
        if repeated && c != '.' {
            self.tokens.chars.push(c);
        }
        self.push_hashed(start);
        self.end_clause();
        rest
    }

    /// A name behind @ says nothing: all are one.
    fn mention<'s>(&mut self, after: &'s str) -> &'s str {
        let rest = after.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        if rest.len() != after.len() {
            let start = self.tokens.chars.len();
            self.tokens.chars.push('@');
            self.push_hashed(start);
        }
        rest
    }

    fn push_hashed(&mut self, start: usize) {
        let hash = self.hash_from(start);
        self.push(start, hash, false, false);
    }

    fn hash_from(&self, start: usize) -> u32 {
        self.tokens
            .chars
            .iter()
            .skip(start)
            .fold(WordHash::EMPTY, |hash, &c| hash.push(c))
            .finish()
    }

    /// An emoticon that the lexicon knows at the front of `rest`: what follows it.
    fn emoticon<'s>(&mut self, rest: &'s str) -> Option<&'s str> {
        if !rest.starts_with([':', ';', '=', '<', '>']) {
            return None;
        }
        if let Some(after) = heart(rest) {
            return Some(self.symbol(HEART, after));
        }
        let mut hash = WordHash::EMPTY;
        let (mut found, mut length) = (None, 0);
        let start = self.tokens.chars.len();
        for (at, c) in rest.char_indices().take(LONGEST_EMOTICON) {
            if !c.is_ascii_graphic() {
                break;
            }
            let c = c.to_ascii_lowercase();
            hash = hash.push(c);
            self.tokens.chars.push(c);
            let after = rest.get(at + 1..).unwrap_or("");
            let ends = !after.starts_with(|next: char| next.is_alphanumeric());
            let known = self.lexicon.get(hash.finish());
            if ends && known.is_some_and(|entry| entry.is(Entry::SYMBOL)) {
                found = Some((hash.finish(), after));
                length = at + 1;
            }
        }
        self.tokens.chars.truncate(start + length);
        let (hash, after) = found?;
        self.push(start, hash, false, false);
        Some(after)
    }

    /// The word at the front of `rest`; what follows it.
    fn word<'s>(&mut self, rest: &'s str) -> &'s str {
        if is_link(rest) {
            let start = self.tokens.chars.len();
            self.tokens.chars.extend("http".chars());
            self.push_hashed(start);
            return rest.trim_start_matches(|c: char| !c.is_whitespace());
        }
        let start = self.tokens.chars.len();
        let (mut upper, mut lower, mut run, mut drawn_out) = (0_u32, 0_u32, 0_u32, false);
        let mut romaniser = Romaniser::default();
        let mut end = rest.len();
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            // The curly ones are straight by now.
            let c = if c == '`' { '\'' } else { c };
            match class(c) {
                Class::Word => {}
                _ if c == '\'' => {
                    // "i'm" is "im" and "don't" "dont", but "i'll" is not "ill".
                    let next = chars.peek().map(|&(_, next)| next.to_ascii_lowercase());
                    match next {
                        Some('s' | 'm' | 't' | 'v') => continue,
                        Some(next) if class(next) == Class::Word => {}
                        _ => {
                            end = at;
                            break;
                        }
                    }
                }
                Class::Ignored => continue,
                _ => {
                    end = at;
                    break;
                }
            }
            if roman::is_indic(c) {
                let next = chars.peek().map(|&(_, next)| next);
                romaniser.letter(c, next, |c| {
                    self.push_char(start, c, &mut run, &mut drawn_out)
                });
            } else if c.is_ascii() {
                upper += u32::from(c.is_ascii_uppercase());
                lower += u32::from(c.is_ascii_lowercase());
                self.push_char(start, c.to_ascii_lowercase(), &mut run, &mut drawn_out);
            } else {
                upper += u32::from(c.is_uppercase());
                lower += u32::from(c.is_lowercase());
                for c in c.to_lowercase() {
                    self.push_char(start, c, &mut run, &mut drawn_out);
                }
            }
        }
        self.some_lower |= lower > 0;
        let mut hash = self.hash_from(start);
        if drawn_out && self.lexicon.get(hash).is_none() {
            hash = self.shortened(start, hash);
        }
        if self.tokens.chars.len() > start {
            self.push(start, hash, true, upper > 1 && lower == 0);
        }
        rest.get(end..).unwrap_or("")
    }

    /// Adds a character of a word unless it is the third or later of a run ("soooo").
    fn push_char(&mut self, start: usize, c: char, run: &mut u32, drawn_out: &mut bool) {
        let repeats = self.tokens.chars.len() > start && self.tokens.chars.last() == Some(&c);
        *run = if repeats { *run + 1 } else { 0 };
        if *run < 2 || !c.is_alphabetic() {
            self.tokens.chars.push(c);
        } else {
            *drawn_out = true;
        }
    }

    /// A drawn-out word whose doubled letters are single in the lexicon ("tireddd") takes
    /// that form. Its hash.
    fn shortened(&mut self, start: usize, hash: u32) -> u32 {
        let word = self.tokens.chars.get(start..).unwrap_or(&[]);
        let mut previous = None;
        let single = word.iter().fold(WordHash::EMPTY, |hash, &c| {
            if previous.replace(c) == Some(c) {
                hash
            } else {
                hash.push(c)
            }
        });
        if self.lexicon.get(single.finish()).is_none() {
            return hash;
        }
        let mut kept = start;
        for at in start..self.tokens.chars.len() {
            let c = self.tokens.chars.get(at).copied();
            if kept == start || self.tokens.chars.get(kept - 1).copied() != c {
                if let (Some(slot), Some(c)) = (self.tokens.chars.get_mut(kept), c) {
                    *slot = c;
                }
                kept += 1;
            }
        }
        self.tokens.chars.truncate(kept);
        single.finish()
    }
}
