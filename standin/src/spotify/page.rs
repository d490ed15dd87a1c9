//! Pages of Spotify's lists: by offset, or by a cursor.

use serde_json::{Value, json};

use super::resources::api_url;
use crate::catalogue::music::TimeRange;
use crate::params::Params;
use crate::shared::Shared;
use crate::wire::{Reply, spotify_error};

const DEFAULT_LIMIT: usize = 20;
const LARGEST_LIMIT: usize = 50;

pub(super) fn limit(query: &Params) -> Result<usize, Reply> {
    match query.get("limit") {
        None => Ok(DEFAULT_LIMIT),
        Some(value) => value
            .parse()
            .ok()
            .filter(|limit| (1..=LARGEST_LIMIT).contains(limit))
            .ok_or_else(|| spotify_error(400, "Invalid limit")),
    }
}

/// Unix milliseconds.
pub(super) fn cursor(query: &Params, name: &str) -> Result<Option<i64>, Reply> {
    let parse = |value: &str| {
        value
            .parse()
            .map_err(|_| spotify_error(400, &format!("Invalid {name}")))
    };
    query.get(name).map(parse).transpose()
}

/// The page of a top list, and of which range.
pub(super) fn top_page(query: &str) -> Result<(TimeRange, Page), Reply> {
    let query = Params::parse(query);
    let name = query.get("time_range").unwrap_or("medium_term");
    let range = TimeRange::parse(name).ok_or_else(|| spotify_error(400, "Invalid time range"))?;
    let page = Page {
        also: format!("&time_range={name}"),
        ..Page::parse(&query)?
    };
    Ok((range, page))
}

/// An offset page of a list.
pub(super) struct Page {
    offset: usize,
    limit: usize,
    /// What else its links carry.
    also: String,
}

impl Page {
    pub(super) fn parse(query: &Params) -> Result<Self, Reply> {
        let offset = query.get("offset").unwrap_or("0");
        Ok(Self {
            offset: offset
                .parse()
                .map_err(|_| spotify_error(400, "Invalid offset"))?,
            limit: limit(query)?,
            also: String::new(),
        })
    }

    /// Cuts the page out of the whole list.
    pub(super) fn reply<T>(
        &self,
        shared: &Shared,
        path: &str,
        all: &[T],
        json: impl Fn(&T) -> Value,
    ) -> Reply {
        let Self {
            offset,
            limit,
            also,
        } = self;
        let endpoint = format!("{}{path}", api_url(shared));
        let at = |offset: usize| format!("{endpoint}?offset={offset}&limit={limit}{also}");
        let total = all.len();
        let page = all.iter().skip(*offset).take(*limit);
        let items: Vec<Value> = page.map(json).collect();
        Reply::new(
            200,
            json!({
                "items": items,
                "total": total,
                "limit": limit,
                "offset": offset,
                "href": at(*offset),
                "next": (offset + limit < total).then(|| at(offset + limit)),
                "previous": (*offset > 0).then(|| at(offset.saturating_sub(*limit))),
            }),
        )
    }
}
