//! What characters are to the tokeniser, and what is more than a word at first sight.

use super::roman;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Word,
    Symbol,
    /// Punctuation that is looked at.
    Mark,
    Break,
    Space,
    Ignored,
}

/// The class of a character that is folded.
pub(super) fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Class::Word,
        ' ' => Class::Space,
        '.' | '!' | '?' | '…' | ':' | ';' | '=' | '<' | '>' | '@' => Class::Mark,
        '\0'..='\x7f' => match c {
            '\'' | '#' | '*' | '`' => Class::Ignored,
            ',' | '(' | ')' | '\n' => Class::Break,
            _ => Class::Space,
        },
        _ if is_dressing(c) => Class::Ignored,
        '।' | '॥' => Class::Break,
        // Devanagari and Bengali: vowel signs and virama belong to the word.
        _ if roman::is_indic(c) => Class::Word,
        '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' => Class::Symbol,
        _ if c.is_alphanumeric() => Class::Word,
        _ => Class::Space,
    }
}

/// Skin tones dress the symbol before them.
pub(super) fn is_dressing(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// What all hearts are folded to.
pub(super) const HEART: char = '❤';

/// What follows a heart of ASCII, "<3" or "<333", at the front of `rest`.
pub(super) fn heart(rest: &str) -> Option<&str> {
    let after = rest.strip_prefix("<3")?.trim_start_matches('3');
    (!after.starts_with(char::is_alphanumeric)).then_some(after)
}

/// Whether a link stands at the front of `rest`.
pub(super) fn is_link(rest: &str) -> bool {
    ["http", "www."].iter().any(|prefix| {
        rest.get(..4)
            .is_some_and(|front| front.eq_ignore_ascii_case(prefix))
    }) && rest.get(4..).is_some_and(|rest| {
        rest.starts_with("://")
            || rest.starts_with("s://")
            || rest.starts_with(char::is_alphanumeric)
    })
}
