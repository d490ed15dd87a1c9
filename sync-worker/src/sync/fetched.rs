//! A page that came.

use std::collections::BTreeMap;

use bondhu_core::retry::Failure;
use serde_json::Value;

use super::trail::Sight;

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Onward {
    /// Nothing.
    End,
    /// Another page, in the provider's own terms.
    Page(String),
    /// Something that cannot be asked for.
    Broken(Failure),
}

impl From<Result<Option<String>, Failure>> for Onward {
    fn from(next: Result<Option<String>, Failure>) -> Self {
        match next {
            Ok(Some(next)) => Self::Page(next),
            Ok(None) => Self::End,
            Err(failure) => Self::Broken(failure),
        }
    }
}

/// A page.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Which of the table's rows these are.
    pub(super) subset: String,
    /// What it holds.
    pub(super) items: Items,
    /// What comes after it.
    pub(super) onward: Onward,
    /// What it showed of its list.
    pub(super) sight: Sight,
    /// What of it could not be read, by field.
    pub(super) lost: BTreeMap<&'static str, u32>,
}

/// What a page holds.
#[derive(Debug)]
pub(super) enum Items {
    /// Rows, in the columns of the resource's statements, and how to ask for the page again.
    New(Vec<Value>, Option<Tagged>),
    /// What it held when it was last sent: the rows of these ids.
    Unchanged { page: String, ids: Vec<String> },
}

/// The tag of a page that was sent.
#[derive(Debug)]
pub(super) struct Tagged {
    /// As `etag::page_of` names it.
    pub(super) page: String,
    /// The tag.
    pub(super) etag: String,
}
