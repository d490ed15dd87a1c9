//! Word lists. No I/O: they are compiled in.

use std::sync::LazyLock;

use crate::mood::Mood;

/// VADER's lexicon, sorted by bytes: token, tab, valence in tenths (see `vader.LICENSE.txt`).
const VADER: &str = include_str!("../../data/vader.tsv");

/// Words, phrases and emoji of companion chat: phrase, valence in tenths, mood, its weight.
const COMPANION: &str = include_str!("../../data/companion.tsv");

/// The longest phrase of the companion list, in words.
pub(crate) const LONGEST_PHRASE: usize = 5;

/// What a word or phrase of companion chat says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// −40 (bad) to 40 (good).
    pub(crate) valence: i64,
    /// The mood it speaks of and how clearly (1 to 4).
    pub(crate) mood: Option<(Mood, i64)>,
}

static ENTRIES: LazyLock<Vec<(&'static str, Entry)>> = LazyLock::new(|| {
    let mut entries: Vec<_> = COMPANION
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(entry)
        .collect();
    entries.sort_unstable_by_key(|&(phrase, _)| phrase);
    entries
});

fn entry(line: &'static str) -> Option<(&'static str, Entry)> {
    let mut fields = line.split('\t');
    let phrase = fields.next()?;
    let valence = fields.next()?.parse().ok()?;
    let (mood, weight) = (fields.next()?, fields.next()?.parse().ok()?);
    Some((
        phrase,
        Entry {
            valence,
            mood: Mood::parse(mood).map(|mood| (mood, weight)),
        },
    ))
}

/// The entry of a word or phrase of companion chat.
pub(crate) fn companion(phrase: &str) -> Option<Entry> {
    let index = ENTRIES
        .binary_search_by_key(&phrase, |&(phrase, _)| phrase)
        .ok()?;
    ENTRIES.get(index).map(|&(_, entry)| entry)
}

/// VADER's mean valence of a token in tenths. A binary search over the text itself: nothing
/// to build when a process starts.
pub(crate) fn vader(token: &str) -> Option<i64> {
    let bytes = VADER.as_bytes();
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = bytes[low..middle]
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(low, |at| low + at + 1);
        let end = bytes[middle..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(bytes.len(), |at| middle + at);
        let (word, valence) = VADER.get(start..end)?.split_once('\t')?;
        match word.as_bytes().cmp(token.as_bytes()) {
            std::cmp::Ordering::Equal => return valence.parse().ok(),
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{COMPANION, ENTRIES, LONGEST_PHRASE, VADER, companion, vader};

    #[test]
    fn the_lexicons_are_whole_sorted_and_found() {
        assert!(
            VADER
                .lines()
                .is_sorted_by(|a, b| a.split('\t').next() < b.split('\t').next())
        );
        for line in VADER.lines() {
            let (token, valence) = line.split_once('\t').unwrap();
            assert_eq!(vader(token), valence.parse().ok(), "{token}");
        }
        assert_eq!(vader("zzzz"), None);
        assert_eq!(vader(""), None);
    }

    #[test]
    fn every_companion_line_parses_and_is_unique() {
        let lines = COMPANION
            .lines()
            .filter(|line| !line.starts_with('#'))
            .count();
        assert_eq!(ENTRIES.len(), lines);
        assert!(ENTRIES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(
            ENTRIES
                .iter()
                .all(|(phrase, _)| phrase.split(' ').count() <= LONGEST_PHRASE)
        );
        assert!(
            ENTRIES
                .iter()
                .all(|(_, entry)| (-40..=40).contains(&entry.valence))
        );
        assert!(companion("mon kharap").is_some());
    }
}
