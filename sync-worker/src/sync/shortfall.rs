//! Why a resource is not all here.

use bondhu_core::retry::Failure;

/// Why a resource, or a part of one, is missing or not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortfall {
    /// The provider refused it, or sent what cannot be used.
    Of(Failure),
    /// The list has no end.
    Endless,
    /// What came is not what the provider's own count says.
    Miscounted,
    /// The list is empty all at once.
    Emptied,
}

impl Shortfall {
    /// Stable code, for programs.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Of(failure) => failure.code(),
            Self::Endless => "endless_list",
            Self::Miscounted => "miscounted_list",
            Self::Emptied => "emptied_list",
        }
    }

    /// A sentence for the person whose connection it is. `provider` is its display name.
    pub(super) fn sentence(self, provider: &str) -> String {
        match self {
            Self::Of(failure) => failure.sentence(provider),
            Self::Endless => format!(
                "{provider} sent a list that does not end; what came of it is here, and the next sync reads it again."
            ),
            Self::Miscounted => format!(
                "{provider} sent another number of items than it says there are; nothing was removed, and the next sync reads them again."
            ),
            Self::Emptied => format!(
                "{provider} says that a list is empty now; what was in it goes if the next sync finds it so again."
            ),
        }
    }
}
