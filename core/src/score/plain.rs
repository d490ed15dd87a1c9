//! What the scorer is made of, as plain numbers and lists: the types of [`super::blueprint`].

/// A number and what templates call it.
pub type Named = (&'static str, i64);

/// Hashes of words, and what templates call them.
pub type WordSet = (&'static str, Vec<u32>);

/// A map from hashes to rows of bytes; a hash belongs in the bucket `hash × buckets / 2³²`.
#[derive(Clone, Debug)]
pub struct Map {
    /// Number of buckets.
    pub buckets: usize,
    /// Bucket, low 16 bits of the hash, row; of equals the first is meant.
    pub rows: Vec<(usize, u16, Vec<u8>)>,
}

/// One element of a pattern of the support detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Hashes of the words, any of which will do.
    pub words: Vec<u32>,
    /// The end of a clause will do too.
    pub end: bool,
    /// It may be missing.
    pub optional: bool,
    /// Some words of the clause instead.
    pub gap: bool,
}

/// A pattern of the support detector.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// 0 nobody, 1 someone else, 2 the writer in distress, 3 the writer in danger.
    pub about: u8,
    /// Hashes of the words that it begins with.
    pub firsts: Vec<u32>,
    /// What follows.
    pub rest: Vec<Element>,
}

/// A Bengali or Devanagari letter in Latin letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// See [`super::blueprint::constants`]: `CONSONANT` and so on.
    pub kind: u8,
    /// What is written for it.
    pub latin: [Option<char>; 2],
}
