//! A text with every character folded.

use super::fold;

/// The buffer that a text is folded into, kept between texts so that nothing has to be
/// allocated.
#[derive(Debug, Default)]
pub struct FoldBuffer {
    text: String,
    /// Characters of `text`.
    length: usize,
}

const VIRAMA: char = '\u{94d}';
const BENGALI_VIRAMA: char = '\u{9cd}';
const VIRAMAS: [char; 2] = [VIRAMA, BENGALI_VIRAMA];
const NUKTA: char = '\u{93c}';
const BENGALI_NUKTA: char = '\u{9bc}';

// Bengali vowel signs, of which two may come in two parts: "ে" and "া" are "ো".
const A: char = '\u{9be}';
const E: char = '\u{9c7}';
const O: char = '\u{9cb}';
const AU: char = '\u{9cc}';
const AU_LENGTH: char = '\u{9d7}';

impl FoldBuffer {
    /// `text` with every character folded, or at least the first `most` of what that gives.
    /// Most texts are as they are read, and come back themselves.
    pub fn fold<'a>(&'a mut self, text: &'a str, most: usize) -> &'a str {
        if text.is_ascii() {
            return text;
        }
        let mut change = first_change(text, None);
        if change.is_none() {
            return text;
        }
        self.text.clear();
        self.length = 0;
        let mut rest = text;
        // One more than `most`, since a character can still change the one before it.
        while self.length <= most {
            let (same, changed) = rest.split_at(change.unwrap_or(rest.len()));
            self.text.push_str(same);
            self.length += same.chars().count();
            let mut chars = changed.chars();
            let Some(c) = chars.next() else {
                break;
            };
            match (fold(c), syllable(c)) {
                (Some(folded), _) => folded.iter().for_each(|&c| self.push(c)),
                (None, Some(number)) => letters(number).for_each(|c| self.push(c)),
                (None, None) => self.push(c),
            }
            rest = chars.as_str();
            change = first_change(rest, self.text.chars().next_back());
        }
        &self.text
    }

    fn push(&mut self, c: char) {
        let last = self.text.chars().next_back();
        match settled(last, c) {
            Settled::Yes => {
                self.text.push(c);
                self.length += 1;
            }
            Settled::Again => {}
            Settled::Before(virama) => {
                self.text.pop();
                self.text.extend([c, virama]);
                self.length += 1;
            }
            Settled::Both(both) => {
                self.text.pop();
                self.text.push(both);
            }
        }
    }
}

/// How a character stands to the one before it.
enum Settled {
    Yes,
    /// A second virama says nothing.
    Again,
    /// A nukta belongs before the virama: both orders are one text.
    Before(char),
    /// The two are one sign.
    Both(char),
}

#[inline]
fn settled(last: Option<char>, c: char) -> Settled {
    let virama = || last.filter(|last| VIRAMAS.contains(last));
    match c {
        VIRAMA | BENGALI_VIRAMA if virama().is_some() => Settled::Again,
        NUKTA | BENGALI_NUKTA => virama().map_or(Settled::Yes, Settled::Before),
        A if last == Some(E) => Settled::Both(O),
        AU_LENGTH if last == Some(E) => Settled::Both(AU),
        _ => Settled::Yes,
    }
}

/// The letters of a Hangul syllable (The Unicode Standard, 3.12).
fn letters(number: u32) -> impl Iterator<Item = char> {
    let last = Some(0x11a7 + number % 28).filter(|&last| last > 0x11a7);
    let letters = [
        Some(0x1100 + number / (21 * 28)),
        Some(0x1161 + number / 28 % 21),
        last,
    ];
    letters.into_iter().flatten().filter_map(char::from_u32)
}

/// Number of a Hangul syllable.
const fn syllable(c: char) -> Option<u32> {
    match c {
        '\u{ac00}'..='\u{d7a3}' => Some(c as u32 - 0xac00),
        _ => None,
    }
}

/// Where the first character starts that is not read as it is, after `last`.
fn first_change(text: &str, mut last: Option<char>) -> Option<usize> {
    text.char_indices().find_map(|(at, c)| {
        let last = last.replace(c);
        let same = c.is_ascii()
            || fold(c).is_none()
                && syllable(c).is_none()
                && matches!(settled(last, c), Settled::Yes);
        (!same).then_some(at)
    })
}

/// The signs' codes and what templates call them.
pub(crate) fn constants() -> [(&'static str, i64); 9] {
    [
        ("VIRAMA", VIRAMA),
        ("BENGALI_VIRAMA", BENGALI_VIRAMA),
        ("NUKTA", NUKTA),
        ("BENGALI_NUKTA", BENGALI_NUKTA),
        ("SIGN_A", A),
        ("SIGN_E", E),
        ("SIGN_O", O),
        ("SIGN_AU", AU),
        ("AU_LENGTH", AU_LENGTH),
    ]
    .map(|(name, c)| (name, i64::from(u32::from(c))))
}
