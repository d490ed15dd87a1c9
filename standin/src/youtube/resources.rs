//! YouTube's resources as JSON, with the parts that were asked for.

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::etag::etag_of;
use crate::catalogue::Account;
use crate::catalogue::video::{Channel, Playlist, Subscription, Video, Visibility};

/// A resource with an `etag`, and of `parts` only the asked ones.
fn resource<const N: usize>(
    kind: &str,
    id: &str,
    asked: &[String],
    parts: [(&str, Value); N],
) -> Value {
    let mut resource = Map::new();
    for (name, part) in parts {
        if !part.is_null() && asked.iter().any(|asked| asked == name) {
            resource.insert(name.to_owned(), part);
        }
    }
    resource.insert("kind".to_owned(), json!(format!("youtube#{kind}")));
    resource.insert("id".to_owned(), json!(id));
    let mut resource = Value::Object(resource);
    resource["etag"] = json!(etag_of(&resource));
    resource
}

fn timestamp(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// <https://developers.google.com/youtube/v3/docs/subscriptions#resource>
pub(super) fn subscription(parts: &[String], subscription: &Subscription) -> Value {
    let channel = &subscription.channel;
    let snippet = json!({
        "publishedAt": timestamp(subscription.subscribed_at),
        "title": channel.title,
        "description": "",
        "resourceId": { "kind": "youtube#channel", "channelId": channel.id },
        "thumbnails": {},
    });
    let content_details = json!({ "totalItemCount": 4, "newItemCount": 0, "activityType": "all" });
    resource(
        "subscription",
        &subscription.id,
        parts,
        [("snippet", snippet), ("contentDetails", content_details)],
    )
}

fn topic_details(topics: Option<&Vec<String>>) -> Value {
    topics.map_or(Value::Null, |topics| json!({ "topicCategories": topics }))
}

/// <https://developers.google.com/youtube/v3/docs/videos#resource>
pub(super) fn video(parts: &[String], video: &Video) -> Value {
    let mut snippet = json!({
        "publishedAt": timestamp(video.published_at),
        "channelId": video.channel_id,
        "title": video.title,
        "description": "",
        "thumbnails": {},
        "channelTitle": video.channel_title,
        "categoryId": video.category_id,
        "liveBroadcastContent": "none",
    });
    if let Some(tags) = &video.tags {
        snippet["tags"] = json!(tags);
    }
    let topics = topic_details(video.topics.as_ref());
    resource(
        "video",
        &video.id,
        parts,
        [("snippet", snippet), ("topicDetails", topics)],
    )
}

/// <https://developers.google.com/youtube/v3/docs/channels#resource>
pub(super) fn channel(parts: &[String], channel: &Channel) -> Value {
    let snippet = json!({ "title": channel.title, "description": "", "thumbnails": {} });
    let topics = topic_details(channel.topics.as_ref());
    resource(
        "channel",
        &channel.id,
        parts,
        [("snippet", snippet), ("topicDetails", topics)],
    )
}

/// The account's own channel, whose details name the playlist of liked videos.
pub(super) fn own_channel(parts: &[String], account: &Account, liked: &str) -> Value {
    let snippet = json!({ "title": account.display_name, "description": "", "thumbnails": {} });
    let id = &account.video.channel_id;
    let uploads = id.replacen("UC", "UU", 1);
    let content_details = json!({ "relatedPlaylists": { "likes": liked, "uploads": uploads } });
    resource(
        "channel",
        id,
        parts,
        [("snippet", snippet), ("contentDetails", content_details)],
    )
}

/// <https://developers.google.com/youtube/v3/docs/videoCategories#resource>
pub(super) fn category(parts: &[String], (id, title, assignable): &(&str, &str, bool)) -> Value {
    // YouTube's own channel owns the categories of every region.
    let snippet = json!({ "title": title, "assignable": assignable, "channelId": "UCBR8-60-B28hp2BmDPdntcQ" });
    resource("videoCategory", id, parts, [("snippet", snippet)])
}

/// <https://developers.google.com/youtube/v3/docs/playlists#resource>
pub(super) fn playlist(parts: &[String], account: &Account, playlist: &Playlist) -> Value {
    let snippet = json!({
        "channelId": account.video.channel_id,
        "channelTitle": account.display_name,
        "title": playlist.title,
        "description": "",
        "thumbnails": {},
    });
    let content_details = json!({ "itemCount": playlist.videos.len() });
    resource(
        "playlist",
        &playlist.id,
        parts,
        [("snippet", snippet), ("contentDetails", content_details)],
    )
}

/// <https://developers.google.com/youtube/v3/docs/playlistItems#resource>. A video that
/// cannot be seen keeps its place under a title that says so, and has no owner or date.
pub(super) fn playlist_item(
    parts: &[String],
    account: &Account,
    playlist_id: &str,
    position: usize,
    video: &Video,
) -> Value {
    let (title, privacy) = match video.visibility {
        Visibility::Public => (video.title.as_str(), "public"),
        Visibility::Private => ("Private video", "private"),
        Visibility::Deleted => ("Deleted video", "private"),
    };
    let mut snippet = json!({
        "channelId": account.video.channel_id,
        "channelTitle": account.display_name,
        "title": title,
        "description": "",
        "thumbnails": {},
        "playlistId": playlist_id,
        "position": position,
        "resourceId": { "kind": "youtube#video", "videoId": video.id },
    });
    let mut content_details = json!({ "videoId": video.id });
    if video.visibility == Visibility::Public {
        snippet["videoOwnerChannelId"] = json!(video.channel_id);
        snippet["videoOwnerChannelTitle"] = json!(video.channel_title);
        content_details["videoPublishedAt"] = json!(timestamp(video.published_at));
    }
    let parts_of_it = [
        ("snippet", snippet),
        ("contentDetails", content_details),
        ("status", json!({ "privacyStatus": privacy })),
    ];
    resource(
        "playlistItem",
        &format!("{playlist_id}.{}", video.id),
        parts,
        parts_of_it,
    )
}
