//! The closed set of moods.

/// A mood of a message. The order is alphabetical, which is also how ties are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Mood {
    /// Angry, annoyed.
    Angry,
    /// Afraid, nervous, worried.
    Anxious,
    /// At ease, relieved, content.
    Calm,
    /// Asking, wondering.
    Curious,
    /// Repelled.
    Disgust,
    /// Thankful.
    Grateful,
    /// Happy, amused, excited, proud.
    Joy,
    /// Alone and minding it.
    Lonely,
    /// Fond, caring.
    Love,
    /// None of the others.
    Neutral,
    /// Sad, disappointed, ashamed.
    Sad,
    /// Taken unawares.
    Surprise,
    /// Exhausted, sleepy.
    Tired,
}

/// Number of moods.
pub const MOODS: usize = 13;

impl Mood {
    /// Every mood, in order: `ALL[m as usize] == m`.
    pub const ALL: [Self; MOODS] = [
        Self::Angry,
        Self::Anxious,
        Self::Calm,
        Self::Curious,
        Self::Disgust,
        Self::Grateful,
        Self::Joy,
        Self::Lonely,
        Self::Love,
        Self::Neutral,
        Self::Sad,
        Self::Surprise,
        Self::Tired,
    ];

    /// The name stored in `chat_messages.mood_detected`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Angry => "angry",
            Self::Anxious => "anxious",
            Self::Calm => "calm",
            Self::Curious => "curious",
            Self::Disgust => "disgust",
            Self::Grateful => "grateful",
            Self::Joy => "joy",
            Self::Lonely => "lonely",
            Self::Love => "love",
            Self::Neutral => "neutral",
            Self::Sad => "sad",
            Self::Surprise => "surprise",
            Self::Tired => "tired",
        }
    }

    /// The mood of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mood| mood.as_str() == name)
    }

    /// Position in per-mood arrays.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Mood;

    #[test]
    fn moods_are_in_alphabetical_order_and_parse_back() {
        assert!(Mood::ALL.is_sorted_by_key(|mood| mood.as_str()));
        for (index, mood) in Mood::ALL.into_iter().enumerate() {
            assert_eq!(mood.index(), index);
            assert_eq!(Mood::parse(mood.as_str()), Some(mood));
        }
        assert_eq!(Mood::parse("Joy"), None);
    }
}
