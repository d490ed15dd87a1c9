//! Text to tokens: lower-cased words, emoji and emoticons, with what punctuation said.

use std::ops::Range;

use super::lexicon;

/// One token: a slice of [`Tokens`]' text.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    range: Range<usize>,
    /// Written in capitals although it need not be.
    pub(crate) shouted: bool,
    /// A clause ends after this token.
    pub(crate) ends_clause: bool,
}

/// The tokens of one message. Neighbours stand one space apart, so that a phrase is a slice.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    text: String,
    tokens: Vec<Token>,
    /// Exclamation marks in the message.
    pub(crate) exclamations: usize,
    /// Question marks in the message.
    pub(crate) questions: usize,
    /// Whether some word is in lower case, so that capitals mean something.
    some_lower: bool,
}

impl Tokens {
    /// Splits `text`. Work and memory are linear in its length.
    pub(crate) fn of(text: &str) -> Self {
        let mut tokens = Self {
            text: String::with_capacity(text.len() + 16),
            ..Self::default()
        };
        for chunk in text.split_whitespace() {
            tokens.chunk(chunk);
        }
        if !tokens.some_lower {
            tokens
                .tokens
                .iter_mut()
                .for_each(|token| token.shouted = token.shouted && text.contains('!'));
        }
        tokens
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Token> {
        self.tokens.get(index)
    }

    /// The word at `index`; empty past the end.
    pub(crate) fn word(&self, index: usize) -> &str {
        self.phrase(index, 1)
    }

    /// `length` words from `index` on, one space apart; empty if there are not so many.
    pub(crate) fn phrase(&self, index: usize, length: usize) -> &str {
        match (self.tokens.get(index), self.tokens.get(index + length - 1)) {
            (Some(first), Some(last)) => self
                .text
                .get(first.range.start..last.range.end)
                .unwrap_or(""),
            _ => "",
        }
    }

    fn chunk(&mut self, chunk: &str) {
        // Emoticons would be taken apart as punctuation.
        if chunk.len() <= 4 && chunk.bytes().any(|byte| byte.is_ascii_punctuation()) {
            let lower = chunk.to_lowercase();
            if lexicon::companion(&lower).is_some() {
                self.push(&lower, false);
                return;
            }
        }
        let mut word = String::new();
        let mut previous = None;
        for c in chunk.chars() {
            let c = straight(c);
            match class(c) {
                Class::Word if word.is_empty() && c == '\'' => {}
                Class::Word => word.push(c),
                Class::Ignored => {}
                Class::Symbol => {
                    self.flush(&mut word);
                    // 😂😂😂 is one laugh.
                    if previous != Some(c) {
                        self.push(c.encode_utf8(&mut [0; 4]), false);
                    }
                }
                Class::Break => {
                    self.flush(&mut word);
                    self.punctuation(c);
                }
            }
            previous = Some(c);
        }
        self.flush(&mut word);
    }

    fn flush(&mut self, word: &mut String) {
        let trimmed = word.trim_end_matches('\'');
        if !trimmed.is_empty() {
            let upper = trimmed.chars().any(char::is_uppercase);
            let lower = trimmed.chars().any(char::is_lowercase);
            self.some_lower |= lower;
            let shouted = upper && !lower && trimmed.chars().count() > 1;
            let squeezed = squeeze(&trimmed.to_lowercase());
            self.push(&squeezed, shouted);
        }
        word.clear();
    }

    fn push(&mut self, token: &str, shouted: bool) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let start = self.text.len();
        self.text.push_str(token);
        self.tokens.push(Token {
            range: start..self.text.len(),
            shouted,
            ends_clause: false,
        });
    }

    fn punctuation(&mut self, c: char) {
        match c {
            '!' => self.exclamations += 1,
            '?' => self.questions += 1,
            _ => {}
        }
        if matches!(
            c,
            '!' | '?' | '.' | ',' | ';' | ':' | '…' | '।' | '॥' | '(' | ')'
        ) && let Some(last) = self.tokens.last_mut()
        {
            last.ends_clause = true;
        }
    }
}

enum Class {
    Word,
    Symbol,
    Break,
    Ignored,
}

fn class(c: char) -> Class {
    match c {
        // Variation selectors, joiners, skin tones: they dress the symbol before them.
        '\u{fe00}'..='\u{fe0f}' | '\u{200d}' | '\u{1f3fb}'..='\u{1f3ff}' => Class::Ignored,
        '।' | '॥' => Class::Break,
        // Devanagari and Bengali: vowel signs and virama belong to the word.
        '\'' | '\u{0900}'..='\u{09ff}' => Class::Word,
        _ if c.is_alphanumeric() => Class::Word,
        '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' => Class::Symbol,
        _ => Class::Break,
    }
}

/// Curly quotes break negation lists ("don’t"), so they are straightened first.
fn straight(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{02bc}' | '\u{0060}' | '\u{00b4}'
        | '\u{2032}' => '\'',
        _ => c,
    }
}

/// Three or more of a letter become one if that makes a known word, else two ("soooo",
/// "tireddd", "yesss"); precomposed Bengali letters take their canonical form.
fn squeeze(word: &str) -> String {
    let once = runs_cut_to(word, 1);
    if once.len() != word.len() {
        let twice = runs_cut_to(word, 2);
        let known =
            |word: &str| lexicon::companion(word).is_some() || lexicon::vader(word).is_some();
        return if known(&once) && !known(&twice) {
            once
        } else {
            twice
        };
    }
    once
}

/// Cuts runs of three or more equal letters to `keep`.
fn runs_cut_to(word: &str, keep: usize) -> String {
    let mut out = String::with_capacity(word.len());
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        let mut run = 1;
        while chars.next_if_eq(&c).is_some() {
            run += 1;
        }
        let kept = if run > 2 && c.is_alphabetic() {
            keep
        } else {
            run
        };
        (0..kept).for_each(|_| canonical(c, &mut out));
    }
    out
}

fn canonical(c: char, out: &mut String) {
    match c {
        '\u{09dc}' => out.push_str("\u{09a1}\u{09bc}"),
        '\u{09dd}' => out.push_str("\u{09a2}\u{09bc}"),
        '\u{09df}' => out.push_str("\u{09af}\u{09bc}"),
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    fn words(text: &str) -> Vec<String> {
        let tokens = Tokens::of(text);
        (0..tokens.len())
            .map(|index| tokens.word(index).to_owned())
            .collect()
    }

    #[test]
    fn curly_apostrophes_and_case_are_normalised() {
        assert_eq!(words("I DON’T ‘know’"), ["i", "don't", "know"]);
    }

    #[test]
    fn emoji_stand_alone_and_repeats_count_once() {
        assert_eq!(words("yes😂😂😂 ❤️"), ["yes", "😂", "❤"]);
    }

    #[test]
    fn drawn_out_words_are_shortened() {
        assert_eq!(words("soooo tireddddd"), ["soo", "tired"]);
    }

    #[test]
    fn bangla_keeps_its_vowel_signs_and_ends_at_the_danda() {
        assert_eq!(words("খুব ভালো।"), ["খুব", "ভালো"]);
        assert_eq!(words("ভয়"), words("ভ\u{09df}"));
    }

    #[test]
    fn a_phrase_is_a_slice() {
        let tokens = Tokens::of("mon  ta, kharap");
        assert_eq!(tokens.phrase(0, 3), "mon ta kharap");
        assert_eq!(tokens.phrase(1, 3), "");
    }
}
