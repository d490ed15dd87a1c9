//! Valence and moods of the tokens in context: negation, degree, contrast, emphasis.
//!
//! After VADER (Hutto & Gilbert 2014), whose constants are kept in thousandths of its
//! valence scale, with negation that follows the word (Bangla, Hindi) added.

use super::lexicon::{self, Entry, LONGEST_PHRASE};
use super::token::Tokens;
use crate::mood::{MOODS, Mood};

/// What the tokens add up to.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Sum of valences in thousandths, open-ended.
    pub(crate) valence: i64,
    /// Weight of each mood, in hundredths.
    pub(crate) moods: [i64; MOODS],
}

const NEGATORS: [&str; 30] = [
    "aint", "arent", "cannot", "cant", "couldnt", "didnt", "doesnt", "dont", "hadnt", "hardly",
    "hasnt", "havent", "isnt", "neither", "never", "no", "nobody", "none", "nor", "not", "nothing",
    "rarely", "seldom", "shouldnt", "wasnt", "werent", "without", "wont", "wouldnt", "mat",
];

/// Negation that stands after what it negates.
const POST_NEGATORS: [&str; 15] = [
    "na",
    "nai",
    "nei",
    "noy",
    "ni",
    "nahi",
    "nahin",
    "nhi",
    "না",
    "নাই",
    "নেই",
    "নয়",
    "নয়",
    "नहीं",
    "नही",
];

const BOOSTERS: [&str; 38] = [
    "absolutely",
    "amazingly",
    "awfully",
    "bahut",
    "bohot",
    "completely",
    "deeply",
    "ekdom",
    "enormously",
    "entirely",
    "especially",
    "exceptionally",
    "extremely",
    "fucking",
    "fully",
    "hella",
    "incredibly",
    "insanely",
    "khub",
    "literally",
    "most",
    "onek",
    "particularly",
    "quite",
    "really",
    "so",
    "soo",
    "super",
    "thoroughly",
    "too",
    "totally",
    "unbelievably",
    "utterly",
    "very",
    "অনেক",
    "খুব",
    "बहुत",
    "weirdly",
];

const DAMPENERS: [&str; 14] = [
    "almost",
    "barely",
    "bit",
    "ektu",
    "kinda",
    "less",
    "little",
    "partly",
    "scarcely",
    "slightly",
    "somewhat",
    "sorta",
    "thoda",
    "একটু",
];

const CONTRASTS: [&str; 11] = [
    "but",
    "however",
    "kintu",
    "lekin",
    "magar",
    "though",
    "yet",
    "কিন্তু",
    "তবে",
    "लेकिन",
    "मगर",
];

// VADER's constants, in thousandths.
const BOOST: i64 = 293;
const SHOUT: i64 = 733;
const NEGATED: i64 = -740;
/// "not bad" is weaker than "good".
const NEGATED_BAD: i64 = -400;
const EXCLAMATION: i64 = 292;
/// How many tokens negation and degree reach.
const REACH: usize = 3;

/// Reads `tokens` once; the work for each is bounded.
pub(crate) fn read(tokens: &Tokens) -> Reading {
    let turn = (0..tokens.len()).rfind(|&index| CONTRASTS.contains(&tokens.word(index)));
    let mut reading = Reading::default();
    let mut index = 0;
    while index < tokens.len() {
        let (length, Some(entry)) = entry_at(tokens, index) else {
            index += 1;
            continue;
        };
        let (mut valence, sign) = in_context(tokens, index, length, entry);
        // What follows "but" is what is meant.
        let percent = match turn {
            Some(turn) if index < turn => 50,
            Some(_) => 150,
            None => 100,
        };
        valence = valence * percent / 100;
        reading.valence += valence;
        if let Some((mood, weight)) = entry.mood {
            let (mood, weight) = if sign < 0 {
                negated(mood, weight * 100)
            } else {
                (mood, weight * 100)
            };
            reading.moods[mood.index()] += weight * percent / 100;
        }
        index += length;
    }
    let emphasis = EXCLAMATION * tokens.exclamations.min(4) as i64;
    reading.valence += emphasis * reading.valence.signum();
    reading
}

/// The longest phrase of the companion list at `index`, else VADER's word.
fn entry_at(tokens: &Tokens, index: usize) -> (usize, Option<Entry>) {
    for length in (1..=LONGEST_PHRASE).rev() {
        let phrase = tokens.phrase(index, length);
        if !phrase.is_empty()
            && let Some(entry) = lexicon::companion(phrase)
        {
            return (length, Some(entry));
        }
    }
    let word = tokens.word(index);
    if is_negator(word) || BOOSTERS.contains(&word) || DAMPENERS.contains(&word) {
        return (1, None);
    }
    (
        1,
        lexicon::vader(word).map(|valence| Entry {
            valence,
            mood: None,
        }),
    )
}

/// The valence in thousandths and the sign negation gives it.
fn in_context(tokens: &Tokens, index: usize, length: usize, entry: Entry) -> (i64, i64) {
    let mut valence = entry.valence * 100;
    let direction = valence.signum();
    if (index..index + length).any(|at| tokens.get(at).is_some_and(|token| token.shouted)) {
        valence += SHOUT * direction;
    }
    let mut negations = 0;
    for distance in 1..=REACH.min(index) {
        let at = index - distance;
        if tokens.get(at).is_none_or(|token| token.ends_clause) {
            break;
        }
        let word = tokens.word(at);
        // Degree fades with distance: 1, .95, .9.
        let faded = BOOST * (105 - 5 * distance as i64) / 100;
        if is_negator(word) {
            negations += 1;
        } else if BOOSTERS.contains(&word) {
            valence += faded * direction;
        } else if DAMPENERS.contains(&word) {
            valence -= faded * direction;
        }
    }
    for at in index + length..index + length + 2 {
        if tokens.get(at - 1).is_none_or(|token| token.ends_clause) {
            break;
        }
        negations += i64::from(POST_NEGATORS.contains(&tokens.word(at)));
    }
    if negations % 2 == 0 {
        return (valence, 1);
    }
    let factor = if valence < 0 { NEGATED_BAD } else { NEGATED };
    (valence * factor / 1_000, -1)
}

fn is_negator(word: &str) -> bool {
    NEGATORS.contains(&word) || word.ends_with("n't")
}

/// "not happy" is sad; "not sad" is, a little, calm; "not surprised" is nothing.
fn negated(mood: Mood, weight: i64) -> (Mood, i64) {
    match mood {
        Mood::Joy | Mood::Love | Mood::Grateful | Mood::Calm => (Mood::Sad, weight / 2),
        Mood::Sad | Mood::Lonely | Mood::Anxious | Mood::Angry | Mood::Disgust | Mood::Tired => {
            (Mood::Calm, weight / 2)
        }
        Mood::Curious | Mood::Surprise | Mood::Neutral => (Mood::Neutral, 0),
    }
}
