//! One page of a resource: what to ask for, and its items as rows.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::etag::{self, Held};
use super::outcome::SyncError;
use super::resource::Resource;
use super::session::Session;
use crate::providers::spotify::{
    Artist, Following, Page, Play, Playlist, PlaylistItem, SavedAlbum, SavedTrack, Track,
    TrackFeatures, names,
};
use crate::providers::{Bearer, Changed, spotify, youtube};

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

/// Fetches a page. Items without what identifies them (local files, episodes, deleted or
/// private videos) are left out.
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
            Resource::SavedAlbums => self.spotify("/me/albums", &[], saved_album).await,
            Resource::SavedTracks => self.spotify("/me/tracks", &[], saved_track).await,
            Resource::MusicPlaylists => self.spotify("/me/playlists", &[], music_playlist).await,
            Resource::MusicPlaylistItems => self.music_playlist_items().await,
            Resource::AudioFeatures => self.audio_features().await,
            Resource::Subscriptions => {
                let query = [("part", "snippet"), ("mine", "true"), MAX_RESULTS];
                self.youtube("/subscriptions", &query, subscription).await
            }
            Resource::LikedVideos => {
                let query = [VIDEO_PARTS, ("myRating", "like"), MAX_RESULTS];
                self.youtube("/videos", &query, video).await
            }
            Resource::VideoPlaylists => {
                let query = [
                    ("part", "snippet,contentDetails"),
                    ("mine", "true"),
                    MAX_RESULTS,
                ];
                self.youtube("/playlists", &query, video_playlist).await
            }
            Resource::VideoPlaylistItems => {
                let id = ("playlistId", self.place.part);
                let query = [("part", "contentDetails"), id, MAX_RESULTS];
                self.youtube("/playlistItems", &query, video_playlist_item)
                    .await
            }
            Resource::VideoDetails => {
                let query = [VIDEO_PARTS, ("id", self.place.part)];
                self.youtube("/videos", &query, video).await
            }
            Resource::ChannelTopics => {
                let query = [
                    ("part", "topicDetails"),
                    ("id", self.place.part),
                    MAX_RESULTS,
                ];
                self.youtube("/channels", &query, channel_topics).await
            }
            Resource::VideoCategories => {
                let query = [("part", "snippet"), ("regionCode", self.place.part)];
                self.youtube("/videoCategories", &query, category).await
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
        let rows = plays.items.into_iter().flatten().filter_map(play).collect();
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
        let row = |(place, artist): (u32, Artist)| with_rank(artist_row(artist)?, place);
        let rows = placed(page).filter_map(row).collect();
        Ok(self.fetched(rows, next))
    }

    async fn top_tracks(self, range: &str) -> Result<Fetched, SyncError> {
        let page: Page<Track> = self
            .list("/me/top/tracks", &[("time_range", range)])
            .await?;
        let next = page.next.clone();
        let row = |(place, track): (u32, Track)| with_rank(track_row(&track, None)?, place);
        let rows = placed(page).filter_map(row).collect();
        Ok(self.fetched(rows, next))
    }

    async fn followed_artists(self) -> Result<Fetched, SyncError> {
        let Following { artists } = self.list("/me/following", &[("type", "artist")]).await?;
        let rows = artists
            .items
            .into_iter()
            .flatten()
            .filter_map(artist_row)
            .collect();
        Ok(self.fetched(rows, artists.next))
    }

    async fn music_playlist_items(self) -> Result<Fetched, SyncError> {
        let path = format!("/playlists/{}/items", self.place.part);
        let page: Page<PlaylistItem> = self.list(&path, &[]).await?;
        let next = page.next.clone();
        let row = |(place, item): (u32, PlaylistItem)| {
            let track = item.item.or(item.track)?;
            let mut row = track_row(&track, item.added_at)?;
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
        let rows = known.filter_map(features).collect();
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
        Ok(match (answer, held) {
            (Changed::Yes(list, etag), _) => {
                let rows: Vec<_> = list.items.into_iter().flatten().filter_map(row).collect();
                let tagged = etag
                    .filter(|_| self.resource.list().touch.is_some())
                    .map(|etag| etag::Tagged { page, etag });
                let fetched = self.fetched(Vec::new(), list.next_page_token);
                Fetched {
                    items: Items::New(rows, tagged),
                    ..fetched
                }
            }
            (
                Changed::No,
                Some(Held {
                    item_ids,
                    next_page,
                    ..
                }),
            ) => Fetched {
                items: Items::Unchanged {
                    page,
                    ids: item_ids,
                },
                ..self.fetched(Vec::new(), next_page)
            },
            // A 304 to a request without an entity tag is an error before it comes here.
            (Changed::No, None) => self.fetched(Vec::new(), None),
        })
    }
}

async fn newest_play(session: &Session<'_>) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select max(played_at) from public.listening_history where user_id = $1")
        .bind(session.lease.owner.user)
        .fetch_one(session.database)
        .await
}

/// Items with their places in the whole list, from 0. A null item keeps its place.
fn placed<T>(page: Page<T>) -> impl Iterator<Item = (u32, T)> {
    (page.offset..)
        .zip(page.items)
        .filter_map(|(place, item)| Some((place, item?)))
}

fn with_rank(mut row: Value, place: u32) -> Option<Value> {
    row["rank"] = json!(place + 1);
    Some(row)
}

fn known(genres: Option<Vec<String>>) -> Option<Vec<String>> {
    genres.filter(|genres| !genres.is_empty())
}

fn artist_row(artist: Artist) -> Option<Value> {
    Some(json!({ "item_id": artist.id?, "name": artist.name?, "genres": known(artist.genres) }))
}

fn track_row(track: &Track, added_at: Option<DateTime<Utc>>) -> Option<Value> {
    Some(json!({
        "item_id": track.track_id()?,
        "name": track.name.as_deref()?,
        "artist_names": names(&track.artists),
        "isrc": track.isrc(),
        "added_at": added_at,
    }))
}

fn play(play: Play) -> Option<Value> {
    let track = play.track?;
    Some(json!({
        "played_at": play.played_at?,
        "track_id": track.track_id()?,
        "track_name": track.name.as_deref()?,
        "artist_names": names(&track.artists),
        "isrc": track.isrc(),
        "duration_ms": track.duration_ms,
        "context_uri": play.context.and_then(|context| context.uri),
    }))
}

fn saved_track(saved: SavedTrack) -> Option<Value> {
    track_row(&saved.track?, saved.added_at)
}

fn saved_album(saved: SavedAlbum) -> Option<Value> {
    let album = saved.album?;
    Some(json!({
        "item_id": album.id?,
        "name": album.name?,
        "artist_names": names(&album.artists),
        "genres": known(album.genres),
        "added_at": saved.added_at,
    }))
}

fn music_playlist(playlist: Playlist) -> Option<Value> {
    Some(json!({
        "item_count": playlist.item_count(),
        "playlist_id": playlist.id?,
        "name": playlist.name,
        "owner_id": playlist.owner.and_then(|owner| owner.id),
        "collaborative": playlist.collaborative.unwrap_or(false),
        "snapshot_id": playlist.snapshot_id,
    }))
}

fn features(of: TrackFeatures) -> Option<Value> {
    let share = |figure: Option<f64>| figure.filter(|figure| (0.0..=1.0).contains(figure));
    Some(json!({
        "track_id": of.id?,
        "energy": share(of.energy)?,
        "valence": share(of.valence)?,
        "danceability": share(of.danceability)?,
        "acousticness": share(of.acousticness)?,
    }))
}

fn subscription(subscription: youtube::Subscription) -> Option<Value> {
    let snippet = subscription.snippet?;
    Some(json!({
        "channel_id": snippet.resource_id?.channel_id?,
        "title": snippet.title,
        "subscribed_at": snippet.published_at,
    }))
}

fn video(video: youtube::Video) -> Option<Value> {
    let snippet = video.snippet;
    let said = snippet.as_ref();
    Some(json!({
        "video_id": video.id?,
        "title": said.and_then(|s| s.title.as_deref()),
        "channel_id": said.and_then(|s| s.channel_id.as_deref()),
        "channel_title": said.and_then(|s| s.channel_title.as_deref()),
        "category_id": said.and_then(|s| s.category_id.as_deref()),
        "published_at": said.and_then(|s| s.published_at),
        "topics": video.topic_details.map(|details| details.titles()).unwrap_or_default(),
    }))
}

fn video_playlist(playlist: youtube::Playlist) -> Option<Value> {
    Some(json!({
        "playlist_id": playlist.id?,
        "title": playlist.snippet.and_then(|snippet| snippet.title),
        "item_count": playlist.content_details.and_then(|details| details.item_count),
    }))
}

fn video_playlist_item(item: youtube::PlaylistItem) -> Option<Value> {
    Some(json!({ "item_id": item.id?, "video_id": item.content_details?.video_id? }))
}

fn channel_topics(channel: youtube::Channel) -> Option<Value> {
    let topics = channel.topic_details.map(|details| details.titles());
    Some(json!({ "channel_id": channel.id?, "topics": topics }))
}

fn category(category: youtube::Category) -> Option<Value> {
    Some(json!({ "category_id": category.id?, "title": category.snippet?.title? }))
}
