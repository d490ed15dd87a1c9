//! What the detector can see.

/// What the detector saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SupportLevel {
    /// Nothing.
    None,
    /// Signs of distress, or of danger to someone whom the writer knows.
    Support,
    /// Signs of danger to the writer's life: self-harm or a wish to die.
    Crisis,
}

impl SupportLevel {
    /// Every level, from nothing to the gravest.
    pub const ALL: [Self; 3] = [Self::None, Self::Support, Self::Crisis];

    /// The name stored in `chat_messages.support_level`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Support => "support",
            Self::Crisis => "crisis",
        }
    }

    /// The level of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}
