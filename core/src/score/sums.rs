//! Sums of the weights of a message's features.
//!
//! Features are gathered first, then looked up together, then their rows added: three
//! short loops without a branch that depends on the text, so that the processor can wait
//! for many cache lines at once.

use super::features::{Feature, GROUPS, Group};
use super::heads::HEADS;
use super::table::Table;

/// For each group the sum of its features' weights, in sixteenths of a head's step, and
/// what it is multiplied with, in 2⁻¹⁶.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums(pub(crate) [([i32; HEADS], i64); GROUPS]);

/// Sums under way.
pub(crate) struct Summing<'a> {
    weights: Table<'a, HEADS>,
    groups: [Gathered; GROUPS],
}

impl<'a> Summing<'a> {
    pub(crate) fn new(weights: Table<'a, HEADS>) -> Self {
        Self {
            weights,
            groups: [const { Gathered::EMPTY }; GROUPS],
        }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, feature: Feature) {
        self.groups[feature.group as usize].add(feature, &self.weights);
    }

    pub(crate) fn finish(mut self) -> Sums {
        let mut sums = Sums([([0; HEADS], 1 << 16); GROUPS]);
        for (group, (total, factor)) in self.groups.iter_mut().zip(&mut sums.0) {
            group.settle(&self.weights);
            *total = group.total;
            *factor = factor_of(group.count);
        }
        sums.0[Group::Whole as usize].1 = 1 << 16;
        sums
    }
}

/// 1/√`count` in 2⁻¹⁶.
pub(crate) fn factor_of(count: u32) -> i64 {
    ((1_i64 << 32) / i64::from(count.max(1))).isqrt()
}

/// Features looked up at a time. Fewer than 258, so that their weights fit 16 bits.
const BATCH: usize = 128;

/// Features of one group.
struct Gathered {
    total: [i32; HEADS],
    count: u32,
    /// Features of the same weight that wait for being looked up.
    ids: [u32; BATCH],
    waiting: usize,
    weight: u8,
}

impl Gathered {
    const EMPTY: Self = Self {
        total: [0; HEADS],
        count: 0,
        ids: [0; BATCH],
        waiting: 0,
        weight: 0,
    };

    #[inline(always)]
    fn add(&mut self, feature: Feature, weights: &Table<'_, HEADS>) {
        if self.weight != feature.weight || self.waiting == BATCH {
            self.settle(weights);
            self.weight = feature.weight;
        }
        if let Some(id) = self.ids.get_mut(self.waiting) {
            *id = feature.id;
        }
        self.waiting += 1;
        self.count += 1;
    }

    /// Looks up what waits and adds it to the total.
    #[inline(never)]
    fn settle(&mut self, weights: &Table<'_, HEADS>) {
        let mut places = [0; BATCH];
        let mut found = 0;
        for &id in self.ids.iter().take(self.waiting) {
            let (place, is_there) = weights.find(id);
            // Written always, kept if it is there.
            places[found % BATCH] = place;
            found += usize::from(is_there);
        }
        let mut sum = [0_i16; HEADS];
        for &place in places.iter().take(found) {
            let Some(row) = weights.at(place) else {
                continue;
            };
            for (sum, &step) in sum.iter_mut().zip(row) {
                *sum += i16::from(step.cast_signed());
            }
        }
        for (total, sum) in self.total.iter_mut().zip(sum) {
            *total += i32::from(sum) * i32::from(self.weight);
        }
        self.waiting = 0;
    }
}
