//! One page of a resource: what to ask for, and what came.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::etag::{self, Held};
use super::outcome::SyncError;
use super::resource::Resource;
use super::rows::{self, placed};
use super::session::Session;
use crate::providers::spotify::{Artist, Following, Page, PlaylistItem, Track};
use crate::providers::{Bearer, Changed, ProviderError, spotify, youtube};

/// Where a walk stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The part under way; empty for a resource without parts.
    pub(super) part: &'a str,
    /// The page, in the provider's own terms; `None` is the first.
    pub(super) next: Option<&'a str>,
}

/// A page.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Which of the table's rows these are.
    pub(super) scope: String,
    /// What it holds.
    pub(super) items: Items,
    /// The page after it.
    pub(super) next: Option<String>,
}

/// What a page holds.
#[derive(Debug)]
pub(super) enum Items {
    /// Rows, in the columns of the resource's list, and how to ask for the page again.
    New(Vec<Value>, Option<etag::Tagged>),
    /// What it held when it was last sent: the rows of these ids.
    Unchanged { page: String, ids: Vec<String> },
}

/// Fetches a page.
///
/// # Errors
/// [`SyncError`].
pub(super) async fn fetch(
    session: &Session<'_>,
    bearer: &Bearer,
    resource: Resource,
    place: Place<'_>,
) -> Result<Fetched, SyncError> {
    session.spend().await?;
    let asked = Asked {
        session,
        bearer,
        resource,
        place,
    };
    let fetched = asked.page().await;
    let failure = match &fetched {
        Ok(_) => None,
        Err(SyncError::Provider(error)) => Some(error.failure),
        Err(_) => return fetched,
    };
    session
        .metrics
        .provider_answered(session.lease.owner.provider, failure);
    fetched
}

const MAX_RESULTS: (&str, &str) = ("maxResults", youtube::PAGE_SIZE);
const VIDEO_PARTS: (&str, &str) = ("part", "snippet,topicDetails");

struct Asked<'a> {
    session: &'a Session<'a>,
    bearer: &'a Bearer,
    resource: Resource,
    place: Place<'a>,
}

impl Asked<'_> {
    async fn page(self) -> Result<Fetched, SyncError> {
        match self.resource {
            Resource::RecentlyPlayed => self.recently_played().await,
            Resource::TopArtistsShort => self.top_artists("short_term").await,
            Resource::TopArtistsMedium => self.top_artists("medium_term").await,
            Resource::TopArtistsLong => self.top_artists("long_term").await,
            Resource::TopTracksShort => self.top_tracks("short_term").await,
            Resource::TopTracksMedium => self.top_tracks("medium_term").await,
            Resource::TopTracksLong => self.top_tracks("long_term").await,
            Resource::FollowedArtists => self.followed_artists().await,
            Resource::SavedAlbums => self.spotify("/me/albums", &[], rows::saved_album).await,
            Resource::SavedTracks => self.spotify("/me/tracks", &[], rows::saved_track).await,
            Resource::MusicPlaylists => {
                self.spotify("/me/playlists", &[], rows::music_playlist)
                    .await
            }
            Resource::MusicPlaylistItems => self.music_playlist_items().await,
            Resource::AudioFeatures => self.audio_features().await,
            Resource::Subscriptions => {
                let query = [("part", "snippet"), ("mine", "true"), MAX_RESULTS];
                self.youtube("/subscriptions", &query, rows::subscription)
                    .await
            }
            Resource::LikedVideos => {
                let query = [VIDEO_PARTS, ("myRating", "like"), MAX_RESULTS];
                self.youtube("/videos", &query, rows::video).await
            }
            Resource::VideoPlaylists => {
                let query = [
                    ("part", "snippet,contentDetails"),
                    ("mine", "true"),
                    MAX_RESULTS,
                ];
                self.youtube("/playlists", &query, rows::video_playlist)
                    .await
            }
            Resource::VideoPlaylistItems => {
                let id = ("playlistId", self.place.part);
                let query = [("part", "contentDetails"), id, MAX_RESULTS];
                self.youtube("/playlistItems", &query, rows::video_playlist_item)
                    .await
            }
            Resource::VideoDetails => {
                let query = [VIDEO_PARTS, ("id", self.place.part)];
                self.youtube("/videos", &query, rows::video).await
            }
            Resource::ChannelTopics => {
                let query = [
                    ("part", "topicDetails"),
                    ("id", self.place.part),
                    MAX_RESULTS,
                ];
                self.youtube("/channels", &query, rows::channel_topics)
                    .await
            }
            Resource::VideoCategories => {
                let query = [("part", "snippet"), ("regionCode", self.place.part)];
                self.youtube("/videoCategories", &query, rows::category)
                    .await
            }
        }
    }

    fn fetched(self, rows: Vec<Value>, next: Option<String>) -> Fetched {
        let scope = match self.place.part {
            "" => self.resource.scope(),
            part => part,
        };
        Fetched {
            scope: scope.to_owned(),
            items: Items::New(rows, None),
            next,
        }
    }

    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, SyncError> {
        let Session { api, .. } = self.session;
        Ok(spotify::list(api, self.bearer, path, query, self.place.next).await?)
    }

    /// A list of Spotify's whose items need no more than themselves.
    async fn spotify<T: DeserializeOwned>(
        self,
        path: &str,
        query: &[(&str, &str)],
        row: fn(T) -> Option<Value>,
    ) -> Result<Fetched, SyncError> {
        let page: Page<T> = self.list(path, query).await?;
        let rows = page.items.into_iter().flatten().filter_map(row).collect();
        Ok(self.fetched(rows, page.next))
    }

    async fn recently_played(self) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let known = newest_play(self.session).await?;
        let plays = spotify::recently_played(api, self.bearer, known).await?;
        // The provider keeps so many and no more: older ones may be lost.
        let full = plays.items.len() >= spotify::PLAYS_KEPT;
        let rows = plays
            .items
            .into_iter()
            .flatten()
            .filter_map(rows::play)
            .collect();
        Ok(Fetched {
            scope: known
                .filter(|_| full)
                .map(|at| at.to_rfc3339())
                .unwrap_or_default(),
            ..self.fetched(rows, None)
        })
    }

    async fn top_artists(self, range: &str) -> Result<Fetched, SyncError> {
        let page: Page<Artist> = self
            .list("/me/top/artists", &[("time_range", range)])
            .await?;
        let next = page.next.clone();
        let row =
            |(place, artist): (u32, Artist)| rows::with_rank(rows::artist_row(artist)?, place);
        let rows = placed(page).filter_map(row).collect();
        Ok(self.fetched(rows, next))
    }

    async fn top_tracks(self, range: &str) -> Result<Fetched, SyncError> {
        let page: Page<Track> = self
            .list("/me/top/tracks", &[("time_range", range)])
            .await?;
        let next = page.next.clone();
        let row =
            |(place, track): (u32, Track)| rows::with_rank(rows::track_row(&track, None)?, place);
        let rows = placed(page).filter_map(row).collect();
        Ok(self.fetched(rows, next))
    }

    async fn followed_artists(self) -> Result<Fetched, SyncError> {
        let Following { artists } = self.list("/me/following", &[("type", "artist")]).await?;
        let rows = artists
            .items
            .into_iter()
            .flatten()
            .filter_map(rows::artist_row)
            .collect();
        Ok(self.fetched(rows, artists.next))
    }

    async fn music_playlist_items(self) -> Result<Fetched, SyncError> {
        let path = format!("/playlists/{}/items", self.place.part);
        let page: Page<PlaylistItem> = self.list(&path, &[]).await?;
        let next = page.next.clone();
        let row = |(place, item): (u32, PlaylistItem)| {
            let track = item.item.or(item.track)?;
            let mut row = rows::track_row(&track, item.added_at)?;
            row["position"] = json!(place);
            row["track_id"] = row["item_id"].take();
            Some(row)
        };
        let rows = placed(page).filter_map(row).collect();
        Ok(self.fetched(rows, next))
    }

    async fn audio_features(self) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let known = spotify::audio_features(api, self.bearer, self.place.part).await?;
        let known = known.audio_features.into_iter().flatten();
        let rows = known.filter_map(rows::features).collect();
        Ok(self.fetched(rows, None))
    }

    /// A list of YouTube's, asked for under the entity tag it had.
    async fn youtube<T: DeserializeOwned>(
        self,
        path: &str,
        query: &[(&str, &str)],
        row: fn(T) -> Option<Value>,
    ) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let url = youtube::page_url(api, path, query, self.place.next);
        let page = etag::page_of(&url);
        let held = match self.resource.list().touch {
            Some(_) => etag::held(self.session, self.resource, &page).await?,
            None => None,
        };
        let tag = held.as_ref().map(|held| held.etag.as_str());
        let answer = api
            .get_if_changed::<youtube::Page<T>>(url, self.bearer, tag)
            .await?;
        let (list, etag) = match (answer, held) {
            (Changed::Yes(list, etag), _) => (list, etag),
            (
                Changed::No,
                Some(Held {
                    item_ids: ids,
                    next_page,
                    ..
                }),
            ) => {
                return Ok(Fetched {
                    items: Items::Unchanged { page, ids },
                    ..self.fetched(Vec::new(), next_page)
                });
            }
            (Changed::No, None) => return Err(ProviderError::unasked_304().into()),
        };
        let rows: Vec<_> = list.items.into_iter().flatten().filter_map(row).collect();
        let tagged = etag
            .filter(|_| self.resource.list().touch.is_some())
            .map(|etag| etag::Tagged { page, etag });
        Ok(Fetched {
            items: Items::New(rows, tagged),
            ..self.fetched(Vec::new(), list.next_page_token)
        })
    }
}

async fn newest_play(session: &Session<'_>) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select max(played_at) from public.listening_history where user_id = $1")
        .bind(session.lease.owner.user)
        .fetch_one(session.database)
        .await
}
