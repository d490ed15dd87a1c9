//! Detects messages of people who may need help, in English, Banglish, Bangla, Hinglish and
//! Hindi. Explicit patterns, tuned to miss little; sentiment cannot find these people.
//! It is not a diagnosis and must never be presented as one.

use std::sync::LazyLock;

use super::hash::WordHash;
use super::tokens::{Token, Tokens};

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
    Word(Box<[u32]>),
    Optional(Box<[u32]>),
    Gap,
}

struct Pattern {
    /// None: a figure of speech.
    level: Option<SupportLevel>,
    rest: Box<[Element]>,
}

/// Patterns under the hash of each word they may begin with.
struct Index {
    /// Where the patterns of hashes with these high bits start.
    starts: [u16; BUCKETS + 1],
    /// Hash of the first word and position of the pattern.
    firsts: Vec<(u32, u16)>,
    patterns: Vec<Pattern>,
}

const BUCKET_BITS: u32 = 10;
const BUCKETS: usize = 1 << BUCKET_BITS;

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let (mut firsts, mut patterns) = (Vec::new(), Vec::new());
    for line in PATTERNS.lines().filter(|line| !line.starts_with('#')) {
        let Some((level, pattern)) = line.split_once('\t') else {
            continue;
        };
        let (first, rest) = pattern.split_once(' ').unwrap_or((pattern, ""));
        firsts.extend(first.split('|').map(|word| (hash_of(word), patterns.len() as u16)));
        patterns.push(Pattern {
            level: SupportLevel::parse(level),
            rest: rest.split(' ').filter(|text| !text.is_empty()).map(element).collect(),
        });
    }
    firsts.sort_unstable();
    let mut starts = [0; BUCKETS + 1];
    for (bucket, start) in starts.iter_mut().enumerate() {
        *start = firsts.partition_point(|&(hash, _)| bucket_of(hash) < bucket) as u16;
    }
    Index {
        starts,
        firsts,
        patterns,
    }
});

/// Hash of a word of a pattern, which may be in any script.
fn hash_of(word: &str) -> u32 {
    super::MODEL.with_tokens(word, |tokens| tokens.list().first().map_or(0, |token| token.hash))
}

const fn bucket_of(hash: u32) -> usize {
    (hash >> (32 - BUCKET_BITS)) as usize
}

fn element(text: &str) -> Element {
    let hashes = |words: &str| words.split('|').map(hash_of).collect();
    match text.strip_suffix('?') {
        _ if text == "_" => Element::Gap,
        Some(optional) => Element::Optional(hashes(optional)),
        None => Element::Word(hashes(text)),
    }
}

/// The highest level seen in the message.
pub(crate) fn detect(tokens: &Tokens) -> SupportLevel {
    let index = &*INDEX;
    let words = tokens.list();
    let mut found = SupportLevel::None;
    let mut safe_until = 0;
    for start in 0..words.len() {
        let (end, level) = strongest_at(index, words, start);
        if level.is_none() {
            safe_until = safe_until.max(end);
        }
        if let Some(level) = level
            && level > found
            && start >= safe_until
            && !is_denied(words, start)
        {
            found = level;
        }
    }
    if found == SupportLevel::Crisis && is_past(words) {
        SupportLevel::Support
    } else {
        found
    }
}

/// End and level of the match at `start`: a figure of speech (none) before anything else.
fn strongest_at(index: &Index, words: &[Token], start: usize) -> (usize, Option<SupportLevel>) {
    let mut strongest = (start, Some(SupportLevel::None));
    let Some(first) = words.get(start) else {
        return strongest;
    };
    let bucket = bucket_of(first.hash);
    let range = usize::from(index.starts[bucket])..usize::from(index.starts[bucket + 1]);
    for &(hash, pattern) in index.firsts.get(range).unwrap_or(&[]) {
        if hash == first.hash
            && let Some(pattern) = index.patterns.get(usize::from(pattern))
            && let Some(end) = matches(&pattern.rest, words, start + 1)
        {
            if pattern.level.is_none() {
                return (end, None);
            }
            if pattern.level > strongest.1 {
                strongest = (end, pattern.level);
            }
        }
    }
    strongest
}

/// Where a match of `rest` from `at` on ends. Patterns have at most a handful of gaps.
fn matches(rest: &[Element], words: &[Token], at: usize) -> Option<usize> {
    let Some((element, rest)) = rest.split_first() else {
        return Some(at);
    };
    let is_one_of =
        |choices: &[u32]| words.get(at).is_some_and(|word| choices.contains(&word.hash));
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

const fn word(text: &str) -> u32 {
    WordHash::of_ascii(text)
}

/// "i would never kill myself". The search back ends where a new statement begins, so that
/// "i can't, i want to die" is heard; "can't stop …" denies nothing.
fn is_denied(words: &[Token], start: usize) -> bool {
    const STATEMENT: [u32; 5] = [word("i"), word("im"), word("and"), word("but"), word("just")];
    const DENIAL: [u32; 10] = [
        word("never"), word("not"), word("dont"), word("didnt"), word("wont"), word("wouldnt"),
        word("no"), word("isnt"), word("arent"), word("without"),
    ];
    const NO_DENIAL: [u32; 5] = [word("stop"), word("only"), word("just"), word("sure"), word("help")];
    for at in (start.saturating_sub(NEGATION_REACH)..start).rev() {
        let Some(token) = words.get(at) else {
            return false;
        };
        if token.ends_clause || STATEMENT.contains(&token.hash) {
            return false;
        }
        if DENIAL.contains(&token.hash) {
            return !words.get(at + 1).is_some_and(|next| NO_DENIAL.contains(&next.hash));
        }
    }
    false
}

/// Told as past and not as back again: "i used to cut myself".
fn is_past(words: &[Token]) -> bool {
    const PAST: [[u32; 2]; 4] = [
        [word("used"), word("to")],
        [word("years"), word("ago")],
        [word("back"), word("then")],
        [word("last"), word("year")],
    ];
    const AGAIN: [u32; 5] = [word("again"), word("still"), word("now"), word("today"), word("tonight")];
    let past = words
        .windows(2)
        .any(|pair| PAST.contains(&[pair[0].hash, pair[1].hash]));
    past && !words.iter().any(|word| AGAIN.contains(&word.hash))
}

#[cfg(test)]
mod tests {
    use super::SupportLevel;

    fn level(text: &str) -> SupportLevel {
        crate::score::score(text).support
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
