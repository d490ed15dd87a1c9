//! The YouTube Data API v3. Every call here costs one unit of the project's day.

use bondhu_core::retry::Failure;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{Api, Bearer, Item, Losses, ProviderError};

/// No token of a page is longer, in bytes.
const LONGEST_TOKEN: usize = 500;

/// The account's own channel. <https://developers.google.com/youtube/v3/docs/channels#resource>
#[derive(Debug)]
pub struct Channel {
    /// Id.
    pub id: Option<String>,
    /// Title.
    pub title: Option<String>,
}

/// The account's own channel; an account may have none.
///
/// # Errors
/// [`ProviderError`].
pub async fn own_channel(api: &Api, bearer: &Bearer) -> Result<Option<Channel>, ProviderError> {
    let url = api.url("/channels", &[("part", "snippet"), ("mine", "true")]);
    let answer = api.get(url, bearer).await?;
    let losses = Losses::default();
    let channels = answer.item(&losses).list("items", 1).unwrap_or_default();
    Ok(channels
        .into_iter()
        .flatten()
        .next()
        .map(|channel| Channel {
            id: channel.id("id").map(str::to_owned),
            title: channel
                .object("snippet")
                .and_then(|snippet| snippet.text("title")),
        }))
}

/// What a page is asked for: the path of its list, its query, and the token of the page.
#[must_use]
pub fn page_url(api: &Api, path: &str, query: &[(&str, &str)], page_token: Option<&str>) -> Url {
    let mut query = query.to_vec();
    query.extend(page_token.map(|token| ("pageToken", token)));
    api.url(path, &query)
}

/// The token of the page after this one, if there is one.
///
/// # Errors
/// Why it cannot be asked for.
pub fn next_page(page: Item<'_>) -> Result<Option<String>, Failure> {
    page.link("nextPageToken", LONGEST_TOKEN)
        .map(|token| token.map(str::to_owned))
        .map_err(|_| Failure::Malformed)
}

/// How many items the list has, as the provider says.
#[must_use]
pub fn total(page: Item<'_>) -> Option<u32> {
    page.object("pageInfo")?.count("totalResults")
}

/// The topics of a video or channel: the titles at the ends of Wikipedia URLs, decoded,
/// underscores as spaces. `None` when it tells of none.
#[must_use]
pub fn topics(of: Item<'_>) -> Option<Vec<String>> {
    let urls = of.object("topicDetails")?.texts("topicCategories");
    let titles = urls.iter().filter_map(|url| {
        let title = url.rsplit('/').next()?;
        let decoded = percent_decode_str(title).decode_utf8().ok()?;
        let title = decoded.replace('_', " ").replace('\0', "");
        Some(title.trim().to_owned()).filter(|title| !title.is_empty())
    });
    Some(titles.collect())
}

#[cfg(test)]
mod tests {
    use super::topics;
    use crate::providers::{Answer, Losses};

    #[test]
    fn topics_are_titles_as_people_write_them() {
        let body = br#"{"topicDetails": {"topicCategories": [
            "https://en.wikipedia.org/wiki/Pop_music", "https://en.wikipedia.org/wiki/Beyonc%C3%A9",
            "https://en.wikipedia.org/wiki/AC%2FDC", "https://en.wikipedia.org/wiki/", "", null,
            "https://en.wikipedia.org/wiki/%00", "https://en.wikipedia.org/wiki/%FF" ]}}"#;
        let answer = Answer::read(body).unwrap();
        let losses = Losses::default();
        assert_eq!(
            topics(answer.item(&losses)).unwrap(),
            ["Pop music", "Beyoncé", "AC/DC"]
        );
        assert_eq!(losses.into_counts()["topicCategories"], 1);
    }
}
