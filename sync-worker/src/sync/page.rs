//! One page of a resource: what to ask for, and what came.

use bondhu_core::retry::Failure;

use super::fetched::{Fetched, Onward};
use super::outcome::SyncError;
use super::request::{MOST_UNPAGED, PageRequest, WalkPosition};
use super::resource::Resource;
use super::rows::{self, ReadRow};
use super::session::Session;
use super::trail::Sight;
use crate::provider::Provider;
use crate::providers::{Bearer, Losses, PAGE_SIZE, ProviderError, spotify};

/// How many items are asked for: fewer when a page is too large to be read.
const LIMITS: [u32; 3] = [PAGE_SIZE, 10, 1];

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
    position: WalkPosition<'_>,
) -> Result<Fetched, SyncError> {
    let limits = if resource.is_paged() {
        &LIMITS[..]
    } else {
        &LIMITS[..1]
    };
    let mut fetched = Err(ProviderError::too_large().into());
    for &limit in limits {
        session.spend().await?;
        let asked = PageRequest {
            session,
            bearer,
            resource,
            position,
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

impl PageRequest<'_> {
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
                let path = spotify::playlist_items_path(self.position.part);
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
                let query = [
                    ("part", "contentDetails"),
                    ("playlistId", self.position.part),
                ];
                self.youtube("/playlistItems", &query, rows::video_playlist_item)
                    .await
            }
            Resource::VideoDetails => {
                let query = [VIDEO_PARTS, ("id", self.position.part)];
                self.youtube_by_id("/videos", &query, rows::video).await
            }
            Resource::ChannelTopics => {
                let query = [("part", "topicDetails"), ("id", self.position.part)];
                self.youtube_by_id("/channels", &query, rows::channel_topics)
                    .await
            }
            Resource::VideoCategories => {
                let query = [("part", "snippet"), ("regionCode", self.position.part)];
                self.youtube_page("/videoCategories", &query, rows::category)
                    .await
            }
        }
    }

    /// A list of Spotify's; `within`: what field holds its page.
    async fn spotify(
        &self,
        path: &str,
        query: &[(&str, &str)],
        within: Option<&'static str>,
        row: ReadRow,
    ) -> Result<Fetched, SyncError> {
        let Session { api, .. } = self.session;
        let url = spotify::page_url(api, path, query, self.position.next, self.changed_limit())?;
        let asked = spotify::offset(&url).unwrap_or(self.position.seen);
        let answer = api.get(url, self.bearer).await?;
        let losses = Losses::default();
        let root = answer.item(&losses);
        let page = within.map_or(Ok(Some(root)), |name| root.holder(name));
        let (rows, onward, sight) = match page {
            Ok(Some(page)) => {
                // Places are counted here: one that the page claims could be another page's.
                page.agrees("offset", &[asked, self.position.seen]);
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

    async fn top(&self, kind: &str, range: &str, row: ReadRow) -> Result<Fetched, SyncError> {
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
        let url = api.url("/audio-features", &[("ids", self.position.part)]);
        let answer = api.get(url, self.bearer).await?;
        let losses = Losses::default();
        let known = answer.item(&losses).list("audio_features", MOST_UNPAGED);
        let known = known.unwrap_or_default().into_iter().flatten();
        let rows = known.filter_map(rows::features).collect();
        Ok(self.fetched(rows, Onward::End, Sight::default(), losses))
    }
}
