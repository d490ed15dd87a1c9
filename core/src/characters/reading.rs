//! A text as it is read: every character folded.

use super::fold;

/// The buffer that a text is folded into, kept between texts so that nothing has to be
/// allocated.
#[derive(Debug, Default)]
pub struct Reading {
    text: String,
    /// Characters of `text`.
    length: usize,
}

const VIRAMAS: [char; 2] = ['\u{94d}', '\u{9cd}'];
const NUKTAS: [char; 2] = ['\u{93c}', '\u{9bc}'];

/// Bengali vowel signs in two parts: "ে" and "া" are "ো".
const TWO_PARTS: [(char, char, char); 2] = [
    ('\u{9c7}', '\u{9be}', '\u{9cb}'),
    ('\u{9c7}', '\u{9d7}', '\u{9cc}'),
];

impl Reading {
    /// `text` with every character folded, or at least the first `most` of what that gives.
    /// Most texts are as they are read, and come back themselves.
    pub fn of<'a>(&'a mut self, text: &'a str, most: usize) -> &'a str {
        let Some(at) = first_change(text) else {
            return text;
        };
        let (same, rest) = text.split_at(at);
        self.text.clear();
        self.text.push_str(same);
        self.length = same.chars().count();
        for c in rest.chars() {
            // One more, since a character can still change the one before it.
            if self.length > most {
                break;
            }
            match (fold(c), syllable(c)) {
                (Some(folded), _) => folded.iter().for_each(|&c| self.push(c)),
                (None, Some(number)) => letters(number).for_each(|c| self.push(c)),
                (None, None) => self.push(c),
            }
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
    // All that follows is about signs from nukta to length mark, in either block.
    if !matches!(c, '\u{93c}'..='\u{94d}' | '\u{9bc}'..='\u{9d7}') {
        return Settled::Yes;
    }
    let virama = last.filter(|last| VIRAMAS.contains(last));
    if let Some(virama) = virama {
        if VIRAMAS.contains(&c) {
            return Settled::Again;
        }
        if NUKTAS.contains(&c) {
            return Settled::Before(virama);
        }
    }
    let parts = TWO_PARTS.iter();
    let mut both = parts.filter(|&&(first, second, _)| last == Some(first) && c == second);
    both.next()
        .map_or(Settled::Yes, |&(_, _, both)| Settled::Both(both))
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

/// Where the first character starts that is not read as it is.
fn first_change(text: &str) -> Option<usize> {
    if text.is_ascii() {
        return None;
    }
    let mut last = None;
    text.char_indices().find_map(|(at, c)| {
        let last = last.replace(c);
        let same = c.is_ascii()
            || fold(c).is_none()
                && syllable(c).is_none()
                && matches!(settled(last, c), Settled::Yes);
        (!same).then_some(at)
    })
}
