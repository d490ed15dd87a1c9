//! Channels, videos, subscriptions and playlists.

use chrono::{DateTime, TimeDelta, Utc};

use super::dice::Dice;
use super::music::Music;
use super::words;

const CHANNELS: usize = 160;
const VIDEOS_PER_CHANNEL: usize = 4;
/// Three pages of 50 each.
const SUBSCRIPTIONS: usize = 115;
const LIKED: usize = 130;
const PLAYLISTS: usize = 7;
/// Three pages, the last one short.
const CHARTED: usize = 120;

/// A kind of channel: words for its title, its category, its topics on Wikipedia.
struct Theme {
    noun: &'static str,
    category: &'static str,
    topics: &'static [&'static str],
}

const MUSIC_TOPICS: &[&str] = &[
    "Pop_music",
    "Rock_music",
    "Electronic_music",
    "Jazz",
    "Music_of_Asia",
    "Hip_hop_music",
    "Independent_music",
];
const THEMES: &[Theme] = &[
    Theme {
        noun: "Kitchen",
        category: "26",
        topics: &["Food", "Lifestyle_(sociology)"],
    },
    Theme {
        noun: "Plays",
        category: "20",
        topics: &["Video_game_culture", "Strategy_video_game"],
    },
    Theme {
        noun: "Explains",
        category: "27",
        topics: &["Knowledge"],
    },
    Theme {
        noun: "Circuits",
        category: "28",
        topics: &["Technology", "Knowledge"],
    },
    Theme {
        noun: "Stretching",
        category: "17",
        topics: &["Physical_fitness", "Health", "Lifestyle_(sociology)"],
    },
    Theme {
        noun: "on Foot",
        category: "19",
        topics: &["Tourism", "Lifestyle_(sociology)"],
    },
    Theme {
        noun: "Film Club",
        category: "1",
        topics: &["Film", "Entertainment"],
    },
    Theme {
        noun: "and Cats",
        category: "15",
        topics: &["Pet", "Lifestyle_(sociology)"],
    },
    Theme {
        noun: "Jokes",
        category: "23",
        topics: &["Humor", "Entertainment"],
    },
    Theme {
        noun: "Weekly",
        category: "25",
        topics: &["Politics", "Society"],
    },
];

/// `videoCategories` as the API lists them for a region: id, title, assignable.
pub(crate) const CATEGORIES: &[(&str, &str, bool)] = &[
    ("1", "Film & Animation", true),
    ("2", "Autos & Vehicles", true),
    ("10", "Music", true),
    ("15", "Pets & Animals", true),
    ("17", "Sports", true),
    ("18", "Short Movies", false),
    ("19", "Travel & Events", true),
    ("20", "Gaming", true),
    ("22", "People & Blogs", true),
    ("23", "Comedy", true),
    ("24", "Entertainment", true),
    ("25", "News & Politics", true),
    ("26", "Howto & Style", true),
    ("27", "Education", true),
    ("28", "Science & Technology", true),
];

/// A channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// `UC` and 22 more characters.
    pub id: String,
    /// Title; artists' own channels end in ` - Topic`.
    pub title: String,
    /// Wikipedia URLs; none listed for some channels.
    pub topics: Option<Vec<String>>,
    /// A terminated channel is still subscribed to, but `channels?id=` does not have it.
    pub terminated: bool,
    category: &'static str,
}

/// Whether a video can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// By everyone.
    Public,
    /// By its owner: only a playlist still lists it, as "Private video".
    Private,
    /// By no one: only a playlist still lists it, as "Deleted video".
    Deleted,
}

/// A video.
#[derive(Clone, Debug)]
pub struct Video {
    /// 11 characters.
    pub id: String,
    /// Title.
    pub title: String,
    /// Its channel's id.
    pub channel_id: String,
    /// Its channel's title.
    pub channel_title: String,
    /// Id as in `videoCategories`.
    pub category_id: String,
    /// Wikipedia URLs; absent for some videos.
    pub topics: Option<Vec<String>>,
    /// The uploader's tags.
    pub tags: Option<Vec<String>>,
    /// When it was published.
    pub published_at: DateTime<Utc>,
    /// Whether it can be seen.
    pub visibility: Visibility,
}

/// A subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Id of the subscription itself.
    pub id: String,
    /// The channel.
    pub channel: Channel,
    /// When it began.
    pub subscribed_at: DateTime<Utc>,
}

/// A playlist of the account.
#[derive(Clone, Debug)]
pub struct Playlist {
    /// `PL` and 32 more characters.
    pub id: String,
    /// Title.
    pub title: String,
    /// Its videos.
    pub videos: Vec<Video>,
}

/// What one account follows and likes.
#[derive(Clone, Debug)]
pub struct VideoTaste {
    /// Id of the account's own channel.
    pub channel_id: String,
    /// Subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Liked videos, the last liked first.
    pub liked: Vec<Video>,
    /// Playlists.
    pub playlists: Vec<Playlist>,
}

impl VideoTaste {
    pub(super) fn new(account: u64, world: &Videos, now: DateTime<Utc>) -> Self {
        let mut dice = Dice::new("video taste", account);
        let channel_id = format!("UC{}", dice.id(22));

        let mut channels = world.channels.clone();
        dice.shuffle(&mut channels);
        channels.truncate(SUBSCRIPTIONS);
        let subscriptions = channels
            .iter()
            .map(|channel| Subscription {
                id: dice.id(43),
                channel: channel.clone(),
                subscribed_at: now - TimeDelta::hours(24 + dice.below(30_000) as i64),
            })
            .collect();

        let mut liked: Vec<Video> = world
            .videos
            .iter()
            .filter(|video| {
                dice.once_in(6)
                    || channels
                        .iter()
                        .take(60)
                        .any(|channel| channel.id == video.channel_id)
            })
            .cloned()
            .collect();
        dice.shuffle(&mut liked);
        liked.truncate(LIKED);

        let playlists = (0..PLAYLISTS)
            .map(|number| Playlist {
                id: format!("PL{}", dice.id(32)),
                title: words::title(&mut dice),
                videos: liked
                    .iter()
                    .skip(number * 9)
                    .take(3 + number * 10)
                    .cloned()
                    .collect(),
            })
            .collect();
        Self {
            channel_id,
            subscriptions,
            liked,
            playlists,
        }
    }
}

/// All channels and their videos.
#[derive(Debug)]
pub(crate) struct Videos {
    pub(crate) channels: Vec<Channel>,
    pub(crate) videos: Vec<Video>,
}

impl Videos {
    pub(super) fn new(music: &Music, now: DateTime<Utc>) -> Self {
        let channels: Vec<Channel> = (0..CHANNELS).map(|number| channel(number, music)).collect();
        let videos = (0..CHANNELS * VIDEOS_PER_CHANNEL)
            .filter_map(|number| {
                Some(video(
                    number,
                    channels.get(number / VIDEOS_PER_CHANNEL)?,
                    now,
                ))
            })
            .collect();
        Self { channels, videos }
    }

    /// What is watched most in a region: public videos, in its own order.
    pub(crate) fn chart(&self, region: &str) -> Vec<&Video> {
        let number = region
            .bytes()
            .fold(0_u64, |number, byte| (number << 8) | u64::from(byte));
        let mut dice = Dice::new("chart", number);
        let mut charted: Vec<&Video> = self
            .videos
            .iter()
            .filter(|video| video.visibility == Visibility::Public)
            .collect();
        dice.shuffle(&mut charted);
        charted.truncate(CHARTED);
        charted
    }
}

fn wikipedia(topic: &&str) -> String {
    format!("https://en.wikipedia.org/wiki/{topic}")
}

fn channel(number: usize, music: &Music) -> Channel {
    let mut dice = Dice::new("channel", number as u64);
    let id = format!("UC{}", dice.id(22));
    // Every third is about music; of those every other is an artist's generated one.
    let (title, category, topics) = match (number % 3, THEMES.get(dice.below(THEMES.len()))) {
        (1 | 2, Some(theme)) => {
            let title = format!("{} {}", words::name(&mut dice), theme.noun);
            (
                title,
                theme.category,
                theme.topics.iter().map(wikipedia).collect(),
            )
        }
        _ => {
            let title = match music.artists.get(number) {
                Some(artist) if number.is_multiple_of(2) => format!("{} - Topic", artist.name),
                _ => format!("{} Sessions", words::name(&mut dice)),
            };
            (
                title,
                "10",
                vec![wikipedia(&"Music"), wikipedia(&dice.pick(MUSIC_TOPICS))],
            )
        }
    };
    Channel {
        id,
        title,
        topics: (!dice.once_in(8)).then_some(topics),
        terminated: dice.once_in(40),
        category,
    }
}

fn video(number: usize, channel: &Channel, now: DateTime<Utc>) -> Video {
    let mut dice = Dice::new("video", number as u64);
    let title = words::title(&mut dice);
    Video {
        id: dice.id(11),
        title: if channel.category == "10" {
            title
        } else {
            format!("{title}, part {}", 1 + dice.below(9))
        },
        channel_id: channel.id.clone(),
        channel_title: channel.title.clone(),
        category_id: channel.category.to_owned(),
        topics: channel.topics.clone().filter(|_| !dice.once_in(7)),
        tags: dice
            .once_in(2)
            .then(|| vec![words::word(&mut dice).to_lowercase(), "weekly".to_owned()]),
        published_at: now - TimeDelta::hours(48 + dice.below(20_000) as i64),
        visibility: match dice.below(60) {
            0 => Visibility::Private,
            1 => Visibility::Deleted,
            _ => Visibility::Public,
        },
    }
}
