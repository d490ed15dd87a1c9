//! A page to be asked for, and what its answer is read with.

use bondhu_core::retry::Failure;
use serde_json::Value;

use super::fetched::{Fetched, Items, Onward};
use super::resource::Resource;
use super::session::Session;
use super::trail::Sight;
use crate::provider::Provider;
use crate::providers::{Bearer, Item, Losses, PAGE_SIZE};

/// Makes a row of an item and its place in the whole list, from 0. An item without what identifies
/// it (a local file, an episode, a deleted or private video) is none.
pub(super) type ReadRow = fn(Item<'_>, u32) -> Option<Value>;

/// Items of a list that comes whole: far more than any has.
pub(super) const MOST_UNPAGED: u32 = 500;

/// Where a walk stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct WalkPosition<'a> {
    /// The part under way; empty for a resource without parts.
    pub(super) part: &'a str,
    /// The page, in the provider's own terms; `None` is the first.
    pub(super) next: Option<&'a str>,
    /// Items of the list, or part, before it.
    pub(super) seen: u32,
}

/// A page to be asked for.
pub(super) struct PageRequest<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) bearer: &'a Bearer,
    pub(super) resource: &'static Resource,
    pub(super) position: WalkPosition<'a>,
    pub(super) limit: u32,
}

impl PageRequest<'_> {
    pub(super) fn fetched(
        &self,
        rows: Vec<Value>,
        onward: Onward,
        sight: Sight,
        losses: Losses,
    ) -> Fetched {
        let subset = match self.position.part {
            "" => self.resource.subset,
            part => part,
        };
        Fetched {
            subset: subset.to_owned(),
            items: Items::New(rows, None),
            onward,
            sight,
            lost: losses.into_counts(),
        }
    }

    /// Reads a page. One that is no list stops its walk, and no other.
    pub(super) fn read(
        &self,
        page: Item<'_>,
        onward: Onward,
        total: Option<u32>,
        row: ReadRow,
    ) -> (Vec<Value>, Onward, Sight) {
        let most = self.most_items();
        let (items, onward) = match page.list("items", most) {
            Ok(items) => (items, onward),
            Err(_) => (Vec::new(), Onward::Broken(Failure::Malformed)),
        };
        // Spotify counts what it cannot show and sends null for it.
        let uncounted = match self.resource.provider {
            Provider::Spotify => 0,
            Provider::YouTube => page.nulls("items", most),
        };
        let sight = Sight {
            items: u32::try_from(items.len() - uncounted).unwrap_or(u32::MAX),
            total,
            limit: self.limit,
        };
        let places = self.position.seen..;
        let rows = places
            .zip(items)
            .filter_map(|(place, item)| row(item?, place))
            .collect();
        (rows, onward, sight)
    }

    /// How many items are read of a page: no more than were asked for.
    pub(super) const fn most_items(&self) -> u32 {
        if self.resource.is_paged {
            self.limit
        } else {
            MOST_UNPAGED
        }
    }

    /// The number of items that a link to a page has to be changed to.
    pub(super) fn changed_limit(&self) -> Option<u32> {
        Some(self.limit).filter(|&limit| limit != PAGE_SIZE)
    }
}
