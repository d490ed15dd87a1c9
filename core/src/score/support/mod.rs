//! Detects messages of people who may need help, in English, Banglish, Bangla, Hinglish and
//! Hindi. Explicit patterns, tuned to miss little; sentiment cannot find these people.
//! It is not a diagnosis and must never be presented as one.

mod level;
pub(crate) mod patterns;

pub use level::SupportLevel;

use super::hash::WordHash;
use super::plain::{Named, Pattern, WordSet};
use super::tokens::{Token, Tokens};
use patterns::{About, PATTERNS, Patterns};

/// Words before a match in which a negation counts.
const NEGATION_REACH: usize = 4;

/// Words before a match at which a figure of speech that covers it may start.
const LONGEST_PATTERN: usize = 16;

/// The highest level seen in the message.
pub(crate) fn detect(tokens: &Tokens) -> SupportLevel {
    let patterns = &*PATTERNS;
    let words = tokens.list();
    let mut highest = SupportLevel::None;
    for start in 0..words.len() {
        patterns.at(words, start, |end, about| {
            let level = match about {
                About::Nobody => SupportLevel::None,
                About::Other => SupportLevel::Support,
                About::Writer(level) => level,
            };
            if level > highest && !is_denied(words, start, end) {
                highest = highest.max(weighed(patterns, words, start..end, level));
            }
        });
    }
    if highest == SupportLevel::Crisis && is_past(words) {
        SupportLevel::Support
    } else {
        highest
    }
}

/// The level of a match, given the figures of speech and other people it overlaps with.
fn weighed(
    patterns: &Patterns<About>,
    words: &[Token],
    span: std::ops::Range<usize>,
    level: SupportLevel,
) -> SupportLevel {
    let mut weighed = level;
    for start in span.start.saturating_sub(LONGEST_PATTERN)..span.end {
        patterns.at(words, start, |end, about| {
            if end > span.start {
                weighed = match about {
                    About::Nobody => SupportLevel::None,
                    About::Other => weighed.min(SupportLevel::Support),
                    About::Writer(_) => weighed,
                };
            }
        });
    }
    weighed
}

const fn word(text: &str) -> u32 {
    WordHash::of_ascii(text)
}

/// Words that a new statement begins with.
const STATEMENT: [u32; 5] = [
    word("i"),
    word("im"),
    word("and"),
    word("but"),
    word("just"),
];
/// Words that deny what follows.
const DENIAL: [u32; 12] = [
    word("never"),
    word("not"),
    word("dont"),
    word("didnt"),
    word("wont"),
    word("wouldnt"),
    word("no"),
    word("isnt"),
    word("arent"),
    word("without"),
    word("kokhono"),
    word("kabhi"),
];
/// Words that keep a denial before them from denying.
const NO_DENIAL: [u32; 7] = [
    word("stop"),
    word("only"),
    word("just"),
    word("sure"),
    word("help"),
    word("one"),
    word("not"),
];
/// Words that deny what precedes.
const DENIAL_AFTER: [u32; 6] = [
    word("na"),
    word("nai"),
    word("nahi"),
    word("nhi"),
    word("nahin"),
    word("noy"),
];

/// "i would never kill myself", "morte chai na". The search back ends where a new statement
/// begins, so that "i can't, i want to die" is heard; "can't stop …" denies nothing.
fn is_denied(words: &[Token], start: usize, end: usize) -> bool {
    let at = |index: usize| words.get(index).map_or(0, |word| word.hash);
    let same_clause = end > start && words.get(end - 1).is_some_and(|word| !word.ends_clause);
    if same_clause && DENIAL_AFTER.contains(&at(end)) {
        return true;
    }
    for before in (start.saturating_sub(NEGATION_REACH)..start).rev() {
        let ends_clause = words.get(before).is_none_or(|word| word.ends_clause);
        if ends_clause || STATEMENT.contains(&at(before)) {
            return false;
        }
        if DENIAL.contains(&at(before)) {
            return !NO_DENIAL.contains(&at(before + 1));
        }
    }
    false
}

const PAST: [[u32; 2]; 6] = [
    [word("used"), word("to")],
    [word("years"), word("ago")],
    [word("year"), word("ago")],
    [word("back"), word("then")],
    [word("last"), word("year")],
    [word("in"), word("past")],
];
const AGAIN: [u32; 6] = [
    word("again"),
    word("still"),
    word("now"),
    word("today"),
    word("tonight"),
    word("anymore"),
];

/// Told as past and not as back again: "i used to cut myself".
fn is_past(words: &[Token]) -> bool {
    let past = words
        .windows(2)
        .any(|pair| matches!(pair, [first, second] if PAST.contains(&[first.hash, second.hash])));
    past && !words.iter().any(|word| AGAIN.contains(&word.hash))
}

/// The sets of words, for [`super::blueprint`]; of those of the past a word and the next one.
pub(super) fn word_sets() -> Vec<WordSet> {
    let mut sets = vec![
        ("STATEMENT", STATEMENT.to_vec()),
        ("DENIAL", DENIAL.to_vec()),
        ("NO_DENIAL", NO_DENIAL.to_vec()),
        ("DENIAL_AFTER", DENIAL_AFTER.to_vec()),
        ("AGAIN", AGAIN.to_vec()),
    ];
    let past = |place: usize| PAST.iter().map(move |pair| vec![pair[place]]);
    sets.extend(past(0).map(|words| ("PAST", words)));
    sets.extend(past(1).map(|words| ("PAST_NEXT", words)));
    sets
}

/// The reaches, for [`super::blueprint`].
pub(super) const fn constants() -> [Named; 4] {
    [
        ("NEGATION_REACH", NEGATION_REACH as i64),
        ("LONGEST_PATTERN", LONGEST_PATTERN as i64),
        ("GAP", patterns::GAP as i64),
        ("PASTS", PAST.len() as i64),
    ]
}

/// The patterns, for [`super::blueprint`].
pub(super) fn patterns() -> Vec<Pattern> {
    PATTERNS.as_plain()
}
