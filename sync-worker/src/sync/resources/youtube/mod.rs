//! What is brought of YouTube, whole at each sync.

mod pages;
mod playlists;
mod subscriptions;
mod videos;

use crate::sync::resource::Resource;

/// Parts of something come after it.
pub(super) static RESOURCES: [&Resource; 8] = [
    &subscriptions::SUBSCRIPTIONS,
    &videos::LIKED_VIDEOS,
    &playlists::PLAYLISTS,
    &playlists::PLAYLIST_ITEMS,
    &videos::VIDEO_DETAILS,
    &subscriptions::CHANNEL_TOPICS,
    &videos::VIDEO_CATEGORIES,
    &videos::VIDEO_CHART,
];

const SCOPES: &[&str] = &["https://www.googleapis.com/auth/youtube.readonly"];
