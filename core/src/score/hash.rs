//! The hashes that words and features are known by. Part of the model's format: a change
//! makes every committed model unreadable.

use super::plain::Named;

const WORD_PRIME: u64 = 0x0000_0100_0000_01b3;
const PAIR_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const FOLD_FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// Hash of a word that is still being read: FNV-1a over its characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WordHash(u64);

impl WordHash {
    pub(crate) const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    pub(crate) const fn push(self, c: char) -> Self {
        Self((self.0 ^ c as u64).wrapping_mul(WORD_PRIME))
    }

    pub(crate) const fn finish(self) -> u32 {
        fold(self.0)
    }

    /// Hash of a whole word of ASCII letters, for words that stand in the code.
    pub(crate) const fn of_ascii(word: &str) -> u32 {
        let (mut hash, mut rest) = (Self::EMPTY, word.as_bytes());
        while let [first, after @ ..] = rest {
            hash = hash.push(*first as char);
            rest = after;
        }
        hash.finish()
    }
}

/// Hash of an ordered pair of hashes.
pub(crate) const fn pair(first: u32, second: u32) -> u32 {
    fold(
        (first as u64)
            .wrapping_mul(PAIR_FACTOR)
            .wrapping_add(second as u64),
    )
}

const fn fold(hash: u64) -> u32 {
    ((hash ^ (hash >> 32)).wrapping_mul(FOLD_FACTOR) >> 32) as u32
}

/// The hashes' numbers, for [`super::blueprint`].
pub(super) const fn constants() -> [Named; 4] {
    [
        ("WORD_EMPTY", WordHash::EMPTY.0.cast_signed()),
        ("WORD_PRIME", WORD_PRIME.cast_signed()),
        ("PAIR_FACTOR", PAIR_FACTOR.cast_signed()),
        ("FOLD_FACTOR", FOLD_FACTOR.cast_signed()),
    ]
}
