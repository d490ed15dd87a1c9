//! How a pull ended, and what that means for the connection.

use std::fmt;
use std::time::Duration;

use bondhu_core::retry::{Failure, RetryPolicy, back_off};
use chrono::{DateTime, Utc};

use super::checkpoint::Missing;
use crate::provider::Provider;
use crate::providers::ProviderError;
use crate::vault::VaultError;

/// When something is tried again, by the clock of the database: that of this machine may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For so long from now.
    For(Duration),
    /// Until an instant that the database gave.
    Until(DateTime<Utc>),
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(wait) => write!(f, "for {} s", wait.as_secs()),
            Self::Until(instant) => write!(f, "until {instant}"),
        }
    }
}

/// Why a pull stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The provider refused, or did not answer.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// A stored token cannot be opened or sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The connection has no tokens, or this worker has no credentials for the provider.
    #[error("{0}")]
    NotSetUp(String),
    /// The database refused, or did not answer: the lease runs out and somebody tries again.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// What came cannot be stored, whatever is left out of it.
    #[error("cannot be stored: {0}")]
    Unstorable(String),
    /// Somebody else works on this connection now, or it was disconnected.
    #[error("the lease was lost")]
    LeaseLost,
    /// Our own ledger says that the provider's budget is used up until then.
    #[error("the provider's budget is used up until {0}")]
    BudgetSpent(DateTime<Utc>),
    /// What one person may use of it is used up.
    #[error("enough for one person {0}")]
    EnoughForNow(Wait),
    /// The worker is stopping.
    #[error("stopping")]
    Stopping,
}

/// Whether a statement failed over what was to be stored (a value that no column takes, a key too
/// long for an index), and will fail over it again; the database itself is well.
pub(super) fn is_of_data(error: &sqlx::Error) -> bool {
    // https://www.postgresql.org/docs/current/errcodes-appendix.html: cardinality, data,
    // integrity, limits of the program.
    const CLASSES: [&str; 4] = ["21", "22", "23", "54"];
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| CLASSES.iter().any(|class| code.starts_with(class)))
}

/// What `bondhu.complete_sync` is told.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: &'static str,
    pub(super) missing: Vec<String>,
    pub(super) code: Option<String>,
    pub(super) sentence: Option<String>,
    pub(super) wait: Option<Wait>,
}

impl Outcome {
    /// A walk to the end: `partial` if something is missing.
    pub(super) fn walked(missing: &[Missing]) -> Self {
        let first = missing.first();
        Self {
            status: if missing.is_empty() { "ok" } else { "partial" },
            missing: missing
                .iter()
                .map(|missing| missing.resource.name.to_owned())
                .collect(),
            code: first.map(|missing| missing.code.clone()),
            sentence: first.map(|missing| missing.sentence.clone()),
            wait: None,
        }
    }

    /// Given back at the page it stands at, to go on at once or after a wait.
    pub(super) const fn given_back(wait: Option<Wait>) -> Self {
        Self {
            status: "queued",
            missing: Vec::new(),
            code: None,
            sentence: None,
            wait,
        }
    }

    /// Given back for want of budget: what the provider would say too, had it been asked.
    pub(super) fn budget_spent(provider: Provider, until: DateTime<Utc>) -> Self {
        let failure = Failure::QuotaExceeded;
        Self {
            code: Some(failure.code().to_owned()),
            sentence: Some(failure.sentence(provider.display_name())),
            ..Self::given_back(Some(Wait::Until(until)))
        }
    }

    /// A failure of the provider. `jitter`: a random number.
    pub(super) fn failed(
        provider: Provider,
        error: &ProviderError,
        attempts: u32,
        jitter: u32,
    ) -> Self {
        let status = match error.failure.policy() {
            RetryPolicy::NeedsReauth => "needs_reauth",
            RetryPolicy::Retry
            | RetryPolicy::Refresh
            | RetryPolicy::RestartList
            | RetryPolicy::SkipResource
            | RetryPolicy::StopProvider => "failing",
        };
        // A refusal of the whole app is kept with the provider, not with the user.
        let wait = match error.failure.policy() {
            RetryPolicy::NeedsReauth | RetryPolicy::StopProvider => None,
            RetryPolicy::Retry
            | RetryPolicy::Refresh
            | RetryPolicy::RestartList
            | RetryPolicy::SkipResource => Some(Wait::For(
                back_off(attempts, jitter).max(error.retry_after.unwrap_or_default()),
            )),
        };
        Self {
            status,
            missing: Vec::new(),
            code: Some(error.failure.code().to_owned()),
            sentence: Some(error.failure.sentence(provider.display_name())),
            wait,
        }
    }

    /// A failure on our side that an operator has to mend.
    pub(super) fn unusable(code: &str, sentence: String, wait: Duration) -> Self {
        Self {
            status: "failing",
            missing: Vec::new(),
            code: Some(code.to_owned()),
            sentence: Some(sentence),
            wait: Some(Wait::For(wait)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Outcome, Provider, ProviderError, Wait};
    use std::time::Duration;

    #[test]
    fn a_wish_of_thirteen_hours_is_kept_and_not_slept() {
        let thirteen_hours = Duration::from_secs(48_925);
        let error = ProviderError {
            retry_after: Some(thirteen_hours),
            ..ProviderError::new(Failure::RateLimited, "")
        };
        let outcome = Outcome::failed(Provider::Spotify, &error, 0, 0);
        assert_eq!(outcome.wait, Some(Wait::For(thirteen_hours)));
        assert_eq!(outcome.status, "failing");
    }

    #[test]
    fn ended_consent_is_final() {
        let error = ProviderError::new(Failure::ConsentEnded, "");
        let outcome = Outcome::failed(Provider::YouTube, &error, 3, 0);
        assert_eq!((outcome.status, outcome.wait), ("needs_reauth", None));
    }
}
