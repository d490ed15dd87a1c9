//! Bengali and Devanagari letters as people type them in Latin letters, so that what the
//! model has learnt of romanised chat also holds for the scripts: "ভালো" is "valo".

use super::plain::{self, Named};

/// Writes a word letter by letter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Romaniser {
    /// The last consonant may still get its inherent vowel.
    open: bool,
    /// What stands before that consonant is a vowel.
    after_vowel: bool,
    /// The next letter is not heard: a joined "য" or "ব".
    silent: bool,
    /// The last letter was a virama.
    joined: bool,
    /// Last Latin letter of the last consonant.
    last: Option<char>,
}

/// Whether `c` is a letter, sign or digit of one of the two scripts.
pub(crate) const fn is_indic(c: char) -> bool {
    matches!(c, '\u{0900}'..='\u{0963}' | '\u{0966}'..='\u{09ff}')
}

enum Letter {
    Consonant(&'static str),
    Vowel(&'static str),
    Sign(&'static str),
    /// Closes a syllable: anusvara.
    Nasal(&'static str),
    Virama,
    Other,
}

impl Romaniser {
    /// Calls `push` with the Latin letters for `c`; `next` is the character after it, of
    /// whatever script.
    pub(crate) fn letter(&mut self, c: char, next: Option<char>, mut push: impl FnMut(char)) {
        let next = next.filter(|&next| is_indic(next));
        let bengali = c >= '\u{0980}';
        let inherent = if bengali { 'o' } else { 'a' };
        // "shanto", "jonno": after joined consonants the vowel is heard at the end too.
        let ends = bengali && next.is_none();
        let joined = std::mem::take(&mut self.joined) && ends;
        if std::mem::take(&mut self.silent) {
            if joined {
                push(inherent);
            }
            return;
        }
        let letter = letter(c, next);
        let text = match letter {
            Letter::Consonant(text) => {
                let has_sign = next.is_some_and(|next| matches!(kind(next), Letter::Sign(_)));
                let after_vowel = if self.open {
                    // "korche", not "koroche": between two syllables the vowel falls.
                    let falls = self.after_vowel && has_sign;
                    if !falls {
                        push(inherent);
                    }
                    !falls
                } else {
                    self.after_vowel
                };
                (self.open, self.after_vowel) = (true, after_vowel);
                self.last = text.chars().next_back();
                if joined {
                    text.chars().for_each(&mut push);
                    push(inherent);
                    return;
                }
                text
            }
            Letter::Vowel(text) | Letter::Nasal(text) => {
                if self.open {
                    push(inherent);
                }
                (self.open, self.after_vowel) = (false, matches!(letter, Letter::Vowel(_)));
                text
            }
            Letter::Sign(text) => {
                (self.open, self.after_vowel) = (false, true);
                text
            }
            Letter::Virama => {
                // "jonno": the consonant doubles in place of the silent one.
                self.silent = matches!(next, Some('\u{09af}' | '\u{09ac}'));
                if let Some(last) = self.last.filter(|_| self.silent && self.after_vowel) {
                    push(last);
                }
                (self.open, self.after_vowel) = (self.silent, false);
                self.joined = true;
                ""
            }
            Letter::Other => {
                if let Some(digit) = digit(c) {
                    push(digit);
                }
                ""
            }
        };
        text.chars().for_each(push);
    }
}

/// A letter, with the dot below that may follow it.
fn letter(c: char, next: Option<char>) -> Letter {
    match (c, next) {
        ('\u{09a1}' | '\u{09a2}', Some('\u{09bc}'))
        | ('\u{0921}' | '\u{0922}', Some('\u{093c}')) => Letter::Consonant("r"),
        ('\u{09af}', Some('\u{09bc}')) => Letter::Consonant("y"),
        ('\u{091c}', Some('\u{093c}')) => Letter::Consonant("z"),
        _ => kind(c),
    }
}

/// The two blocks of Unicode are laid out alike: one table serves both. Letters that are
/// composed with a dot below have been taken apart before.
fn kind(c: char) -> Letter {
    let bengali = c >= '\u{0980}';
    match c as u32 & 0x7f {
        0x01 if bengali => Letter::Other,
        0x01 => Letter::Nasal("n"),
        0x02 => Letter::Nasal(if bengali { "ng" } else { "n" }),
        0x05 => Letter::Vowel(if bengali { "o" } else { "a" }),
        0x06 => Letter::Vowel("a"),
        0x07 | 0x08 => Letter::Vowel("i"),
        0x09 | 0x0a => Letter::Vowel("u"),
        0x0b => Letter::Vowel("ri"),
        0x0d..=0x0f => Letter::Vowel("e"),
        0x10 => Letter::Vowel(if bengali { "oi" } else { "ai" }),
        0x11..=0x13 => Letter::Vowel("o"),
        0x14 => Letter::Vowel(if bengali { "ou" } else { "au" }),
        0x15 => Letter::Consonant("k"),
        0x16 => Letter::Consonant("kh"),
        0x17 => Letter::Consonant("g"),
        0x18 => Letter::Consonant("gh"),
        0x19 => Letter::Consonant("ng"),
        0x1a | 0x1b => Letter::Consonant("ch"),
        0x1c => Letter::Consonant("j"),
        0x1d => Letter::Consonant("jh"),
        0x1e | 0x23 | 0x28 | 0x29 => Letter::Consonant("n"),
        0x1f | 0x24 => Letter::Consonant("t"),
        0x20 | 0x25 => Letter::Consonant("th"),
        0x21 | 0x26 => Letter::Consonant("d"),
        0x22 | 0x27 => Letter::Consonant("dh"),
        0x2a => Letter::Consonant("p"),
        0x2b => Letter::Consonant(if bengali { "f" } else { "ph" }),
        0x2c => Letter::Consonant("b"),
        // Far more often "valo" than "bhalo" in chat.
        0x2d => Letter::Consonant(if bengali { "v" } else { "bh" }),
        0x2e => Letter::Consonant("m"),
        0x2f => Letter::Consonant(if bengali { "j" } else { "y" }),
        0x30 | 0x31 => Letter::Consonant("r"),
        0x32..=0x34 => Letter::Consonant("l"),
        0x35 => Letter::Consonant("v"),
        0x36 | 0x37 => Letter::Consonant("sh"),
        0x38 => Letter::Consonant("s"),
        0x39 => Letter::Consonant("h"),
        0x3e => Letter::Sign("a"),
        0x3f | 0x40 => Letter::Sign("i"),
        0x41 | 0x42 => Letter::Sign("u"),
        0x43 => Letter::Sign("ri"),
        0x45..=0x47 => Letter::Sign("e"),
        0x48 => Letter::Sign(if bengali { "oi" } else { "ai" }),
        0x49..=0x4b => Letter::Sign("o"),
        0x4c => Letter::Sign(if bengali { "ou" } else { "au" }),
        0x4d => Letter::Virama,
        0x4e if bengali => Letter::Consonant("t"),
        _ => Letter::Other,
    }
}

fn digit(c: char) -> Option<char> {
    let digit = (c as u32 & 0x7f).checked_sub(0x66)?;
    char::from_digit(digit, 10)
}

const CONSONANT: u8 = 1;
const VOWEL: u8 = 2;
const SIGN: u8 = 3;
const NASAL: u8 = 4;
const JOINS: u8 = 5;
const OTHER: u8 = 6;

/// The kinds of letters, for [`super::blueprint`].
pub(super) fn constants() -> [Named; 6] {
    [
        ("CONSONANT", CONSONANT),
        ("VOWEL", VOWEL),
        ("SIGN", SIGN),
        ("NASAL", NASAL),
        ("JOINS", JOINS),
        ("OTHER", OTHER),
    ]
    .map(|(name, kind)| (name, i64::from(kind)))
}

/// A letter alone and with the dot below of its script behind it, for [`super::blueprint`].
pub(super) fn letters(c: char) -> [plain::Letter; 2] {
    let dot = if c >= '\u{0980}' {
        '\u{09bc}'
    } else {
        '\u{093c}'
    };
    [None, Some(dot)].map(|next| {
        let (kind, latin) = match letter(c, next) {
            Letter::Consonant(text) => (CONSONANT, text),
            Letter::Vowel(text) => (VOWEL, text),
            Letter::Sign(text) => (SIGN, text),
            Letter::Nasal(text) => (NASAL, text),
            Letter::Virama => (JOINS, ""),
            Letter::Other => (OTHER, ""),
        };
        let mut chars = latin.chars();
        let first = chars.next().or_else(|| digit(c).filter(|_| kind == OTHER));
        plain::Letter {
            kind,
            latin: [first, chars.next()],
        }
    })
}

#[cfg(test)]
mod tests {
    use super::Romaniser;

    fn roman(word: &str) -> String {
        let mut romaniser = Romaniser::default();
        let mut out = String::new();
        let mut chars = word.chars().peekable();
        while let Some(c) = chars.next() {
            romaniser.letter(c, chars.peek().copied(), |c| out.push(c));
        }
        out
    }

    #[test]
    fn words_are_written_as_in_chat() {
        for (word, chat) in [
            ("ভালো", "valo"),
            ("খারাপ", "kharap"),
            ("সুন্দর", "sundor"),
            ("করছে", "korche"),
            ("সরকার", "sorkar"),
            ("মন", "mon"),
            ("ভয়", "voy"),
            ("একা", "eka"),
            ("বই", "boi"),
            ("জন্য", "jonno"),
            ("শান্ত", "shanto"),
            ("रोना", "rona"),
            ("नहीं", "nahin"),
            ("मुझे", "mujhe"),
            ("खुश", "khush"),
        ] {
            assert_eq!(roman(word), chat, "{word}");
        }
    }

    #[test]
    fn what_follows_a_word_is_not_read_as_its_vowel() {
        for word in ["খবর", "মন", "नहीं", "मन"] {
            let alone = roman(word);
            for after in ['?', '@', 'K', '¿', 'ʿ', '🙂', '😂', '\u{e0041}'] {
                let mut romaniser = Romaniser::default();
                let mut out = String::new();
                let mut chars = word.chars().peekable();
                while let Some(c) = chars.next() {
                    let next = chars.peek().copied().or(Some(after));
                    romaniser.letter(c, next, |c| out.push(c));
                }
                assert_eq!(out, alone, "{word}{after}");
            }
        }
    }
}
