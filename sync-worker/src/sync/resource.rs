//! A resource: a list of a provider's that is walked to its end, described in one place.

use bondhu_core::retry::Failure;
use futures::future::BoxFuture;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fetched::Fetched;
use super::outcome::SyncError;
use super::request::PageRequest;
use super::resources;
use crate::provider::Provider;

/// What is pulled, how often, how it is asked for and where it is stored.
#[derive(Debug)]
pub(super) struct Resource {
    /// The name in `provider_connections.missing`, `sync_jobs.resources` and checkpoints.
    pub(super) name: &'static str,
    /// Whose it is.
    pub(super) provider: Provider,
    /// The scopes of which it needs one; none: any will do.
    pub(super) scopes: &'static [&'static str],
    /// Which pulls walk it.
    pub(super) depth: Depth,
    /// Asks for a page and makes rows of it.
    pub(super) page: AskForPage,
    /// Whether it comes in pages, whose size is ours to say.
    pub(super) is_paged: bool,
    /// Whether the provider counts items there that it does not show: private and deleted videos,
    /// channels that are gone.
    pub(super) hides_items: bool,
    /// Whether a pull is complete without it: only some apps are given it. Whether this one is,
    /// is learned by asking.
    pub(super) is_optional: bool,
    /// Which of its table's rows it is; empty where it is all of them, or each part says which.
    pub(super) subset: &'static str,
    /// How it lies in the database.
    pub(super) statements: &'static Statements,
}

/// How much a pull brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// What the provider forgets soonest, in a request: each pull.
    Plays,
    /// Everything: a pull whose library is due, or that the person asked for.
    Library,
}

/// Asks for a page of a resource and makes rows of it.
pub(super) type AskForPage =
    for<'a> fn(&'a PageRequest<'a>) -> BoxFuture<'a, Result<Fetched, SyncError>>;

/// How a resource lies in the database.
///
/// | statement | `$1` | `$2` | `$3` | `$4` |
/// |---|---|---|---|---|
/// | `insert` | user | rows, a JSON array | walk | subset |
/// | `touch` | user | ids | walk | subset |
/// | `stale` | user | walk | subset | |
/// | `next` part | user | the id up to which parts are done | | |
/// | `finish` part | user | part | | |
///
/// A page is one statement: rows go as one JSON array, so that a list of names within a row
/// needs no second table.
#[derive(Debug)]
pub(super) struct Statements {
    /// Stores a page; what is there already is refreshed.
    pub(super) insert: &'static str,
    /// Marks the rows of an unchanged page as seen. Only where the provider has entity tags.
    pub(super) touch: Option<&'static str>,
    /// The rows that a complete walk did not see, after `select` or `delete`; `None` for what is
    /// history or shared.
    pub(super) stale: Option<&'static str>,
    /// Which column identifies a row of a page.
    pub(super) id: &'static str,
    /// For resources that are walked in parts, such as the items of each playlist.
    pub(super) parts: Option<Parts>,
}

/// A resource in parts.
#[derive(Debug)]
pub(super) struct Parts {
    /// The next part after an id: an id, or several in order joined with commas, so that one with
    /// a comma in it is never asked for among them; null when none is left.
    pub(super) next: &'static str,
    /// Notes that a part was walked to its end.
    pub(super) finish: Option<&'static str>,
    /// What is missing when the provider refuses a part; `None`: nothing.
    pub(super) refused: Option<Failure>,
    /// Whether a pull is whole without one that cannot be had: it is nothing of the person's.
    pub(super) may_fail: bool,
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for &'static Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        resources::named(&name)
            .ok_or_else(|| D::Error::custom(format!("there is no resource {name:?}")))
    }
}
