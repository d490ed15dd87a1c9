//! A reply as it can be stored: under the same rule as every message (`bondhu.text_fault`,
//! `message_can_be_read`).

use crate::characters::{is_stray_control, is_visible};
use crate::score::MAX_CHARS;

/// The longest message, in bytes of UTF-8.
const MAX_BYTES: usize = 24_000;

/// What a model wrote, as a message can hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storable {
    /// Without control characters and white space around it.
    pub text: String,
    /// Something of the end is missing.
    pub is_cut: bool,
}

/// Takes out what no message may hold, and cuts what is too long; `None` when nothing visible is left.
#[must_use]
pub fn storable(written: &str) -> Option<Storable> {
    let mut text = String::with_capacity(written.len().min(MAX_BYTES));
    let mut is_cut = false;
    let kept = written.trim().chars().filter(|&c| !is_stray_control(c));
    for (number, character) in kept.enumerate() {
        if number >= MAX_CHARS || text.len() + character.len_utf8() > MAX_BYTES {
            is_cut = true;
            break;
        }
        text.push(character);
    }
    let text = text.trim_end().to_owned();
    text.chars()
        .any(is_visible)
        .then_some(Storable { text, is_cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_message_may_hold_is_taken_out() {
        for (written, text) in [
            (" hi \n", Some("hi")),
            ("a\u{0}b\u{7}c\u{85}d", Some("abcd")),
            ("two\nlines\tand\r\n", Some("two\nlines\tand")),
            ("", None),
            (" \u{200B}\u{2800}\n", None),
        ] {
            let stored = storable(written);
            assert_eq!(
                stored.as_ref().map(|s| s.text.as_str()),
                text,
                "{written:?}"
            );
            assert!(stored.is_none_or(|stored| !stored.is_cut));
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        for (character, kept) in [("a", 8_000), ("ক", 8_000), ("🙂", 6_000)] {
            let stored = storable(&character.repeat(9_000));
            let stored = stored.map(|s| (s.text.chars().count(), s.is_cut));
            assert_eq!(stored, Some((kept, true)), "{character}");
        }
    }
}
