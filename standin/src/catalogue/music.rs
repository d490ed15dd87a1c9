//! Artists, tracks and plays.

use chrono::{DateTime, TimeDelta, Utc};

use super::dice::Dice;
use super::words;

const ARTISTS: usize = 180;
const TRACKS_PER_ARTIST: usize = 3;
const GENRES: &[&str] = &[
    "ambient",
    "art pop",
    "baul",
    "bengali folk",
    "bossa nova",
    "chamber pop",
    "chillwave",
    "classical piano",
    "dance pop",
    "deep house",
    "dream pop",
    "folk rock",
    "hip hop",
    "indie folk",
    "indie pop",
    "indie rock",
    "jazz",
    "lo-fi beats",
    "metal",
    "neo soul",
    "post-rock",
    "punk",
    "r&b",
    "rabindra sangeet",
    "singer-songwriter",
    "synthwave",
    "techno",
    "trip hop",
];

/// The longest list has three pages of 50; the shortest has one.
const TOP_ARTISTS: [usize; 3] = [120, 70, 30];
const TOP_TRACKS: [usize; 3] = [130, 60, 25];
/// More than Spotify lists: recently played has the newest 50.
const PLAYS: usize = 60;
/// Two pages each, and three of the saved tracks.
const FOLLOWED: usize = 60;
const SAVED_ALBUMS: usize = 55;
const SAVED_TRACKS: usize = 120;
const PLAYLISTS: usize = 6;

/// An artist as Spotify knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Artist {
    /// Base-62 id of 22 digits.
    pub id: String,
    /// Invented name.
    pub name: String,
    /// `None`: the field is absent, as for an app in Development Mode; it may also be empty.
    pub genres: Option<Vec<String>>,
}

/// A track as Spotify knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// `None` for a local file.
    pub id: Option<String>,
    /// Title.
    pub name: String,
    /// Performing artists, the first one first.
    pub artists: Vec<Artist>,
    /// Album's id and title; `None` for a local file.
    pub album: Option<(String, String)>,
    /// International Standard Recording Code, under the user-assigned country code ZZ.
    pub isrc: Option<String>,
    /// Length in milliseconds.
    pub duration_ms: u32,
    /// Parental advisory.
    pub explicit: bool,
}

impl Track {
    /// Whether this is a local file of the user.
    pub fn is_local(&self) -> bool {
        self.id.is_none()
    }
}

/// One play.
#[derive(Clone, Debug)]
pub struct Play {
    /// When the track was played, in whole milliseconds.
    pub played_at: DateTime<Utc>,
    /// What was played.
    pub track: Track,
    /// Id of the playlist it was played from.
    pub playlist: Option<String>,
}

/// Something saved, and when.
#[derive(Clone, Debug)]
pub struct Saved<T> {
    /// When it was saved.
    pub added_at: DateTime<Utc>,
    /// The saved item.
    pub item: T,
}

/// A playlist that the account owns or follows.
#[derive(Clone, Debug)]
pub struct Playlist {
    /// Base-62 id of 22 digits.
    pub id: String,
    /// Title.
    pub name: String,
    /// User id of its owner.
    pub owner_id: String,
    /// Whether its owner lets others change it.
    pub collaborative: bool,
    /// Changes with its items.
    pub snapshot_id: String,
    /// Its items; `None` is a null item.
    pub items: Vec<Saved<Option<Track>>>,
}

impl Playlist {
    /// Whether the API shows its items to this account.
    pub fn is_shown_to(&self, account_id: &str) -> bool {
        self.collaborative || self.owner_id == account_id
    }
}

/// The time that top artists and tracks are counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeRange {
    /// About a year.
    Long,
    /// About six months.
    Medium,
    /// About four weeks.
    Short,
}

impl TimeRange {
    /// The query parameter's values.
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "long_term" => Some(Self::Long),
            "medium_term" => Some(Self::Medium),
            "short_term" => Some(Self::Short),
            _ => None,
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// What one account likes and has played.
#[derive(Clone, Debug)]
pub struct MusicTaste {
    top_artists: [Vec<Artist>; 3],
    top_tracks: [Vec<Option<Track>>; 3],
    /// Plays, newest first.
    pub plays: Vec<Play>,
    /// Followed artists.
    pub followed: Vec<Artist>,
    /// Saved albums: id, title and artists.
    pub saved_albums: Vec<Saved<(String, String, Vec<Artist>)>>,
    /// Saved tracks, the last saved first.
    pub saved_tracks: Vec<Saved<Track>>,
    /// Playlists: most are the account's own, one is collaborative, one belongs to another user.
    pub playlists: Vec<Playlist>,
}

impl MusicTaste {
    pub(super) fn new(
        account: u64,
        account_id: &str,
        world: &Music,
        now: DateTime<Utc>,
        oddities: bool,
    ) -> Self {
        let top_artists = [0, 1, 2].map(|range| {
            let mut artists = world.by_affinity(account, range as u64);
            artists.truncate(TOP_ARTISTS[range]);
            artists
        });
        let top_tracks = [0, 1, 2].map(|range| {
            let mut tracks = world.tracks_by(&top_artists[range], account, range as u64);
            tracks.truncate(TOP_TRACKS[range]);
            let mut tracks: Vec<_> = tracks.into_iter().map(Some).collect();
            if oddities {
                // In the middle of a page and at the end of one.
                tracks.insert(7, None);
                tracks.insert(49.min(tracks.len()), None);
                tracks.insert(12, Some(local_file(account)));
            }
            tracks
        });
        let plays = plays(account, &top_tracks[TimeRange::Short.index()], now);
        let tracks = world.tracks_by(&world.by_affinity(account, 3), account, 3);
        let mut dice = Dice::new("library", account);
        let mut saved = |item: Track| Saved {
            added_at: now - TimeDelta::hours(1 + dice.below(20_000) as i64),
            item,
        };
        let saved_tracks = tracks.iter().take(SAVED_TRACKS).cloned().map(&mut saved);
        let saved_tracks: Vec<_> = saved_tracks.collect();
        let saved_albums = tracks.iter().skip(SAVED_TRACKS).filter_map(|track| {
            let (id, title) = track.album.clone()?;
            let Saved { added_at, item } = saved(track.clone());
            let item = (id, title, item.artists);
            Some(Saved { added_at, item })
        });
        Self {
            top_artists,
            top_tracks,
            plays,
            followed: world.by_affinity(account, 4)[..FOLLOWED].to_vec(),
            saved_albums: saved_albums.take(SAVED_ALBUMS).collect(),
            saved_tracks,
            playlists: playlists(account, account_id, &tracks, now, oddities),
        }
    }

    /// Top artists, the closest first.
    pub fn top_artists(&mut self, range: TimeRange) -> &mut Vec<Artist> {
        &mut self.top_artists[range.index()]
    }

    /// Top tracks, the closest first; `None` is a null item.
    pub fn top_tracks(&mut self, range: TimeRange) -> &mut Vec<Option<Track>> {
        &mut self.top_tracks[range.index()]
    }
}

fn plays(account: u64, tracks: &[Option<Track>], now: DateTime<Utc>) -> Vec<Play> {
    let mut dice = Dice::new("plays", account);
    let tracks: Vec<&Track> = tracks.iter().flatten().collect();
    let playlist = dice.id(22);
    let mut played_at = DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now);
    let mut plays = Vec::with_capacity(PLAYS);
    while let (true, Some(track)) = (plays.len() < PLAYS, tracks.get(dice.below(tracks.len()))) {
        // Never two at one instant: a cursor could not separate them.
        played_at -= TimeDelta::milliseconds(180_000 + dice.below(3_000_000) as i64);
        let playlist = dice.once_in(2).then(|| playlist.clone());
        plays.push(Play {
            played_at,
            track: (*track).clone(),
            playlist,
        });
    }
    plays
}

fn playlists(
    account: u64,
    account_id: &str,
    tracks: &[Track],
    now: DateTime<Utc>,
    oddities: bool,
) -> Vec<Playlist> {
    let mut dice = Dice::new("playlists", account);
    let mut playlist = |number: usize| {
        let mut items: Vec<_> = tracks
            .iter()
            .skip(number * 11)
            .take(5 + number * 25)
            .map(|track| Saved {
                added_at: now - TimeDelta::hours(1 + dice.below(20_000) as i64),
                item: Some(track.clone()),
            })
            .collect();
        if oddities && let Some(odd) = items.get_mut(2) {
            odd.item = (number > 0).then(|| local_file(account));
        }
        Playlist {
            id: dice.id(22),
            name: words::title(&mut dice),
            owner_id: if number < PLAYLISTS - 2 {
                account_id.to_owned()
            } else {
                dice.id(25).to_lowercase()
            },
            collaborative: number == PLAYLISTS - 2,
            snapshot_id: dice.id(32),
            items,
        }
    };
    (0..PLAYLISTS).map(&mut playlist).collect()
}

fn local_file(account: u64) -> Track {
    let mut dice = Dice::new("local file", account);
    Track {
        id: None,
        name: format!("{} (demo tape)", words::title(&mut dice)),
        artists: Vec::new(),
        album: None,
        isrc: None,
        duration_ms: 185_000,
        explicit: false,
    }
}

/// All artists and their tracks.
#[derive(Debug)]
pub(super) struct Music {
    pub(super) artists: Vec<Artist>,
    pub(super) tracks: Vec<Track>,
}

impl Music {
    pub(super) fn new() -> Self {
        let artists: Vec<Artist> = (0..ARTISTS as u64).map(artist).collect();
        let tracks = (0..ARTISTS * TRACKS_PER_ARTIST)
            .map(|number| track(number, &artists))
            .collect();
        Self { artists, tracks }
    }

    /// Artists in the account's order; the ranges of one account resemble each other.
    fn by_affinity(&self, account: u64, range: u64) -> Vec<Artist> {
        let mut taste = Dice::new("taste", account);
        let favourites: Vec<&str> = (0..4).map(|_| taste.pick(GENRES)).collect();
        let mut artists = self.artists.clone();
        Dice::new("affinity", account.wrapping_mul(8).wrapping_add(range)).shuffle(&mut artists);
        // Stable: within "of a favourite genre" and "others" the shuffled order holds.
        artists.sort_by_key(|artist| {
            let genres = artist.genres.as_deref().unwrap_or_default();
            !genres
                .iter()
                .any(|genre| favourites.contains(&genre.as_str()))
        });
        artists
    }

    /// Tracks of these artists, mostly in the order of the artists.
    fn tracks_by(&self, artists: &[Artist], account: u64, range: u64) -> Vec<Track> {
        let mut dice = Dice::new("tracks", account.wrapping_mul(8).wrapping_add(range));
        let mut ranked: Vec<(usize, &Track)> = self
            .tracks
            .iter()
            .filter_map(|track| {
                let place = artists
                    .iter()
                    .position(|artist| track.artists.first() == Some(artist))?;
                Some((place + dice.below(20), track))
            })
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, track)| track.clone()).collect()
    }
}

fn artist(number: u64) -> Artist {
    let mut dice = Dice::new("artist", number);
    let genres = match number % 4 {
        // The field is deprecated: a quarter of the artists lack it, some have none listed.
        0 => None,
        1 if dice.once_in(4) => Some(Vec::new()),
        _ => {
            let mut genres: Vec<String> = (0..1 + dice.below(3))
                .map(|_| dice.pick(GENRES).to_owned())
                .collect();
            genres.sort();
            genres.dedup();
            Some(genres)
        }
    };
    Artist {
        id: dice.id(22),
        name: words::name(&mut dice),
        genres,
    }
}

fn track(number: usize, artists: &[Artist]) -> Track {
    let mut dice = Dice::new("track", number as u64);
    let first = number / TRACKS_PER_ARTIST;
    let mut performers: Vec<Artist> = artists.get(first).cloned().into_iter().collect();
    if dice.once_in(6) {
        let guest = dice.below(artists.len());
        performers.extend(artists.get(guest).filter(|_| guest != first).cloned());
    }
    Track {
        id: Some(dice.id(22)),
        name: words::title(&mut dice),
        artists: performers,
        album: Some((dice.id(22), words::title(&mut dice))),
        isrc: Some(format!("ZZBON26{number:05}")),
        duration_ms: 120_000 + dice.below(240_000) as u32,
        explicit: dice.once_in(9),
    }
}
