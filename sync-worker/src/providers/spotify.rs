//! Spotify's Web API, as a Development Mode app sees it.

use bondhu_core::retry::Failure;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::{Api, Bearer, Item, Losses, ProviderError};

/// Plays the provider keeps, and no older ones.
pub const PLAYS_KEPT: usize = 50;

/// No link to a page is longer, in bytes.
const LONGEST_LINK: usize = 2_000;

/// The account. <https://developer.spotify.com/documentation/web-api/reference/get-current-users-profile>
#[derive(Debug)]
pub struct Me {
    /// What an account is known by: it does not change.
    pub account_id: Option<String>,
    /// What lists name their owner by; the account may get another.
    pub id: Option<String>,
    /// Name it shows.
    pub display_name: Option<String>,
}

/// The account behind the bearer.
///
/// # Errors
/// [`ProviderError`].
pub async fn me(api: &Api, bearer: &Bearer) -> Result<Me, ProviderError> {
    let answer = api.get(api.url("/me", &[]), bearer).await?;
    let losses = Losses::default();
    let me = answer.item(&losses);
    Ok(Me {
        account_id: me.id("account_id").map(str::to_owned),
        id: me.id("id").map(str::to_owned),
        display_name: me.text("display_name"),
    })
}

/// Path of a playlist's items, whatever is in its id.
#[must_use]
pub fn playlist_items_path(id: &str) -> String {
    format!(
        "/playlists/{}/items",
        utf8_percent_encode(id, NON_ALPHANUMERIC)
    )
}

/// A page of a list: the first, under `path` with a query of its own, or the one `next` leads to.
/// `limit`: how many items at most, where that is not for the link to say.
///
/// # Errors
/// [`Failure::ForeignLink`], [`Failure::Malformed`]: `next` leads elsewhere.
pub fn page_url(
    api: &Api,
    path: &str,
    query: &[(&str, &str)],
    next: Option<&str>,
    limit: Option<u32>,
) -> Result<Url, ProviderError> {
    let Some(link) = next else {
        let limit = limit.unwrap_or(super::PAGE_SIZE).to_string();
        let mut query = query.to_vec();
        query.push(("limit", &limit));
        return Ok(api.url(path, &query));
    };
    let mut url = api.own_link(link)?;
    if let Some(limit) = limit {
        let others: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "limit")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(others)
            .append_pair("limit", &limit.to_string());
    }
    Ok(url)
}

/// Where in its list a page begins, as its address says.
#[must_use]
pub fn offset(page: &Url) -> Option<u32> {
    let mut query = page.query_pairs();
    let (_, offset) = query.find(|(name, _)| name == "offset")?;
    offset.parse().ok()
}

/// The link to the page after this one, if there is one and it leads to this API.
///
/// # Errors
/// Why it cannot be followed.
pub fn next_page(api: &Api, page: Item<'_>) -> Result<Option<String>, Failure> {
    let Some(link) = page
        .link("next", LONGEST_LINK)
        .map_err(|_| Failure::Malformed)?
    else {
        return Ok(None);
    };
    match api.own_link(link) {
        Ok(_) => Ok(Some(link.to_owned())),
        Err(error) => Err(error.failure),
    }
}

#[cfg(test)]
mod tests {
    use super::{Api, page_url, playlist_items_path};
    use crate::provider::Provider;
    use crate::providers::http_client;

    fn api() -> Api {
        let base = "https://api.spotify.com/v1".parse().unwrap();
        Api::new(Provider::Spotify, http_client().unwrap(), base)
    }

    #[test]
    fn an_id_never_leaves_its_place_in_the_path() {
        for id in ["../me/tracks", "a/b?c#d", "%2e%2e", "a b+ö"] {
            let url = api().url(&playlist_items_path(id), &[]);
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            assert_eq!(segments.len(), 4, "{url}");
            assert_eq!((segments[1], segments[3]), ("playlists", "items"), "{url}");
            assert_eq!(url.query(), None, "{url}");
        }
    }

    #[test]
    fn a_smaller_page_begins_where_the_larger_one_did() {
        let link = "https://api.spotify.com/v1/me/albums?offset=50&limit=50&market=BD";
        let url = page_url(&api(), "/me/albums", &[], Some(link), Some(10)).unwrap();
        assert_eq!(url.query(), Some("offset=50&market=BD&limit=10"));
        let whole = page_url(&api(), "/me/albums", &[], Some(link), None).unwrap();
        assert_eq!(whole.as_str(), link);
    }
}
