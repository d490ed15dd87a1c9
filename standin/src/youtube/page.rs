//! Pages of YouTube's lists.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A page, identified by an opaque token.
pub(super) struct Page {
    pub(super) collection: String,
    pub(super) offset: usize,
    pub(super) results: usize,
}

impl Page {
    pub(super) fn cut<'a, T>(&self, all: &'a [T]) -> impl Iterator<Item = &'a T> {
        all.iter().skip(self.offset).take(self.results)
    }

    pub(super) fn list(&self, total: usize, items: Vec<Value>) -> Value {
        let token =
            |offset: usize| json!(URL_SAFE_NO_PAD.encode(format!("{}/{offset}", self.collection)));
        let mut list = json!({
            "items": items,
            "pageInfo": { "totalResults": total, "resultsPerPage": self.results },
        });
        if self.results > 0 && self.offset + self.results < total {
            list["nextPageToken"] = token(self.offset + self.results);
        }
        if self.offset > 0 {
            list["prevPageToken"] = token(self.offset.saturating_sub(self.results));
        }
        list
    }
}

/// Resources asked for by id come on one page.
pub(super) fn whole_list(items: Vec<Value>) -> Value {
    json!({ "pageInfo": { "totalResults": items.len(), "resultsPerPage": items.len() }, "items": items })
}
