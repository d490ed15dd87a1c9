//! Taste in videos from likes and subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use super::{FAVOURITES, heaviest, share};

/// A liked video, as far as the provider tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Like {
    /// Title of its category.
    pub category: Option<String>,
    /// Titles of its topics.
    pub topics: Vec<String>,
    /// Id and title of its channel.
    pub channel: Option<(String, String)>,
}

/// A name with its share of the liked videos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighted {
    /// Name.
    pub name: String,
    /// Share of the videos that tell one, in thousandths. Topics may overlap.
    pub weight: u64,
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
    pub categories: Vec<Weighted>,
    /// Topics.
    pub topics: Vec<Weighted>,
    /// Channels: most liked first, then subscribed ones.
    pub channels: Vec<Channel>,
}

/// Taste from liked videos and subscriptions (`id`, `title`).
#[must_use]
pub fn video_taste(likes: &[Like], subscriptions: &[(String, String)]) -> VideoTaste {
    VideoTaste {
        categories: weigh(likes.iter().map(|like| like.category.iter())),
        topics: weigh(likes.iter().map(|like| like.topics.iter())),
        channels: channels(likes, subscriptions),
    }
}

/// Shares among the videos that have any name at all.
fn weigh<'a>(
    names_of_videos: impl Iterator<Item = impl Iterator<Item = &'a String>>,
) -> Vec<Weighted> {
    let mut weights = BTreeMap::<String, u64>::new();
    let mut videos = 0;
    for names in names_of_videos {
        let names: BTreeSet<_> = names.collect();
        videos += u64::from(!names.is_empty());
        for name in names {
            *weights.entry(name.clone()).or_default() += 1;
        }
    }
    heaviest(weights)
        .into_iter()
        .map(|(name, count)| Weighted {
            name,
            weight: share(count, videos),
        })
        .collect()
}

fn channels(likes: &[Like], subscriptions: &[(String, String)]) -> Vec<Channel> {
    let mut by_id = BTreeMap::<&str, Channel>::new();
    let channel = |id: &String, title: &String| Channel {
        id: id.clone(),
        title: title.clone(),
        likes: 0,
        subscribed: false,
    };
    for (id, title) in subscriptions {
        by_id
            .entry(id)
            .or_insert_with(|| channel(id, title))
            .subscribed = true;
    }
    for (id, title) in likes.iter().filter_map(|like| like.channel.as_ref()) {
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
    use super::{Like, video_taste};

    fn like(category: Option<&str>, channel: &str) -> Like {
        Like {
            category: category.map(str::to_owned),
            topics: vec!["Music".into(), "Music".into()],
            channel: Some((channel.to_owned(), format!("Channel {channel}"))),
        }
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
    fn subscriptions_stand_after_liked_channels() {
        let taste = video_taste(&[like(None, "b")], &[("a".into(), "A".into())]);
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
