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
    /// The account has no channel, and so nothing to read (a Google account need not have one).
    NoChannel,
    /// The provider closed or suspended the account.
    AccountClosed,
    /// The endpoint is gone or not offered to this app.
    NotOffered,
    /// One thing of a list is not there any more.
    Gone,
    /// A list of somebody else's, whose contents the provider shows to its owner only.
    ForeignList,
    /// The token of a page in the middle of a list is no longer good.
    PageExpired,
    /// The provider refuses the app itself: its credentials, its owner's subscription, an API
    /// that is not switched on for it.
    AppRefused,
    /// Any other refusal.
    Refused,
    /// The provider answered with a link to somewhere else.
    ForeignLink,
}

/// Whom a [`Failure`] concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everybody whose account is linked through this app.
    App,
    /// This connection.
    Account,
    /// One list of it; the others can be read.
    List,
    /// One thing of a list.
    Item,
}

/// What follows from a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryPolicy {
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
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::ServerError,
        Self::Malformed,
        Self::TooLarge,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::TokenExpired,
        Self::ConsentEnded,
        Self::ScopeMissing,
        Self::NotAllowListed,
        Self::NoChannel,
        Self::AccountClosed,
        Self::NotOffered,
        Self::Gone,
        Self::ForeignList,
        Self::PageExpired,
        Self::AppRefused,
        Self::Refused,
        Self::ForeignLink,
    ];

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
            Self::NoChannel => "no_channel",
            Self::AccountClosed => "account_closed",
            Self::NotOffered => "not_offered",
            Self::Gone => "gone",
            Self::ForeignList => "foreign_list",
            Self::PageExpired => "page_expired",
            Self::AppRefused => "app_refused",
            Self::Refused => "refused",
            Self::ForeignLink => "foreign_link",
        }
    }

    /// Whom it concerns. Exhaustive, as below.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Self::QuotaExceeded | Self::AppRefused => Scope::App,
            Self::Unreachable
            | Self::TimedOut
            | Self::ServerError
            | Self::Malformed
            | Self::RateLimited
            | Self::TokenExpired
            | Self::ConsentEnded
            | Self::NotAllowListed
            | Self::NoChannel
            | Self::AccountClosed => Scope::Account,
            Self::TooLarge
            | Self::ScopeMissing
            | Self::NotOffered
            | Self::PageExpired
            | Self::Refused
            | Self::ForeignLink => Scope::List,
            Self::ForeignList | Self::Gone => Scope::Item,
        }
    }

    /// What to do. Exhaustive, so that a new kind forces a decision.
    #[must_use]
    pub const fn policy(self) -> RetryPolicy {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::ServerError
            | Self::Malformed
            | Self::RateLimited => RetryPolicy::Retry,
            Self::TokenExpired => RetryPolicy::Refresh,
            Self::QuotaExceeded | Self::AppRefused => RetryPolicy::StopProvider,
            Self::PageExpired => RetryPolicy::RestartList,
            Self::ConsentEnded | Self::NotAllowListed | Self::NoChannel | Self::AccountClosed => {
                RetryPolicy::NeedsReauth
            }
            Self::TooLarge
            | Self::ScopeMissing
            | Self::NotOffered
            | Self::Gone
            | Self::ForeignList
            | Self::Refused
            | Self::ForeignLink => RetryPolicy::SkipResource,
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
            Self::NoChannel => format!(
                "This account has no {provider} channel. Make one at {provider}, or link an account that has one."
            ),
            Self::AccountClosed => format!(
                "{provider} closed or suspended this account. Settle that with {provider}, or link another account."
            ),
            Self::NotOffered => format!("{provider} does not offer this to this app."),
            Self::Gone => format!("{provider} no longer has this."),
            Self::ForeignList => format!(
                "{provider} shows what is in a playlist to its owner only; the others are here."
            ),
            Self::PageExpired => {
                format!("{provider} lost its place in a long list; the next sync reads it again.")
            }
            Self::AppRefused => format!(
                "{provider} refuses this app as a whole; its operator has to put that right."
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

/// No provider's Retry-After is believed beyond this: two days, above all that were seen
/// (74,214 s). A date in a far year would stop a connection, or everybody, for good.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(48 * 60 * 60);

/// How long a provider is left alone that refused the app itself and did not say how long.
pub const APP_REFUSED_PAUSE: Duration = Duration::from_secs(15 * 60);

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
    use super::{FIRST_BACK_OFF, Failure, LONGEST_BACK_OFF, RetryPolicy, Scope, back_off};

    #[test]
    fn back_off_doubles_and_ends_at_its_longest() {
        assert_eq!(back_off(0, 0), FIRST_BACK_OFF / 2);
        assert_eq!(back_off(0, u32::MAX), FIRST_BACK_OFF);
        assert_eq!(back_off(1, u32::MAX), FIRST_BACK_OFF * 2);
        assert_eq!(back_off(u32::MAX, u32::MAX), LONGEST_BACK_OFF);
    }

    #[test]
    fn a_dead_refresh_token_is_final_and_a_quota_stops_everybody() {
        assert_eq!(Failure::ConsentEnded.policy(), RetryPolicy::NeedsReauth);
        assert_eq!(Failure::QuotaExceeded.policy(), RetryPolicy::StopProvider);
        assert_eq!(Failure::RateLimited.policy(), RetryPolicy::Retry);
    }

    #[test]
    fn what_follows_reaches_as_far_as_whom_it_concerns() {
        for failure in Failure::ALL {
            let reach: &[Scope] = match failure.policy() {
                RetryPolicy::StopProvider => &[Scope::App],
                RetryPolicy::Retry | RetryPolicy::Refresh | RetryPolicy::NeedsReauth => {
                    &[Scope::Account]
                }
                RetryPolicy::RestartList => &[Scope::List],
                RetryPolicy::SkipResource => &[Scope::List, Scope::Item],
            };
            assert!(reach.contains(&failure.scope()), "{failure:?}");
        }
    }

    #[test]
    fn codes_are_distinct() {
        let codes: std::collections::HashSet<_> = Failure::ALL.map(Failure::code).into();
        assert_eq!(codes.len(), Failure::ALL.len());
    }
}
