//! What YouTube's topics say about music.

/// Topics about music, as Wikipedia titles, and the genre each stands for.
/// <https://developers.google.com/youtube/v3/docs/videos#topicDetails.topicIds[]>
const MUSIC: &[(&str, Option<&str>)] = &[
    ("Christian music", Some("christian")),
    ("Classical music", Some("classical")),
    ("Country music", Some("country")),
    ("Electronic music", Some("electronic")),
    ("Hip hop music", Some("hip hop")),
    ("Independent music", Some("indie")),
    ("Jazz", Some("jazz")),
    ("Music", None),
    ("Music of Asia", None),
    ("Music of Latin America", Some("latin")),
    ("Pop music", Some("pop")),
    ("Reggae", Some("reggae")),
    ("Rhythm and blues", Some("r&b")),
    ("Rock music", Some("rock")),
    ("Soul music", Some("soul")),
];

/// Id of the category Music.
const MUSIC_CATEGORY: &str = "10";

/// How channels end that YouTube makes for an artist's recordings.
const ARTIST_CHANNEL: &str = " - Topic";

fn music_topic(title: &str) -> Option<&'static (&'static str, Option<&'static str>)> {
    MUSIC.iter().find(|(topic, _)| *topic == title)
}

/// Whether something of this category, these topics, on this channel is music.
pub(super) fn is_music(category: Option<&str>, topics: &[String], channel: Option<&str>) -> bool {
    category == Some(MUSIC_CATEGORY)
        || topics.iter().any(|topic| music_topic(topic).is_some())
        || channel.is_some_and(|channel| channel.ends_with(ARTIST_CHANNEL))
}

/// The genres that topics stand for; "Music" itself is none.
pub(super) fn genres(topics: &[String]) -> Vec<String> {
    topics
        .iter()
        .filter_map(|topic| music_topic(topic)?.1.map(str::to_owned))
        .collect()
}

/// The artist whose recordings a channel has, if it is one of those.
pub(super) fn artist(channel: &str) -> Option<&str> {
    channel.strip_suffix(ARTIST_CHANNEL)
}

#[cfg(test)]
mod tests {
    use super::{artist, genres, is_music};

    #[test]
    fn music_is_told_by_category_topic_or_channel() {
        assert!(is_music(Some("10"), &[], None));
        assert!(is_music(None, &["Music of Asia".into()], None));
        assert!(is_music(Some("22"), &[], Some("Arnob - Topic")));
        assert!(!is_music(
            Some("22"),
            &["Food".into()],
            Some("Topic Kitchen")
        ));
    }

    #[test]
    fn topics_stand_for_genres_where_they_say_one() {
        let topics = ["Music", "Rock music", "Food"].map(str::to_owned);
        assert_eq!(genres(&topics), ["rock"]);
        assert_eq!(artist("Arnob - Topic"), Some("Arnob"));
    }
}
