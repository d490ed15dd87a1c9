//! Detects messages of people who may need help, in English, Banglish, Bangla, Hinglish and
//! Hindi. Explicit patterns, tuned to miss little; sentiment cannot find these people.
//! It is not a diagnosis and must never be presented as one.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::token::Tokens;

/// What the detector saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SupportLevel {
    /// Nothing.
    None,
    /// Signs of distress.
    Support,
    /// Signs of danger to life: self-harm or a wish to die.
    Crisis,
}

impl SupportLevel {
    /// The name stored in `chat_messages.support_level`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Support => "support",
            Self::Crisis => "crisis",
        }
    }

    /// The level of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::None, Self::Support, Self::Crisis]
            .into_iter()
            .find(|level| level.as_str() == name)
    }
}

const PATTERNS: &str = include_str!("../../data/support.tsv");

/// Words a gap may skip.
const GAP: usize = 3;

/// Words before a match in which a negation counts.
const NEGATION_REACH: usize = 4;

enum Element {
    Word(Vec<&'static str>),
    Optional(Vec<&'static str>),
    Gap,
}

struct Pattern {
    /// Null: a figure of speech.
    level: Option<SupportLevel>,
    rest: Vec<Element>,
}

/// Patterns under each word they may begin with, sorted by it.
static INDEX: LazyLock<Vec<(&'static str, Pattern)>> = LazyLock::new(|| {
    let mut index: Vec<_> = PATTERNS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(patterns)
        .collect();
    index.sort_by_key(|&(word, _)| word);
    index
});

fn patterns(line: &'static str) -> Vec<(&'static str, Pattern)> {
    let Some((level, pattern)) = line.split_once('\t') else {
        return Vec::new();
    };
    let (first, rest) = pattern.split_once(' ').unwrap_or((pattern, ""));
    let element = |text: &'static str| match text.strip_suffix('?') {
        _ if text == "_" => Element::Gap,
        Some(optional) => Element::Optional(optional.split('|').collect()),
        None => Element::Word(text.split('|').collect()),
    };
    first
        .split('|')
        .map(|word| {
            let rest = rest
                .split(' ')
                .filter(|text| !text.is_empty())
                .map(element)
                .collect();
            (
                word,
                Pattern {
                    level: SupportLevel::parse(level),
                    rest,
                },
            )
        })
        .collect()
}

/// The highest level seen in the message.
pub(crate) fn detect(tokens: &Tokens) -> SupportLevel {
    let words: Vec<Cow<'_, str>> = (0..tokens.len())
        .map(|index| bare(tokens.word(index)))
        .collect();
    let mut found = SupportLevel::None;
    let mut safe_until = 0;
    for start in 0..words.len() {
        let (end, level) = strongest_at(&words, start);
        if level.is_none() {
            safe_until = safe_until.max(end);
        }
        if let Some(level) = level
            && level > found
            && start >= safe_until
            && !is_denied(tokens, &words, start)
        {
            found = level;
        }
    }
    if found == SupportLevel::Crisis && is_past(&words) {
        SupportLevel::Support
    } else {
        found
    }
}

/// End and level of the match at `start`: a figure of speech (null) before anything else.
fn strongest_at(words: &[Cow<'_, str>], start: usize) -> (usize, Option<SupportLevel>) {
    let Some(first) = words.get(start) else {
        return (start, Some(SupportLevel::None));
    };
    let from = INDEX.partition_point(|&(word, _)| word < first.as_ref());
    let mut strongest = (start, Some(SupportLevel::None));
    for (_, pattern) in INDEX
        .iter()
        .skip(from)
        .take_while(|(word, _)| *word == first.as_ref())
    {
        if let Some(end) = matches(&pattern.rest, words, start + 1) {
            if pattern.level.is_none() {
                return (end, None);
            }
            strongest = strongest.max_by_level((end, pattern.level));
        }
    }
    strongest
}

trait MaxByLevel {
    fn max_by_level(self, other: Self) -> Self;
}

impl MaxByLevel for (usize, Option<SupportLevel>) {
    fn max_by_level(self, other: Self) -> Self {
        if other.1 > self.1 { other } else { self }
    }
}

/// Where a match of `rest` from `at` on ends. Patterns have at most a handful of gaps.
fn matches(rest: &[Element], words: &[Cow<'_, str>], at: usize) -> Option<usize> {
    let Some((element, rest)) = rest.split_first() else {
        return Some(at);
    };
    let is_one_of = |choices: &[&str]| {
        words
            .get(at)
            .is_some_and(|word| choices.contains(&word.as_ref()))
    };
    match element {
        Element::Word(choices) => is_one_of(choices)
            .then(|| matches(rest, words, at + 1))
            .flatten(),
        Element::Optional(choices) => is_one_of(choices)
            .then(|| matches(rest, words, at + 1))
            .flatten()
            .or_else(|| matches(rest, words, at)),
        Element::Gap => {
            (at..=(at + GAP).min(words.len())).find_map(|next| matches(rest, words, next))
        }
    }
}

/// "i would never kill myself". The search back ends where a new statement begins, so that
/// "i can't, i want to die" is heard; "can't stop …" denies nothing.
fn is_denied(tokens: &Tokens, words: &[Cow<'_, str>], start: usize) -> bool {
    for at in (start.saturating_sub(NEGATION_REACH)..start).rev() {
        let word = words.get(at).map_or("", AsRef::as_ref);
        if tokens.get(at).is_none_or(|token| token.ends_clause)
            || matches!(word, "i" | "im" | "and" | "but" | "just")
        {
            return false;
        }
        let next = words.get(at + 1).map_or("", AsRef::as_ref);
        if matches!(
            word,
            "never"
                | "not"
                | "dont"
                | "didnt"
                | "wont"
                | "wouldnt"
                | "no"
                | "isnt"
                | "arent"
                | "without"
        ) {
            return !matches!(next, "stop" | "only" | "just" | "sure" | "help");
        }
    }
    false
}

/// Told as past and not as back again: "i used to cut myself".
fn is_past(words: &[Cow<'_, str>]) -> bool {
    let said = |phrase: &[&str]| {
        words
            .windows(phrase.len())
            .any(|window| window.iter().eq(phrase))
    };
    let past = said(&["used", "to"])
        || said(&["years", "ago"])
        || said(&["back", "then"])
        || said(&["last", "year"]);
    let again = ["again", "still", "now", "today", "tonight"]
        .iter()
        .any(|word| words.iter().any(|said| said == word));
    past && !again
}

fn bare(word: &str) -> Cow<'_, str> {
    if word.contains('\'') {
        Cow::Owned(word.replace('\'', ""))
    } else {
        Cow::Borrowed(word)
    }
}

#[cfg(test)]
mod tests {
    use super::{SupportLevel, detect};
    use crate::score::token::Tokens;

    fn level(text: &str) -> SupportLevel {
        detect(&Tokens::of(text))
    }

    #[test]
    fn a_wish_to_die_is_a_crisis_in_each_language() {
        for text in [
            "I don’t want to be alive anymore",
            "i want to kill myself",
            "i wanna die fr",
            "everyone would be better off without me",
            "i can't stop thinking about killing myself",
            "i can't, i want to die",
            "wish i could just go to sleep and never wake up",
            "what's the point of living",
            "ami ar bachte chai na",
            "morte ichche kore",
            "আমি আর বাঁচতে চাই না",
            "jeene ka mann nahi karta",
            "mujhe marna hai",
            "मैं मरना चाहता हूँ",
        ] {
            assert_eq!(level(text), SupportLevel::Crisis, "{text}");
        }
    }

    #[test]
    fn figures_of_speech_are_not_a_crisis() {
        for text in [
            "kill the process and restart it",
            "i'm dead lmao",
            "this traffic is killing me",
            "i'm dying to see that movie",
            "that joke killed me lol",
            "the suicide squad movie was fun",
            "cut myself while chopping onions, all good now",
            "i want to die of embarrassment",
            "i could kill for a pizza right now",
            "our history essay is about suicide prevention policy",
        ] {
            assert_eq!(level(text), SupportLevel::None, "{text}");
        }
    }

    #[test]
    fn what_is_denied_is_not_a_crisis_and_what_is_past_is_support() {
        assert_eq!(level("i would never kill myself"), SupportLevel::None);
        assert_eq!(level("don't worry, i'm not suicidal"), SupportLevel::None);
        assert_eq!(
            level("i used to cut myself, years ago"),
            SupportLevel::Support
        );
        assert_eq!(
            level("i used to cut myself and i do it again"),
            SupportLevel::Crisis
        );
    }

    #[test]
    fn distress_without_danger_is_support() {
        for text in [
            "i hate myself",
            "having a panic attack",
            "i have no one to talk to",
            "khub eka lagche aajke",
            "খুব একা লাগে",
        ] {
            assert_eq!(level(text), SupportLevel::Support, "{text}");
        }
    }
}
