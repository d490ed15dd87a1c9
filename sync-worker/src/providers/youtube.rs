//! The YouTube Data API v3. Every call here costs one unit of the project's day.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use url::Url;

use super::{Api, Bearer, ProviderError, list_or_empty};

/// Items a page holds at most; the default would be 5.
pub const PAGE_SIZE: &str = "50";

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// What it holds.
    #[serde(
        default = "Vec::new",
        deserialize_with = "list_or_empty",
        bound = "T: Deserialize<'de>"
    )]
    pub items: Vec<Option<T>>,
    /// Token of the page after it.
    pub next_page_token: Option<String>,
}

/// A subscription. <https://developers.google.com/youtube/v3/docs/subscriptions#resource>
#[derive(Debug, Deserialize)]
pub struct Subscription {
    /// What it says.
    pub snippet: Option<SubscriptionSnippet>,
}

/// What a subscription says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionSnippet {
    /// The channel.
    pub resource_id: Option<ResourceId>,
    /// Its title.
    pub title: Option<String>,
    /// Since when.
    pub published_at: Option<DateTime<Utc>>,
}

/// What a subscription leads to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceId {
    /// Id of the channel.
    pub channel_id: Option<String>,
}

/// A video. <https://developers.google.com/youtube/v3/docs/videos#resource>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Video {
    /// Id.
    pub id: Option<String>,
    /// What it says.
    pub snippet: Option<VideoSnippet>,
    /// What it is about.
    pub topic_details: Option<TopicDetails>,
}

/// What a video says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoSnippet {
    /// Title.
    pub title: Option<String>,
    /// Id of its channel.
    pub channel_id: Option<String>,
    /// Title of its channel.
    pub channel_title: Option<String>,
    /// Id of its category.
    pub category_id: Option<String>,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
}

/// What a video is about.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicDetails {
    /// Wikipedia URLs.
    #[serde(default, deserialize_with = "list_or_empty")]
    pub topic_categories: Vec<String>,
}

impl TopicDetails {
    /// The titles at the ends of the URLs, underscores as spaces.
    #[must_use]
    pub fn titles(&self) -> Vec<String> {
        self.topic_categories
            .iter()
            .filter_map(|url| url.rsplit('/').next().filter(|title| !title.is_empty()))
            .map(|title| title.replace('_', " "))
            .collect()
    }
}

/// A playlist. <https://developers.google.com/youtube/v3/docs/playlists#resource>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Playlist {
    /// Id.
    pub id: Option<String>,
    /// What it says.
    pub snippet: Option<Titled>,
    /// How much is in it.
    pub content_details: Option<PlaylistDetails>,
}

/// How much is in a playlist.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaylistDetails {
    /// Number of its items.
    pub item_count: Option<i32>,
}

/// An item of a playlist. <https://developers.google.com/youtube/v3/docs/playlistItems#resource>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaylistItem {
    /// Id of the item, not of the video.
    pub id: Option<String>,
    /// What it leads to.
    pub content_details: Option<PlaylistItemDetails>,
}

/// What an item of a playlist leads to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaylistItemDetails {
    /// Id of the video, also when nobody can see it any more.
    pub video_id: Option<String>,
}

/// A channel. <https://developers.google.com/youtube/v3/docs/channels#resource>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Id.
    pub id: Option<String>,
    /// What it says.
    pub snippet: Option<Titled>,
    /// What it is about.
    pub topic_details: Option<TopicDetails>,
}

/// A video category. <https://developers.google.com/youtube/v3/docs/videoCategories#resource>
#[derive(Debug, Deserialize)]
pub struct Category {
    /// Id.
    pub id: Option<String>,
    /// What it says.
    pub snippet: Option<Titled>,
}

/// Something with a title.
#[derive(Debug, Deserialize)]
pub struct Titled {
    /// The title.
    pub title: Option<String>,
}

/// The account's own channel; an account may have none.
///
/// # Errors
/// [`ProviderError`].
pub async fn own_channel(api: &Api, bearer: &Bearer) -> Result<Option<Channel>, ProviderError> {
    let url = api.url("/channels", &[("part", "snippet"), ("mine", "true")]);
    let page: Page<Channel> = api.get(url, bearer).await?;
    Ok(page.items.into_iter().flatten().next())
}

/// What a page is asked for: the path of its list, its query, and the token of the page.
#[must_use]
pub fn page_url(api: &Api, path: &str, query: &[(&str, &str)], page_token: Option<&str>) -> Url {
    let mut query = query.to_vec();
    query.extend(page_token.map(|token| ("pageToken", token)));
    api.url(path, &query)
}
