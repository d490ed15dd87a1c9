//! Taste in videos from likes, playlists and subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use super::ranked::{FAVOURITES, Ranked, heaviest, is_named, share};

/// A video the person liked or put into a playlist, as far as the provider tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenVideo {
    /// Whether it is liked.
    pub liked: bool,
    /// Title of its category.
    pub category: Option<String>,
    /// Titles of its topics.
    pub topics: Vec<String>,
    /// Id and title of its channel.
    pub channel: Option<(String, String)>,
}

/// A channel the person subscribes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// The provider's id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Titles of its topics.
    pub topics: Vec<String>,
}

/// A channel the user likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The provider's id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Liked videos of it.
    pub likes: u64,
    /// Whether the user subscribes to it.
    pub subscribed: bool,
}

/// Taste in videos. Lists are heaviest first, at most [`super::FAVOURITES`] long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTaste {
    /// Categories.
    pub categories: Vec<Ranked>,
    /// Topics.
    pub topics: Vec<Ranked>,
    /// Channels: most liked first, then subscribed ones.
    pub channels: Vec<Channel>,
}

/// Taste from videos and subscriptions.
#[must_use]
pub fn video_taste(videos: &[SeenVideo], followed: &[Followed]) -> VideoTaste {
    let topics_of_videos = videos.iter().map(|video| video.topics.iter());
    let topics_of_channels = followed.iter().map(|channel| channel.topics.iter());
    VideoTaste {
        categories: weigh(videos.iter().map(|video| video.category.iter())),
        topics: weigh(topics_of_videos.chain(topics_of_channels)),
        channels: channels(videos, followed),
    }
}

/// Shares among those that have any name at all.
fn weigh<'a>(names_of_each: impl Iterator<Item = impl Iterator<Item = &'a String>>) -> Vec<Ranked> {
    let mut weights = BTreeMap::<String, u64>::new();
    let mut named = 0;
    for names in names_of_each {
        let names: BTreeSet<_> = names.filter(|name| is_named(name)).collect();
        named += u64::from(!names.is_empty());
        for name in names {
            *weights.entry(name.clone()).or_default() += 1;
        }
    }
    heaviest(weights)
        .into_iter()
        .map(|(name, count)| Ranked {
            name,
            weight: share(count, named),
        })
        .collect()
}

fn channels(videos: &[SeenVideo], followed: &[Followed]) -> Vec<Channel> {
    let mut by_id = BTreeMap::<&str, Channel>::new();
    let channel = |id: &String, title: &String| Channel {
        id: id.clone(),
        title: title.clone(),
        likes: 0,
        subscribed: false,
    };
    for Followed { id, title, .. } in followed.iter().filter(|of| is_named(&of.title)) {
        by_id
            .entry(id)
            .or_insert_with(|| channel(id, title))
            .subscribed = true;
    }
    let liked = videos.iter().filter(|video| video.liked);
    let of = liked.filter_map(|video| video.channel.as_ref());
    for (id, title) in of.filter(|(_, title)| is_named(title)) {
        by_id.entry(id).or_insert_with(|| channel(id, title)).likes += 1;
    }
    let mut sorted: Vec<_> = by_id.into_values().collect();
    sorted.sort_by(|a, b| {
        (b.likes, b.subscribed)
            .cmp(&(a.likes, a.subscribed))
            .then_with(|| a.title.cmp(&b.title))
    });
    sorted.truncate(FAVOURITES);
    sorted
}

#[cfg(test)]
mod tests {
    use super::{Followed, SeenVideo, video_taste};

    fn like(category: Option<&str>, channel: &str) -> SeenVideo {
        SeenVideo {
            liked: true,
            category: category.map(str::to_owned),
            topics: vec!["Music".into(), "Music".into()],
            channel: Some((channel.to_owned(), format!("Channel {channel}"))),
        }
    }

    fn followed(id: &str, topics: &[&str]) -> Followed {
        Followed {
            id: id.to_owned(),
            title: id.to_uppercase(),
            topics: topics.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_has_no_name_does_not_rank() {
        let unnamed = SeenVideo {
            liked: true,
            category: Some(String::new()),
            topics: vec![String::new()],
            channel: Some(("a".into(), " ".into())),
        };
        let subscription = Followed {
            id: "b".into(),
            ..Followed::default()
        };
        let taste = video_taste(&[unnamed], &[subscription]);
        assert!(
            taste.categories.is_empty() && taste.topics.is_empty() && taste.channels.is_empty()
        );
    }

    #[test]
    fn shares_are_of_the_videos_that_tell() {
        let taste = video_taste(
            &[
                like(Some("Music"), "a"),
                like(Some("Music"), "a"),
                like(None, "b"),
            ],
            &[],
        );
        assert_eq!(
            (taste.categories.len(), taste.categories[0].weight),
            (1, 1_000)
        );
        assert_eq!(
            taste.topics[0].weight, 1_000,
            "a topic named twice counts once"
        );
        assert_eq!(
            (taste.channels[0].id.as_str(), taste.channels[0].likes),
            ("a", 2)
        );
    }

    #[test]
    fn a_video_in_a_playlist_tells_of_categories_and_is_no_like() {
        let kept = SeenVideo {
            liked: false,
            ..like(Some("Gaming"), "a")
        };
        let taste = video_taste(&[kept], &[followed("b", &["Film"])]);
        assert_eq!(taste.categories[0].name, "Gaming");
        let topics: Vec<_> = taste
            .topics
            .iter()
            .map(|t| (t.name.as_str(), t.weight))
            .collect();
        assert_eq!(topics, [("Film", 500), ("Music", 500)]);
        let channels: Vec<_> = taste.channels.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(channels, ["b"]);
    }

    #[test]
    fn subscriptions_stand_after_liked_channels() {
        let taste = video_taste(&[like(None, "b")], &[followed("a", &[])]);
        let ids: Vec<_> = taste
            .channels
            .iter()
            .map(|c| (c.id.as_str(), c.subscribed))
            .collect();
        assert_eq!(ids, [("b", false), ("a", true)]);
    }

    #[test]
    fn an_empty_account_has_an_empty_taste() {
        let taste = video_taste(&[], &[]);
        assert!(
            taste.categories.is_empty() && taste.topics.is_empty() && taste.channels.is_empty()
        );
    }
}
