//! The providers there are.

use std::fmt;

/// A provider of linked accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Spotify.
    Spotify,
    /// YouTube.
    YouTube,
}

/// Not one of [`Provider::ALL`].
#[derive(Debug, thiserror::Error)]
#[error("unknown provider {0:?}; known: spotify, youtube")]
pub struct UnknownProvider(pub String);

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 2] = [Self::Spotify, Self::YouTube];

    /// The name the database and URLs use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spotify => "spotify",
            Self::YouTube => "youtube",
        }
    }

    /// The name people use.
    #[must_use]
    pub const fn display_name(self) -> &'static str {
        match self {
            Self::Spotify => "Spotify",
            Self::YouTube => "YouTube",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.name() == name)
            .ok_or_else(|| UnknownProvider(name.to_owned()))
    }
}
