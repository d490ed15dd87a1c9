//! Invented names. People, bands and channels are made of syllables, so that none is meant.

use super::dice::Dice;

const ONSETS: &[&str] = &[
    "b", "br", "ch", "d", "dr", "f", "g", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s", "sh",
    "t", "tr", "v", "z",
];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "ai", "ou", "ee"];
const CODAS: &[&str] = &["", "", "", "l", "m", "n", "r", "sk", "v", "x"];
const ADJECTIVES: &[&str] = &[
    "Quiet",
    "Paper",
    "Northern",
    "Borrowed",
    "Slow",
    "Electric",
    "Hollow",
    "Amber",
    "Last",
    "Weightless",
    "Small",
    "Distant",
    "Restless",
    "Midday",
    "Unsent",
    "Silver",
];
const NOUNS: &[&str] = &[
    "Rain",
    "Kitchen",
    "Ferry",
    "Lanterns",
    "Weather",
    "Static",
    "Orchard",
    "Stairs",
    "Signal",
    "Letters",
    "Coastline",
    "Mornings",
    "Monsoon",
    "Engines",
    "Gardens",
    "Silence",
];

/// One capitalised word of two or three syllables.
pub(super) fn word(dice: &mut Dice) -> String {
    let mut word = String::new();
    for _ in 0..2 + dice.below(2) {
        word.push_str(dice.pick(ONSETS));
        word.push_str(dice.pick(VOWELS));
    }
    word.push_str(dice.pick(CODAS));
    word[..1].to_uppercase() + &word[1..]
}

/// A person's or a band's name.
pub(super) fn name(dice: &mut Dice) -> String {
    let first = word(dice);
    if dice.once_in(3) {
        first
    } else {
        format!("{first} {}", word(dice))
    }
}

/// A song's or a video's title.
pub(super) fn title(dice: &mut Dice) -> String {
    format!("{} {}", dice.pick(ADJECTIVES), dice.pick(NOUNS))
}
