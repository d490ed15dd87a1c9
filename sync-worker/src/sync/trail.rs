//! How far a walk along one list has come, and whether it can be believed: a list has an end, and
//! what is absent from it is gone only if the provider's own count says so.

use serde::{Deserialize, Serialize};

use crate::providers::PAGE_SIZE;

/// Pages of a list whose length the provider does not tell.
const PAGES_UNTOLD: u32 = 500;

/// Pages of any list: 100,000 items.
const MOST_PAGES: u32 = 2_000;

/// Pages that a list may have over twice what its length comes to: some come short.
const PAGES_MORE: u32 = 10;

/// What one page showed of its list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// Items on it, those included that are null or cannot be read.
    pub(super) items: u32,
    /// How many the whole list has, as the provider says.
    pub(super) total: Option<u32>,
    /// How many were asked for at most.
    pub(super) limit: u32,
}

/// The pages of a list so far. Part of the checkpoint.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub(super) struct Trail {
    /// How many.
    pages: u32,
    /// Items on them.
    pub(super) seen: u32,
    /// Items that would have had room on them.
    room: u32,
    /// The length told last.
    total: Option<u32>,
    /// Whether one was empty that should not have been.
    hollow: bool,
    /// Whether something on them could not be read.
    pub(super) damaged: bool,
    /// A former cursor: the one after the last page whose number was a power of two. Any circle
    /// comes back to such a one (Brent 1980, "An improved Monte Carlo factorization algorithm").
    anchor: Option<String>,
}

/// What the end of a walk says about what it did not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CountVerdict {
    /// It is gone: the provider's count agrees.
    Complete,
    /// It all is gone, as the provider's count says too.
    Empty,
    /// The provider says that there is more.
    Short,
    /// The provider does not say, or says less than it sent.
    Uncounted,
}

impl Trail {
    /// Goes one page on.
    pub(super) fn step(&mut self, sight: Sight) {
        let left = sight.total.or(self.total).unwrap_or_default() > self.room;
        self.hollow |= sight.items == 0 && left;
        self.pages = self.pages.saturating_add(1);
        self.seen = self.seen.saturating_add(sight.items);
        self.room = self.room.saturating_add(sight.limit);
        self.total = sight.total.or(self.total);
    }

    /// Whether the page at `next` is one too many: it was asked for before, or there are more
    /// pages than the list can have.
    pub(super) fn is_endless(&mut self, next: &str) -> bool {
        if self.anchor.as_deref() == Some(next) || self.pages >= self.most_pages() {
            return true;
        }
        if self.pages.is_power_of_two() {
            self.anchor = Some(next.to_owned());
        }
        false
    }

    fn most_pages(&self) -> u32 {
        let Some(total) = self.total else {
            return PAGES_UNTOLD;
        };
        // Smaller pages than were asked for first, where those were too large.
        let page = (self.room / self.pages.max(1)).clamp(1, PAGE_SIZE);
        (2 * u64::from(total.div_ceil(page)) + u64::from(PAGES_MORE))
            .try_into()
            .map_or(MOST_PAGES, |pages: u32| pages.min(MOST_PAGES))
    }

    /// What its end says. `hides`: the list counts items that it does not show.
    pub(super) fn verdict(&self, hides: bool) -> CountVerdict {
        let Some(total) = self.total else {
            return CountVerdict::Uncounted;
        };
        let shown = self.room >= total && !self.hollow && self.seen >= total / 2;
        match self.seen {
            0 if total == 0 => CountVerdict::Empty,
            seen if seen == total => CountVerdict::Complete,
            seen if seen < total && hides && shown => CountVerdict::Complete,
            seen if seen < total => CountVerdict::Short,
            _ => CountVerdict::Uncounted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CountVerdict, MOST_PAGES, Sight, Trail};

    fn trail(pages: &[(u32, Option<u32>)]) -> Trail {
        let mut trail = Trail::default();
        for &(items, total) in pages {
            trail.step(Sight {
                items,
                total,
                limit: 50,
            });
        }
        trail
    }

    #[test]
    fn what_is_absent_is_gone_only_if_the_count_agrees() {
        for (pages, hides, verdict) in [
            (
                &[(50, Some(53)), (3, Some(53))][..],
                false,
                CountVerdict::Complete,
            ),
            (&[(50, Some(53)), (3, None)], false, CountVerdict::Complete),
            (&[(50, Some(53)), (2, Some(53))], false, CountVerdict::Short),
            (
                &[(50, Some(53)), (2, Some(53))],
                true,
                CountVerdict::Complete,
            ),
            (&[(50, Some(53)), (0, Some(53))], true, CountVerdict::Short),
            (&[(20, Some(53))], true, CountVerdict::Short),
            (&[(0, Some(3))], false, CountVerdict::Short),
            (&[(0, Some(3))], true, CountVerdict::Short),
            (&[(1, Some(3))], true, CountVerdict::Complete),
            (&[(0, Some(0))], false, CountVerdict::Empty),
            (&[(0, None)], false, CountVerdict::Uncounted),
            (&[(7, None)], false, CountVerdict::Uncounted),
            (&[(7, Some(6))], false, CountVerdict::Uncounted),
        ] {
            assert_eq!(trail(pages).verdict(hides), verdict, "{pages:?} {hides}");
        }
    }

    #[test]
    fn a_walk_in_a_circle_of_any_length_ends() {
        for circle in 1..40_u32 {
            let mut trail = Trail::default();
            let walked = (0..).find(|page| {
                trail.step(Sight {
                    items: 1,
                    total: None,
                    limit: 50,
                });
                trail.is_endless(&format!("token {}", page % circle))
            });
            assert!(walked.is_some_and(|pages| pages < 4 * circle), "{circle}");
        }
    }

    #[test]
    fn a_walk_of_empty_pages_ends_by_what_the_list_can_have() {
        for (total, most) in [
            (Some(3), 12),
            (Some(10_000), 410),
            (Some(i32::MAX as u32), MOST_PAGES),
            (None, 500),
        ] {
            let mut trail = Trail::default();
            let mut page = 0_u32;
            loop {
                trail.step(Sight {
                    items: 0,
                    total,
                    limit: 50,
                });
                page += 1;
                if trail.is_endless(&page.to_string()) {
                    break;
                }
            }
            assert_eq!(page, most, "{total:?}");
        }
    }
}
