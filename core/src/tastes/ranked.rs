//! Lists of favourites: names with their shares.

use std::collections::BTreeMap;

/// How many entries a list of favourites has at most.
pub const FAVOURITES: usize = 10;

/// A name with its share, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Name, as the provider spells it.
    pub name: String,
    /// Share in thousandths.
    pub weight: u64,
}

/// One in thousandths.
pub(super) const WHOLE: u64 = 1_000;

/// `part / total` in thousandths, rounded half up. `total` must not be 0.
pub(super) fn share(part: u64, total: u64) -> u64 {
    (part * WHOLE + total / 2) / total
}

/// What has no name that a person could read is no favourite.
pub(super) fn is_named(name: &str) -> bool {
    !name.trim().is_empty()
}

/// The heaviest entries first, ties in alphabetical order, at most [`FAVOURITES`].
pub(super) fn heaviest(weights: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut sorted: Vec<_> = weights.into_iter().collect();
    sorted.sort_by(|(a, heavy), (b, heavier)| heavier.cmp(heavy).then_with(|| a.cmp(b)));
    sorted.truncate(FAVOURITES);
    sorted
}
