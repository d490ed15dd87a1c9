//! The `list` methods of the YouTube Data API v3 that the worker reads.
//!
//! <https://developers.google.com/youtube/v3/docs>, description in `standin/specs/`. Every
//! authenticated request costs one unit of the project's day, refused and unchanged ones too.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Provider;
use super::catalogue::video::{CATEGORIES, Video, Visibility};
use super::grants::Access;
use super::requests::{Params, bearer};
use super::state::{Shared, lock};
use super::wire::{Reply, google_error};
use super::youtube_resources as resources;

const SCOPE: &str = "https://www.googleapis.com/auth/youtube.readonly";
const DEFAULT_RESULTS: usize = 5;
const MOST_RESULTS: usize = 50;
/// A code that ISO 3166-1 leaves to its users: no region of YouTube's.
const NO_REGION: &str = "ZZ";
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
        if call.one_filter_of(&["id", "myRating"])? == "id" {
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
                    None => return Err(shared.refusals.youtube_playlist_not_found.clone()),
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

/// What all methods do alike: authentication, the quota, `part`, and the ETag.
fn list(
    shared: &Shared,
    headers: &HeaderMap,
    RawQuery(query): RawQuery,
    kind: &str,
    answer: impl FnOnce(&Call<'_>) -> Result<Value, Reply>,
) -> Response {
    let body =
        Call::admit(shared, headers, &query.unwrap_or_default()).and_then(|call| answer(&call));
    let mut body = match body {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    body["kind"] = json!(format!("youtube#{kind}"));
    let etag = etag_of(&body);
    let quoted = format!("\"{etag}\"");
    let unchanged = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == quoted);
    if unchanged {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, quoted)]).into_response();
    }
    body["etag"] = json!(etag);
    ([(header::ETAG, quoted)], axum::Json(body)).into_response()
}

/// An entity tag that follows from the content.
pub(super) fn etag_of(content: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    content.to_string().hash(&mut hasher);
    URL_SAFE_NO_PAD.encode(hasher.finish().to_be_bytes())
}

fn invalid_parameter(message: &str) -> Reply {
    google_error(400, "youtube.parameter", "invalidParameter", message)
}

/// An admitted request.
struct Call<'a> {
    shared: &'a Shared,
    access: Access,
    query: Params,
    parts: Vec<String>,
}

impl<'a> Call<'a> {
    fn admit(shared: &'a Shared, headers: &HeaderMap, query: &str) -> Result<Self, Reply> {
        let refusals = &shared.refusals;
        let access = bearer(headers)
            .and_then(|token| lock(&shared.grants).access(Provider::YouTube, token))
            .ok_or_else(|| refusals.youtube_unauthorized.clone())?;
        {
            let mut quota = lock(&shared.youtube_quota);
            if quota.used >= quota.allowed {
                return Err(refusals.youtube_quota.clone());
            }
            quota.used += 1;
        }
        if !access.scopes.iter().any(|scope| scope == SCOPE) {
            return Err(refusals.youtube_scope.clone());
        }
        let query = Params::parse(query);
        let parts: Vec<String> = query.list("part").map(str::to_owned).collect();
        if parts.is_empty() {
            let message = "Required parameter: part";
            return Err(google_error(400, "global", "required", message));
        }
        Ok(Self {
            shared,
            access,
            query,
            parts,
        })
    }

    fn account<T>(&self, read: impl FnOnce(&super::Account) -> T) -> T {
        self.shared
            .with_account(self.access.account, |account| read(account))
    }

    /// The one filter that the request has of those the method knows.
    fn one_filter_of(&self, known: &[&'static str]) -> Result<&'static str, Reply> {
        let mut given = known
            .iter()
            .filter(|name| match (**name, self.query.get(name)) {
                ("mine", value) => value == Some("true"),
                (_, value) => value.is_some_and(|value| !value.is_empty()),
            });
        match (given.next(), given.next()) {
            (Some(filter), None) => Ok(filter),
            (None, _) => Err(google_error(
                400,
                "youtube.parameter",
                "missingRequiredParameter",
                &format!("No filter selected. Expected one of: {}", known.join(", ")),
            )),
            (Some(_), Some(_)) => Err(google_error(
                400,
                "youtube.parameter",
                "incompatibleParameters",
                &format!(
                    "Incompatible parameters specified in the request: {}",
                    known.join(", ")
                ),
            )),
        }
    }

    fn ids(&self) -> Result<Vec<&str>, Reply> {
        let ids: Vec<&str> = self.query.list("id").collect();
        if ids.len() > MOST_RESULTS {
            return Err(google_error(
                400,
                "youtube.parameter",
                "invalidFilters",
                "The request specifies an invalid filter parameter: at most 50 ids.",
            ));
        }
        Ok(ids)
    }

    /// The asked page of `collection`; a token of another collection is invalid.
    fn page(&self, collection: &str, fewest: usize) -> Result<Page, Reply> {
        let results = match self.query.get("maxResults") {
            None => DEFAULT_RESULTS,
            Some(value) => {
                value.parse().ok().filter(|results| (fewest..=MOST_RESULTS).contains(results)).ok_or_else(|| {
                    invalid_parameter(&format!(
                        "Invalid value '{value}'. Values must be within the range: [{fewest}, {MOST_RESULTS}]"
                    ))
                })?
            }
        };
        let offset = match self.query.get("pageToken") {
            None => 0,
            Some(token) => URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|decoded| String::from_utf8(decoded).ok())
                .and_then(|decoded| {
                    decoded
                        .strip_prefix(&format!("{collection}/"))?
                        .parse()
                        .ok()
                })
                .ok_or_else(|| self.shared.refusals.youtube_page_token.clone())?,
        };
        Ok(Page {
            collection: collection.to_owned(),
            offset,
            results,
        })
    }
}

/// A page under an opaque token.
struct Page {
    collection: String,
    offset: usize,
    results: usize,
}

impl Page {
    fn cut<'a, T>(&self, all: &'a [T]) -> impl Iterator<Item = &'a T> {
        all.iter().skip(self.offset).take(self.results)
    }

    fn list(&self, total: usize, items: Vec<Value>) -> Value {
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
fn whole_list(items: Vec<Value>) -> Value {
    json!({ "pageInfo": { "totalResults": items.len(), "resultsPerPage": items.len() }, "items": items })
}
