//! What the lexicon says of single words and symbols.

use super::table::Table;

/// What is known of a word whatever its context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// −40 (bad) to 40 (good); 0 if the word has none.
    pub(crate) valence: i8,
    roles: u8,
}

impl Entry {
    /// Turns what follows in its clause: "not", "never".
    pub(crate) const NEGATES_NEXT: u8 = 1;
    /// Turns what precedes it in its clause: Bangla "na", Hindi "nahi".
    pub(crate) const NEGATES_BEFORE: u8 = 1 << 1;
    /// Strengthens: "very".
    pub(crate) const BOOSTS: u8 = 1 << 2;
    /// Weakens: "a bit".
    pub(crate) const DAMPENS: u8 = 1 << 3;
    /// What follows is what is meant: "but".
    pub(crate) const CONTRASTS: u8 = 1 << 4;
    /// The speaker: "i", "my", "ami".
    pub(crate) const SPEAKER: u8 = 1 << 5;
    /// An emoji or emoticon.
    pub(crate) const SYMBOL: u8 = 1 << 6;

    /// Whether the word plays `role`.
    pub(crate) const fn is(self, role: u8) -> bool {
        self.roles & role != 0
    }
}

/// Word hash to entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexicon<'a>(pub(crate) Table<'a, 2>);

impl Lexicon<'_> {
    pub(crate) fn get(&self, word: u32) -> Option<Entry> {
        let &[valence, roles] = self.0.get(word)?;
        let entry = Entry {
            valence: valence.cast_signed(),
            roles,
        };
        // A free place looks like a word whose tag is 0; of a word something is said.
        (entry != Entry::default()).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::Lexicon;
    use crate::score::MODEL;
    use crate::score::table::Table;

    #[test]
    fn a_free_place_is_no_word() {
        let (empty, _) = Table::split_from(&[0; 32], 1).unwrap();
        for high in 0..=u32::from(u16::MAX) {
            let (word, other) = (high << 16, high << 16 | 1);
            assert_eq!(Lexicon(empty).get(word), None);
            assert_eq!(Lexicon(empty).get(other), None);
            assert_ne!(MODEL.lexicon.get(word), Some(super::Entry::default()));
        }
    }
}
