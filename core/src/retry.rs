//! What a provider's refusal means, and what to do about it.

use std::time::Duration;

/// Why a call to a provider brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No connection, or it broke.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// 5xx.
    ServerError,
    /// An answer that is not what the provider describes: truncated, not JSON, another shape.
    Malformed,
    /// An answer larger than any page is.
    TooLarge,
    /// 429: too many requests just now.
    RateLimited,
    /// The whole app's quota is used up.
    QuotaExceeded,
    /// 401: the access token is no longer accepted; a refresh may help.
    TokenExpired,
    /// The refresh token is dead: consent was withdrawn or ran out.
    ConsentEnded,
    /// The account did not grant what this call needs.
    ScopeMissing,
    /// The account is not on the app's list (Spotify Development Mode).
    NotAllowListed,
    /// The endpoint is gone or not offered to this app.
    NotOffered,
    /// A list of somebody else's, whose contents the provider shows to its owner only.
    ForeignList,
    /// The token of a page in the middle of a list is no longer good.
    PageExpired,
    /// The provider does not know the app's own credentials.
    AppRefused,
    /// Any other refusal.
    Refused,
    /// The provider answered with a link to somewhere else.
    ForeignLink,
}

/// What follows from a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Try this connection again later, backing off.
    Retry,
    /// Refresh the access token once and repeat the call.
    Refresh,
    /// Stop the provider for everybody: until its quota resets, or for a while.
    StopProvider,
    /// Ask the user for consent again; never retry.
    NeedsReauth,
    /// Walk this list from its first page, once.
    RestartList,
    /// Go on without this resource and say that it is missing.
    SkipResource,
}

impl Failure {
    /// Stable code, for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::ServerError => "server_error",
            Self::Malformed => "malformed_answer",
            Self::TooLarge => "answer_too_large",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::TokenExpired => "token_expired",
            Self::ConsentEnded => "consent_ended",
            Self::ScopeMissing => "scope_missing",
            Self::NotAllowListed => "not_allow_listed",
            Self::NotOffered => "not_offered",
            Self::ForeignList => "foreign_list",
            Self::PageExpired => "page_expired",
            Self::AppRefused => "app_refused",
            Self::Refused => "refused",
            Self::ForeignLink => "foreign_link",
        }
    }

    /// What to do. Exhaustive, so that a new kind forces a decision.
    #[must_use]
    pub const fn policy(self) -> Policy {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::ServerError
            | Self::Malformed
            | Self::RateLimited => Policy::Retry,
            Self::TokenExpired => Policy::Refresh,
            Self::QuotaExceeded | Self::AppRefused => Policy::StopProvider,
            Self::PageExpired => Policy::RestartList,
            Self::ConsentEnded | Self::NotAllowListed => Policy::NeedsReauth,
            Self::TooLarge
            | Self::ScopeMissing
            | Self::NotOffered
            | Self::ForeignList
            | Self::Refused
            | Self::ForeignLink => Policy::SkipResource,
        }
    }

    /// A sentence for the person whose connection it is. `provider` is its display name.
    #[must_use]
    pub fn sentence(self, provider: &str) -> String {
        match self {
            Self::Unreachable => {
                format!("{provider} could not be reached; the next try is scheduled.")
            }
            Self::TimedOut => {
                format!("{provider} did not answer in time; the next try is scheduled.")
            }
            Self::ServerError => {
                format!("{provider} has a fault of its own; the next try is scheduled.")
            }
            Self::Malformed => format!(
                "{provider} sent an answer that could not be read; the next try is scheduled."
            ),
            Self::TooLarge => {
                format!("{provider} sent an answer that is too large to be one page.")
            }
            Self::RateLimited => {
                format!("{provider} asked us to slow down; the next try is scheduled.")
            }
            Self::QuotaExceeded => format!(
                "This app's {provider} quota is used up; everybody's sync goes on when it resets."
            ),
            Self::TokenExpired => {
                format!("{provider} no longer accepts the access token; the next try refreshes it.")
            }
            Self::ConsentEnded => {
                format!("Access to {provider} was withdrawn or ran out. Link the account again.")
            }
            Self::ScopeMissing => format!(
                "{provider} was linked without the permission for this. Link the account again and grant it."
            ),
            Self::NotAllowListed => format!(
                "This {provider} app is in development and does not list your account. Ask the operator to add it, then link again."
            ),
            Self::NotOffered => format!("{provider} does not offer this to this app."),
            Self::ForeignList => format!(
                "{provider} shows what is in a playlist to its owner only; the others are here."
            ),
            Self::PageExpired => {
                format!("{provider} lost its place in a long list; the next sync reads it again.")
            }
            Self::AppRefused => format!(
                "{provider} does not accept this app's credentials; its operator has to correct them."
            ),
            Self::Refused => format!("{provider} refused this."),
            Self::ForeignLink => {
                format!("{provider} pointed to another server; that link was not followed.")
            }
        }
    }
}

/// Wait before the first repeated try.
pub const FIRST_BACK_OFF: Duration = Duration::from_secs(30);

/// No back-off of our own is longer. A provider's Retry-After may be.
pub const LONGEST_BACK_OFF: Duration = Duration::from_secs(6 * 60 * 60);

/// Exponential back-off with jitter, half to whole of `FIRST_BACK_OFF × 2^attempts`
/// ("equal jitter", Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015).
///
/// `attempts`: tries that failed before this one. `jitter`: a random number, any value.
#[must_use]
pub fn back_off(attempts: u32, jitter: u32) -> Duration {
    let whole = FIRST_BACK_OFF
        .saturating_mul(1 << attempts.min(16))
        .min(LONGEST_BACK_OFF);
    let half = whole.as_secs() * 1_000 / 2;
    Duration::from_millis(half + half * u64::from(jitter) / u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{FIRST_BACK_OFF, Failure, LONGEST_BACK_OFF, Policy, back_off};

    #[test]
    fn back_off_doubles_and_ends_at_its_longest() {
        assert_eq!(back_off(0, 0), FIRST_BACK_OFF / 2);
        assert_eq!(back_off(0, u32::MAX), FIRST_BACK_OFF);
        assert_eq!(back_off(1, u32::MAX), FIRST_BACK_OFF * 2);
        assert_eq!(back_off(u32::MAX, u32::MAX), LONGEST_BACK_OFF);
    }

    #[test]
    fn a_dead_refresh_token_is_final_and_a_quota_stops_everybody() {
        assert_eq!(Failure::ConsentEnded.policy(), Policy::NeedsReauth);
        assert_eq!(Failure::QuotaExceeded.policy(), Policy::StopProvider);
        assert_eq!(Failure::RateLimited.policy(), Policy::Retry);
    }
}
