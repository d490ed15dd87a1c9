//! The documents that Redis serves: their keys, lifetimes and sources, the texts that it holds of
//! them ([`envelope`], [`watermark`]), and when a reader may serve one ([`trust`]).

pub mod envelope;
pub mod instant;
pub mod position;
pub mod trust;
pub mod watermark;

use std::fmt::Display;
use std::time::Duration;

/// A document per user, mirrored from Postgres into Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Document {
    /// Who the person is and how they feel, for prompts.
    PersonalityContext,
    /// The sentiment window.
    PersonalitySentiment,
    /// The newest messages.
    ChatHistory,
    /// Musical taste, by linked account.
    MusicProfile,
    /// Musical taste of the Spotify account alone.
    MusicSpotify,
    /// Taste in videos.
    VideoYoutube,
    /// What to hear and watch next, by where a mood leads to.
    Recommendations,
    /// Active sessions, one per device.
    SessionActive,
}

/// How many messages `chat:history` holds; the key says so.
pub const CHAT_HISTORY_SIZE: u32 = 50;

/// Schema and name of the one table that everybody's documents are built from besides their own:
/// how long a session lasts, how many messages a history has, how long a window is. Its version is
/// in the watermark and in every value, so that none has to be made anew before its user asks.
pub const SETTINGS: (&str, &str) = ("bondhu", "settings");

/// The mirror's watermark.
pub const STATE_KEY: &str = "mirror:state";

/// The key that counts a user's requests to a provider in the present minute.
#[must_use]
pub fn rate_limit_key(provider: &str, user: impl Display) -> String {
    format!("ratelimit:{provider}:{{{user}}}")
}

/// The key of YouTube's chart of a region, which is nobody's own.
#[must_use]
pub fn trending_key(region: impl Display) -> String {
    format!("trending:{region}")
}

/// How long Redis keeps a chart: as long as none is fetched anew.
pub const TRENDING_TTL: Duration = Duration::from_secs(6 * 60 * 60);

/// How long readers trust a watermark that does not say how long it is good for. No mirror says less.
pub const FRESHNESS_LEAST: Duration = Duration::from_secs(5);

/// No watermark is trusted for longer, whatever it says.
pub const FRESHNESS_MOST: Duration = Duration::from_secs(300);

/// A document of more bytes is no one's but Postgres' to serve: Redis is shared by all, and one
/// person's data must not hold up everybody's.
pub const DOCUMENT_MOST_BYTES: usize = 1 << 20;

/// The servers' clocks agree to this much. An instant further ahead of a reader's clock was made up.
pub const CLOCKS_AGREE_WITHIN: Duration = Duration::from_secs(1);

/// How long Redis remembers that there is no document. It is a tombstone besides: longer than a
/// write of the mirror stays good, so that none from before can bring the document back.
pub const NEGATIVE_TTL: Duration = Duration::from_secs(60);

impl Document {
    /// Every document.
    pub const ALL: [Self; 8] = [
        Self::PersonalityContext,
        Self::PersonalitySentiment,
        Self::ChatHistory,
        Self::MusicProfile,
        Self::MusicSpotify,
        Self::VideoYoutube,
        Self::Recommendations,
        Self::SessionActive,
    ];

    /// Name of the SQL function that builds it: `bondhu.<name>_document`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PersonalityContext => "personality_context",
            Self::PersonalitySentiment => "personality_sentiment",
            Self::ChatHistory => "chat_history",
            Self::MusicProfile => "music_profile",
            Self::MusicSpotify => "music_spotify",
            Self::VideoYoutube => "video_youtube",
            Self::Recommendations => "recommendations",
            Self::SessionActive => "session_active",
        }
    }

    /// The Redis key for a user. The braces are literal: Redis Cluster hashes what is
    /// between them, so that all keys of a user share a slot.
    #[must_use]
    pub fn key(self, user: impl Display) -> String {
        match self {
            Self::PersonalityContext => format!("personality:context:{{{user}}}"),
            Self::PersonalitySentiment => format!("personality:sentiment:{{{user}}}"),
            Self::ChatHistory => format!("chat:history:{{{user}}}:{CHAT_HISTORY_SIZE}"),
            Self::MusicProfile => format!("music:profile:{{{user}}}"),
            Self::MusicSpotify => format!("music:spotify:{{{user}}}"),
            Self::VideoYoutube => format!("video:youtube:{{{user}}}"),
            Self::Recommendations => format!("recommendations:{{{user}}}"),
            Self::SessionActive => format!("session:active:{{{user}}}"),
        }
    }

    /// The key of the lease that a document is filled under, in the same hash slot.
    #[must_use]
    pub fn lease_key(self, user: impl Display) -> String {
        format!("{}:lease", self.key(user))
    }

    /// The document and the user that a key belongs to; `None` for any other key.
    #[must_use]
    pub fn of_key(key: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|document| {
            let any = document.key('*');
            let (before, after) = any.split_once('*')?;
            let user = key.strip_prefix(before)?.strip_suffix(after)?;
            Some((document, user))
        })
    }

    /// How long Redis keeps it without a change: the backstop, not the mechanism. A
    /// session's document ends earlier, with the session.
    #[must_use]
    pub const fn ttl(self) -> Duration {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        Duration::from_secs(match self {
            Self::PersonalityContext => 30 * MINUTE,
            Self::PersonalitySentiment => HOUR,
            Self::ChatHistory => 5 * MINUTE,
            Self::Recommendations => 12 * HOUR,
            Self::MusicProfile | Self::MusicSpotify | Self::VideoYoutube | Self::SessionActive => {
                24 * HOUR
            }
        })
    }

    /// The document of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|document| document.name() == name)
    }

    /// Tables of schema `public` it is built from. Publication `bondhu_mirror` lists
    /// exactly the union of these.
    #[must_use]
    pub const fn sources(self) -> &'static [&'static str] {
        match self {
            Self::PersonalityContext => &[
                "personality_profiles",
                "companion_profiles",
                "consents",
                "music_preferences",
                "video_preferences",
            ],
            Self::PersonalitySentiment => &["personality_profiles"],
            Self::ChatHistory => &["chat_messages"],
            Self::MusicProfile | Self::MusicSpotify => &["music_preferences"],
            Self::VideoYoutube => &["video_preferences"],
            // Candidates are written with the preferences.
            Self::Recommendations => &[
                "companion_profiles",
                "music_preferences",
                "recommendation_feedback",
                "video_preferences",
            ],
            Self::SessionActive => &["user_sessions"],
        }
    }

    /// The documents a change of `table` makes stale.
    pub fn built_from(table: &str) -> impl Iterator<Item = Self> + '_ {
        Self::ALL
            .into_iter()
            .filter(move |document| document.sources().contains(&table))
    }
}

#[cfg(test)]
mod tests {
    use super::Document;

    #[test]
    fn every_key_of_a_user_has_the_same_hash_tag() {
        for document in Document::ALL {
            assert!(document.key("u-1").contains(":{u-1}"), "{document:?}");
            assert_eq!(Document::of_key(&document.lease_key("u-1")), None);
        }
        assert_eq!(Document::ChatHistory.key("u-1"), "chat:history:{u-1}:50");
    }

    #[test]
    fn a_key_tells_its_document_and_user() {
        for document in Document::ALL {
            assert_eq!(
                Document::of_key(&document.key("u-1")),
                Some((document, "u-1"))
            );
        }
        assert_eq!(Document::of_key("chat:history:{u-1}:51"), None);
        assert_eq!(Document::of_key("mirror:state"), None);
    }

    #[test]
    fn a_table_tells_which_documents_it_makes_stale() {
        let stale: Vec<_> = Document::built_from("music_preferences").collect();
        assert_eq!(
            stale,
            [
                Document::PersonalityContext,
                Document::MusicProfile,
                Document::MusicSpotify,
                Document::Recommendations
            ]
        );
        assert_eq!(Document::built_from("listening_history").count(), 0);
    }
}
