//! One page of a resource: what to ask for, and what came.

use std::collections::BTreeMap;

use bondhu_core::retry::Failure;
use serde_json::Value;

use super::etag;
use super::outcome::SyncError;
use super::resource::Resource;
use super::rows::{self, Row};
use super::session::Session;
use super::trail::Sight;
use crate::provider::Provider;
use crate::providers::{Bearer, Item, Losses, PAGE_SIZE, ProviderError, spotify};

/// How many items are asked for: fewer when a page is too large to be read.
const LIMITS: [u32; 3] = [PAGE_SIZE, 10, 1];

/// Items of a list that comes whole: far more than any has.
const MOST_UNPAGED: u32 = 500;

/// Where a walk stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The part under way; empty for a resource without parts.
    pub(super) part: &'a str,
    /// The page, in the provider's own terms; `None` is the first.
    pub(super) next: Option<&'a str>,
    /// Items of the list, or part, before it.
    pub(super) seen: u32,
}

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Onward {
    /// Nothing.
    End,
    /// Another page, in the provider's own terms.
    Page(String),
    /// Something that cannot be asked for.
    Broken(Failure),
}

impl From<Result<Option<String>, Failure>> for Onward {
    fn from(next: Result<Option<String>, Failure>) -> Self {
        match next {
            Ok(Some(next)) => Self::Page(next),
            Ok(None) => Self::End,
            Err(failure) => Self::Broken(failure),
        }
    }
}

/// A page.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Which of the table's rows these are.
    pub(super) scope: String,
    /// What it holds.
    pub(super) items: Items,
    /// What comes after it.
    pub(super) onward: Onward,
    /// What it showed of its list.
    pub(super) sight: Sight,
    /// What of it could not be read, by field.
    pub(super) lost: BTreeMap<&'static str, u32>,
}

/// What a page holds.
#[derive(Debug)]
pub(super) enum Items {
    /// Rows, in the columns of the resource's list, and how to ask for the page again.
    New(Vec<Value>, Option<etag::Tagged>),
    /// What it held when it was last sent: the rows of these ids.
    Unchanged { page: String, ids: Vec<String> },
}

/// Whether what a checkpoint has of the next page can be asked for at all.
pub(super) fn is_usable(session: &Session<'_>, resource: Resource, next: &str) -> bool {
    match resource.provider() {
        Provider::Spotify => session.api.own_link(next).is_ok(),
        Provider::YouTube => !next.is_empty(),
    }
}

/// Fetches a page; one that is too large is asked for in smaller ones.
///
/// # Errors
/// [`SyncError`].
pub(super) async fn fetch(
    session: &Session<'_>,
    bearer: &Bearer,
    resource: Resource,
    place: Place<'_>,
) -> Result<Fetched, SyncError> {
    let limits = if resource.is_paged() {
        &LIMITS[..]
    } else {
        &LIMITS[..1]
    };
    let mut fetched = Err(ProviderError::too_large().into());
    for &limit in limits {
        session.spend().await?;
        let asked = Asked {
            session,
            bearer,
            resource,
            place,
            limit,
        };
        fetched = asked.page().await;
        let failure = match &fetched {
            Ok(_) => None,
            Err(SyncError::Provider(error)) => Some(error.failure),
            Err(_) => return fetched,
        };
        session
            .metrics
            .provider_answered(session.lease.owner.provider, failure);
        if failure != Some(Failure::TooLarge) {
            break;
        }
    }
    fetched
}

const VIDEO_PARTS: (&str, &str) = ("part", "snippet,topicDetails");

/// A page to be asked for.
pub(super) struct Asked<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) bearer: &'a Bearer,
    pub(super) resource: Resource,
    pub(super) place: Place<'a>,
    pub(super) limit: u32,
}

impl Asked<'_> {
    async fn page(&self) -> Result<Fetched, SyncError> {
        match self.resource {
            Resource::Account => self.account().await,
            Resource::RecentlyPlayed => self.recently_played().await,
            Resource::TopArtistsShort => self.top("artists", "short_term", rows::top_artist).await,
            Resource::TopArtistsMedium => {
                self.top("artists", "medium_term", rows::top_artist).await
            }
            Resource::TopArtistsLong => self.top("artists", "long_term", rows::top_artist).await,
            Resource::TopTracksShort => self.top("tracks", "short_term", rows::top_track).await,
            Resource::TopTracksMedium => self.top("tracks", "medium_term", rows::top_track).await,
            Resource::TopTracksLong => self.top("tracks", "long_term", rows::top_track).await,
            Resource::FollowedArtists => {
                let query = [("type", "artist")];
                self.spotify("/me/following", &query, Some("artists"), rows::artist)
                    .await
            }
            Resource::SavedAlbums => {
                self.spotify("/me/albums", &[], None, rows::saved_album)
                    .await
            }
            Resource::SavedTracks => {
                self.spotify("/me/tracks", &[], None, rows::saved_track)
                    .await
            }
            Resource::MusicPlaylists => {
                self.spotify("/me/playlists", &[], None, rows::music_playlist)
                    .await
            }
            Resource::MusicPlaylistItems => {
                let path = spotify::playlist_items_path(self.place.part);
                self.spotify(&path, &[], None, rows::music_playlist_item)
                    .await
            }
            Resource::AudioFeatures => self.audio_features().await,
            Resource::Subscriptions => {
                let query = [("part", "snippet"), ("mine", "true")];
                self.youtube("/subscriptions", &query, rows::subscription)
                    .await
            }
            Resource::LikedVideos => {
                let query = [VIDEO_PARTS, ("myRating", "like")];
                self.youtube("/videos", &query, rows::video).await
            }
            Resource::VideoPlaylists => {
                let query = [("part", "snippet,contentDetails"), ("mine", "true")];
                self.youtube("/playlists", &query, rows::video_playlist)
                    .await
            }
            Resource::VideoPlaylistItems => {
                let query = [("part", "contentDetails"), ("playlistId", self.place.part)];
                self.youtube("/playlistItems", &query, rows::video_playlist_item)
                    .await
            }
            Resource::VideoDetails => {
                let query = [VIDEO_PARTS, ("id", self.place.part)];
                self.youtube_by_id("/videos", &query, rows::video).await
            }
            Resource::ChannelTopics => {
                let query = [("part", "topicDetails"), ("id", self.place.part)];
                self.youtube_by_id("/channels", &query, rows::channel_topics)
                    .await
            }
            Resource::VideoCategories => {
                let query = [("part", "snippet"), ("regionCode", self.place.part)];
                self.youtube_page("/videoCategories", &query, rows::category)
                    .await
            }
        }
    }

    pub(super) fn fetched(
        &self,
        rows: Vec<Value>,
        onward: Onward,
        sight: Sight,
        losses: Losses,
    ) -> Fetched {
        let scope = match self.place.part {
            "" => self.resource.scope(),
            part => part,
        };
        Fetched {
            scope: scope.to_owned(),
            items: Items::New(rows, None),
            onward,
            sight,
            lost: losses.into_counts(),
        }
    }

    /// Reads a page. One that is no list stops its walk, and no other.
    pub(super) fn read(
        &self,
        page: Item<'_>,
        onward: Onward,
        total: Option<u32>,
        row: Row,
    ) -> (Vec<Value>, Onward, Sight) {
        let most = self.most_items();
        let (items, onward) = match page.list("items", most) {
            Ok(items) => (items, onward),
            Err(_) => (Vec::new(), Onward::Broken(Failure::Malformed)),
        };
        // Spotify counts what it cannot show and sends null for it.
        let uncounted = match self.resource.provider() {
            Provider::Spotify => 0,
            Provider::YouTube => page.nulls("items", most),
        };
        let sight = Sight {
            items: u32::try_from(items.len() - uncounted).unwrap_or(u32::MAX),
            total,
            limit: self.limit,
        };
        let places = self.place.seen..;
        let rows = places
            .zip(items)
            .filter_map(|(place, item)| row(item?, place))
            .collect();
        (rows, onward, sight)
    }

    /// How many items are read of a page: no more than were asked for.
    pub(super) const fn most_items(&self) -> u32 {
        if self.resource.is_paged() {
            self.limit
        } else {
            MOST_UNPAGED
        }
    }

    /// The number of items that a link to a page has to be changed to.
    pub(super) fn changed_limit(&self) -> Option<u32> {
        Some(self.limit).filter(|&limit| limit != PAGE_SIZE)
    }

    /// A list of Spotify's; `within`: what field holds its page.
    async fn spotify(
        &self,
        path: &str,
        query: &[(&str, &str)],
        within: Option<&'static str>,
        row: Row,
    ) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let url = spotify::page_url(api, path, query, self.place.next, self.changed_limit())?;
        let asked = spotify::offset(&url).unwrap_or(self.place.seen);
        let answer = api.get(url, self.bearer).await?;
        let losses = Losses::default();
        let root = answer.item(&losses);
        let page = within.map_or(Ok(Some(root)), |name| root.holder(name));
        let (rows, onward, sight) = match page {
            Ok(Some(page)) => {
                // Places are counted here: one that the page claims could be another page's.
                page.agrees("offset", &[asked, self.place.seen]);
                let onward = spotify::next_page(api, page).into();
                self.read(page, onward, page.count("total"), row)
            }
            Ok(None) => (Vec::new(), Onward::End, Sight::default()),
            Err(_) => (
                Vec::new(),
                Onward::Broken(Failure::Malformed),
                Sight::default(),
            ),
        };
        Ok(self.fetched(rows, onward, sight, losses))
    }

    async fn top(&self, kind: &str, range: &str, row: Row) -> Result<Fetched, SyncError> {
        let path = format!("/me/top/{kind}");
        self.spotify(&path, &[("time_range", range)], None, row)
            .await
    }

    async fn account(&self) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let answer = api.get(api.url("/me", &[]), self.bearer).await?;
        let losses = Losses::default();
        let row = rows::account(answer.item(&losses));
        Ok(self.fetched(vec![row], Onward::End, Sight::default(), losses))
    }

    async fn audio_features(&self) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let url = api.url("/audio-features", &[("ids", self.place.part)]);
        let answer = api.get(url, self.bearer).await?;
        let losses = Losses::default();
        let known = answer.item(&losses).list("audio_features", MOST_UNPAGED);
        let known = known.unwrap_or_default().into_iter().flatten();
        let rows = known.filter_map(rows::features).collect();
        Ok(self.fetched(rows, Onward::End, Sight::default(), losses))
    }
}
