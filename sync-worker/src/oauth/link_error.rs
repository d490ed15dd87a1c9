//! Why a consent came to nothing.

use std::time::Duration;

use bondhu_core::retry::{Failure, RetryPolicy};

use super::pending::KeepError;
use crate::provider::Provider;
use crate::providers::{ProviderError, of_oauth_code};

/// The code goes to the frontend, the text to people.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("You did not agree to link the account.")]
    Denied,
    #[error("The provider could not go on ({0}). Try again later.")]
    Provider(&'static str),
    #[error(
        "The permissions this needs were not granted. Link the account again and leave them ticked."
    )]
    ScopeMissing,
    #[error("{}", sentence(*.0, .1))]
    Exchange(Provider, ProviderError),
    #[error("The account is being unlinked at this moment. Try again in half a minute.")]
    Unlinking,
    #[error("There were too many attempts to link an account. Try again in {} minutes.", .0.as_secs() / 60 + 1)]
    TooMany(Duration),
    #[error("The link could not be stored just now. Try again.")]
    NotKept(#[from] KeepError),
}

impl LinkError {
    /// What a consent page sent back instead of a code. Anybody can write into that address, so
    /// that nothing of it is passed on but what is known.
    pub(super) fn of_consent_page(error: &str) -> Self {
        match (error, of_oauth_code(error)) {
            ("access_denied", _) => Self::Denied,
            (_, Failure::Malformed) => Self::Provider("provider_error"),
            (_, failure) => Self::Provider(failure.code()),
        }
    }

    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Denied => "access_denied",
            Self::Provider(_) => "provider_error",
            Self::ScopeMissing => "scope_missing",
            Self::Exchange(_, error) => error.failure.code(),
            Self::Unlinking => "unlinking",
            Self::TooMany(_) => "too_many_attempts",
            Self::NotKept(_) => "server_error",
        }
    }

    /// How long to wait before the same may go well; `None`: waiting does not help.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Unlinking => Some(Duration::from_secs(30)),
            Self::TooMany(wait) => Some(*wait),
            Self::NotKept(_) => Some(Duration::from_secs(5)),
            Self::Exchange(_, error) => matches!(error.failure.policy(), RetryPolicy::Retry)
                .then(|| error.retry_after.unwrap_or(Duration::from_secs(30))),
            Self::Denied | Self::Provider(_) | Self::ScopeMissing => None,
        }
    }
}

/// What a pull tries again by itself, a person has to try again here.
fn sentence(provider: Provider, error: &ProviderError) -> String {
    match error.failure.policy() {
        RetryPolicy::Retry | RetryPolicy::Refresh => format!(
            "{} did not complete the link ({}). Try again.",
            provider.display_name(),
            error.failure.code()
        ),
        RetryPolicy::StopProvider
        | RetryPolicy::NeedsReauth
        | RetryPolicy::RestartList
        | RetryPolicy::SkipResource => error.failure.sentence(provider.display_name()),
    }
}
