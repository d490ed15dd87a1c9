//! The `list` methods of the YouTube Data API v3 that the worker reads.
//!
//! <https://developers.google.com/youtube/v3/docs>, description in `standin/specs/`. Every
//! authenticated request costs one unit of the project's day, errors and unchanged answers included.

mod call;
mod etag;
mod page;
mod resources;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::catalogue::video::{CATEGORIES, Video, Visibility};
use super::shared::Shared;
use super::wire::google_error;
use call::{invalid_parameter, list};
use page::whole_list;

/// A code that ISO 3166-1 leaves to its users: no region of YouTube's.
const NO_REGION: &str = "ZZ";
/// Whose chart it is where none is named.
const USUAL_REGION: &str = "US";
/// Name of the playlist of liked videos on every account.
const LIKED: &str = "LL";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/subscriptions", get(subscriptions))
        .route("/videos", get(videos))
        .route("/channels", get(channels))
        .route("/videoCategories", get(video_categories))
        .route("/playlists", get(playlists))
        .route("/playlistItems", get(playlist_items))
        .fallback(|| async {
            google_error(
                404,
                "global",
                "notFound",
                "The requested URL was not found.",
            )
        })
}

async fn subscriptions(
    shared: State<Arc<Shared>>,
    headers: HeaderMap,
    query: RawQuery,
) -> Response {
    list(
        &shared,
        &headers,
        query,
        "subscriptionListResponse",
        |call| {
            call.one_filter_of(&["mine"])?;
            let page = call.page("subscriptions", 0)?;
            call.account(|account| {
                let all = &account.video.subscriptions;
                let items = page
                    .cut(all)
                    .map(|item| resources::subscription(&call.parts, item))
                    .collect();
                Ok(page.list(all.len(), items))
            })
        },
    )
}

async fn videos(shared: State<Arc<Shared>>, headers: HeaderMap, query: RawQuery) -> Response {
    list(&shared, &headers, query, "videoListResponse", |call| {
        let visible = |video: &&Video| video.visibility == Visibility::Public;
        let filter = call.one_filter_of(&["chart", "id", "myRating"])?;
        if filter == "chart" {
            let region = call.query.get("regionCode").unwrap_or(USUAL_REGION);
            if call.query.get("chart") != Some("mostPopular") || region == NO_REGION {
                return Err(google_error(
                    400,
                    "youtube.video",
                    "videoChartNotFound",
                    "The requested video chart is not supported or is not available.",
                ));
            }
            let all = shared.world.videos.chart(region);
            let page = call.page(&format!("chart {region}"), 1)?;
            let items = page
                .cut(&all)
                .map(|video| resources::video(&call.parts, video))
                .collect();
            return Ok(page.list(all.len(), items));
        }
        if filter == "id" {
            let ids = call.ids()?;
            let found = ids.iter().filter_map(|id| {
                shared
                    .world
                    .videos
                    .videos
                    .iter()
                    .find(|video| video.id == *id)
            });
            let items = found
                .filter(visible)
                .map(|video| resources::video(&call.parts, video))
                .collect();
            return Ok(whole_list(items));
        }
        let page = call.page("videos", 1)?;
        match call.query.get("myRating") {
            Some("like") => call.account(|account| {
                // What is private or deleted by now is counted and left out: pages come short.
                let all = &account.video.liked;
                let items = page
                    .cut(all)
                    .filter(visible)
                    .map(|video| resources::video(&call.parts, video))
                    .collect();
                Ok(page.list(all.len(), items))
            }),
            Some("dislike" | "none") => Ok(page.list(0, Vec::new())),
            _ => Err(invalid_parameter("Invalid value for myRating.")),
        }
    })
}

async fn channels(shared: State<Arc<Shared>>, headers: HeaderMap, query: RawQuery) -> Response {
    list(&shared, &headers, query, "channelListResponse", |call| {
        if call.one_filter_of(&["id", "mine"])? == "mine" {
            let own = call.account(|account| resources::own_channel(&call.parts, account, LIKED));
            return Ok(whole_list(vec![own]));
        }
        let ids = call.ids()?;
        let all = &shared.world.videos.channels;
        let found = ids.iter().filter_map(|id| {
            all.iter()
                .find(|channel| channel.id == *id && !channel.terminated)
        });
        Ok(whole_list(
            found
                .map(|channel| resources::channel(&call.parts, channel))
                .collect(),
        ))
    })
}

async fn video_categories(
    shared: State<Arc<Shared>>,
    headers: HeaderMap,
    query: RawQuery,
) -> Response {
    list(
        &shared,
        &headers,
        query,
        "videoCategoryListResponse",
        |call| {
            let by_id = call.one_filter_of(&["id", "regionCode"])? == "id";
            let ids = if by_id { call.ids()? } else { Vec::new() };
            if call.query.get("regionCode") == Some(NO_REGION) {
                return Err(google_error(
                    400,
                    "youtube.part",
                    "invalidRegionCode",
                    "The regionCode parameter specifies an invalid region code.",
                ));
            }
            let asked = CATEGORIES
                .iter()
                .filter(|(id, ..)| !by_id || ids.contains(id));
            Ok(
                json!({ "items": asked.map(|category| resources::category(&call.parts, category)).collect::<Vec<_>>() }),
            )
        },
    )
}

async fn playlists(shared: State<Arc<Shared>>, headers: HeaderMap, query: RawQuery) -> Response {
    list(&shared, &headers, query, "playlistListResponse", |call| {
        call.one_filter_of(&["mine"])?;
        let page = call.page("playlists", 0)?;
        call.account(|account| {
            let all = &account.video.playlists;
            let items = page
                .cut(all)
                .map(|item| resources::playlist(&call.parts, account, item))
                .collect();
            Ok(page.list(all.len(), items))
        })
    })
}

async fn playlist_items(
    shared: State<Arc<Shared>>,
    headers: HeaderMap,
    query: RawQuery,
) -> Response {
    list(
        &shared,
        &headers,
        query,
        "playlistItemListResponse",
        |call| {
            call.one_filter_of(&["playlistId"])?;
            let id = call.query.get("playlistId").unwrap_or_default();
            let page = call.page(id, 0)?;
            call.account(|account| {
                let own = account
                    .video
                    .playlists
                    .iter()
                    .find(|playlist| playlist.id == id);
                let all = match own {
                    Some(playlist) => &playlist.videos,
                    None if id == LIKED => &account.video.liked,
                    None => return Err(shared.recorded.youtube_playlist_not_found.clone()),
                };
                let items = page
                    .cut(all)
                    .enumerate()
                    .map(|(at, video)| {
                        resources::playlist_item(&call.parts, account, id, page.offset + at, video)
                    })
                    .collect();
                Ok(page.list(all.len(), items))
            })
        },
    )
}
