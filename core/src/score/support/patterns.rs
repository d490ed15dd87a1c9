//! Patterns of words, and how they are matched: those of `data/support.txt`, whose head describes the language,
//! and those of others who look for something else.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::level::SupportLevel;
use crate::score::model::MODEL;
use crate::score::plain;
use crate::score::tokeniser::with_tokens;
use crate::score::tokens::Token;

const TEXT: &str = include_str!("../../../data/support.txt");

/// Words a gap may skip.
pub(super) const GAP: usize = 3;

/// Who one of the detector's patterns is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Nobody: a figure of speech.
    Nobody,
    /// Someone whom the writer knows.
    Other,
    /// The writer.
    Writer(SupportLevel),
}

/// A word, one of some words, or the end of a clause.
struct Element {
    /// Hashes of the words, any of which will do.
    words: Box<[u32]>,
    /// The end of a clause will do too.
    end: bool,
    optional: bool,
    /// Up to [`GAP`] words of the clause instead.
    gap: bool,
}

struct Pattern<M> {
    meaning: M,
    rest: Box<[Element]>,
}

/// The patterns, found by the hash of the word that they begin with.
pub(crate) struct Patterns<M> {
    /// Where in `firsts` the hashes with these high bits start.
    starts: Box<[u16]>,
    /// Hash of a first word and position of a pattern.
    firsts: Vec<(u32, u16)>,
    patterns: Vec<Pattern<M>>,
}

const BUCKET_BITS: u32 = 12;

const fn bucket_of(hash: u32) -> usize {
    (hash >> (32 - BUCKET_BITS)) as usize
}

/// The patterns, read once a process.
pub(super) static PATTERNS: LazyLock<Patterns<About>> =
    LazyLock::new(|| Patterns::read(TEXT, About::of_kind));

impl About {
    fn of_kind(kind: &str) -> Self {
        match kind {
            "safe" => Self::Nobody,
            "other" => Self::Other,
            _ => Self::Writer(SupportLevel::parse(kind).unwrap_or(SupportLevel::None)),
        }
    }
}

impl<M: Copy> Patterns<M> {
    /// Reads a file of patterns; `meaning` says what the first word of a line stands for.
    pub(crate) fn read(text: &str, meaning: impl Fn(&str) -> M) -> Self {
        let mut sets = HashMap::new();
        let (mut firsts, mut patterns) = (Vec::new(), Vec::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((kind, rest)) = line.split_once(' ') else {
                continue;
            };
            if kind == "set" {
                let (name, words) = rest.split_once(' ').unwrap_or((rest, ""));
                let hashes: Vec<u32> = words.split(' ').map(hash_of).collect();
                sets.insert(name, hashes);
                continue;
            }
            let mut elements = rest.split(' ').map(|text| element(text, &sets));
            let Some(first) = elements.next() else {
                continue;
            };
            let number = patterns.len() as u16;
            firsts.extend(first.words.iter().map(|&hash| (hash, number)));
            patterns.push(Pattern {
                meaning: meaning(kind),
                rest: elements.collect(),
            });
        }
        firsts.sort_unstable();
        firsts.dedup();
        let starts = (0..=1 << BUCKET_BITS)
            .map(|bucket| firsts.partition_point(|&(hash, _)| bucket_of(hash) < bucket) as u16)
            .collect();
        Self {
            starts,
            firsts,
            patterns,
        }
    }

    /// Calls `found` with the end of every match that starts at `start`, and what it means.
    pub(crate) fn at(&self, words: &[Token], start: usize, mut found: impl FnMut(usize, M)) {
        let Some(first) = words.get(start) else {
            return;
        };
        let bucket = bucket_of(first.hash);
        let bounds = (self.starts.get(bucket), self.starts.get(bucket + 1));
        let (Some(&from), Some(&to)) = bounds else {
            return;
        };
        let firsts = self.firsts.get(usize::from(from)..usize::from(to));
        for &(hash, pattern) in firsts.unwrap_or(&[]) {
            if hash == first.hash
                && let Some(pattern) = self.patterns.get(usize::from(pattern))
                && let Some(end) = matched(&pattern.rest, words, start + 1)
            {
                found(end, pattern.meaning);
            }
        }
    }
}

impl Patterns<About> {
    /// The patterns as plain numbers.
    pub(super) fn as_plain(&self) -> Vec<plain::Pattern> {
        let numbered = self.patterns.iter().zip(0_u16..);
        numbered
            .map(|(pattern, number)| self.plain(pattern, number))
            .collect()
    }

    fn plain(&self, pattern: &Pattern<About>, number: u16) -> plain::Pattern {
        let firsts = self.firsts.iter().filter(|&&(_, of)| of == number);
        let element = |element: &Element| plain::Element {
            words: element.words.to_vec(),
            end: element.end,
            optional: element.optional,
            gap: element.gap,
        };
        plain::Pattern {
            about: match pattern.meaning {
                About::Nobody | About::Writer(SupportLevel::None) => 0,
                About::Other => 1,
                About::Writer(SupportLevel::Support) => 2,
                About::Writer(SupportLevel::Crisis) => 3,
            },
            firsts: firsts.map(|&(hash, _)| hash).collect(),
            rest: pattern.rest.iter().map(element).collect(),
        }
    }
}

fn element(text: &str, sets: &HashMap<&str, Vec<u32>>) -> Element {
    let (text, optional) = match text.strip_suffix('?') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let words = text
        .split('|')
        .filter(|&word| word != "$" && word != "_")
        .flat_map(|word| match word.strip_prefix('@') {
            Some(set) => sets.get(set).cloned().unwrap_or_default(),
            None => vec![hash_of(word)],
        })
        .collect();
    Element {
        words,
        end: text.split('|').any(|word| word == "$"),
        optional,
        gap: text == "_",
    }
}

/// Hash of a pattern's word, which may be in any script.
fn hash_of(word: &str) -> u32 {
    with_tokens(word, &MODEL.lexicon, |tokens| {
        tokens.list().first().map_or(0, |token| token.hash)
    })
}

/// Where a match of `rest` from `at` on ends. A pattern has a handful of elements, so the
/// recursion is shallow and the work for a start bounded.
fn matched(rest: &[Element], words: &[Token], at: usize) -> Option<usize> {
    let Some((element, rest)) = rest.split_first() else {
        return Some(at);
    };
    let ended = |at: usize| at >= words.len() || words.get(at - 1).is_none_or(|t| t.ends_clause);
    if element.gap {
        return (at..=(at + GAP).min(words.len()))
            .take_while(|&next| next == at || !ended(next))
            .find_map(|next| matched(rest, words, next));
    }
    let word = words
        .get(at)
        .filter(|word| element.words.contains(&word.hash));
    word.and_then(|_| matched(rest, words, at + 1)).or_else(|| {
        (element.optional || element.end && ended(at)).then(|| matched(rest, words, at))?
    })
}

#[cfg(test)]
mod tests {
    use super::{PATTERNS, TEXT};

    #[test]
    fn every_line_is_a_comment_a_set_or_a_pattern_of_known_words() {
        let mut sets = Vec::new();
        for line in TEXT
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(!words.contains(&""), "two spaces: {line}");
            if words[0] == "set" {
                sets.push(words[1]);
                continue;
            }
            assert!(
                ["safe", "other", "crisis", "support"].contains(&words[0]),
                "{line}"
            );
            for name in line
                .split([' ', '|', '?'])
                .filter_map(|w| w.strip_prefix('@'))
            {
                assert!(sets.contains(&name), "{line}: @{name}");
            }
        }
        assert!(PATTERNS.firsts.len() < usize::from(u16::MAX));
    }
}
