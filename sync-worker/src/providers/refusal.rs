//! From an HTTP answer to a [`Failure`]. Providers put the reason in the body: the
//! status alone means many things.

use std::time::Duration;

use bondhu_core::retry::Failure;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use crate::provider::Provider;

/// A call that brought nothing. Holds no token: texts of requests are left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", failure.code())]
pub struct ProviderError {
    /// What kind of failure.
    pub failure: Failure,
    /// The provider's own wish, when it sent one.
    pub retry_after: Option<Duration>,
    /// What the provider or the HTTP client said, shortened.
    pub detail: String,
}

impl ProviderError {
    pub(crate) fn new(failure: Failure, detail: impl Into<String>) -> Self {
        let detail = detail.into().chars().take(200).collect();
        Self {
            failure,
            retry_after: None,
            detail,
        }
    }

    pub(crate) fn too_large() -> Self {
        Self::new(
            Failure::TooLarge,
            format!("the answer is over {} bytes", super::LARGEST_ANSWER),
        )
    }

    pub(crate) fn malformed(error: &serde_json::Error) -> Self {
        Self::new(Failure::Malformed, error.to_string())
    }

    /// Reads a refusal.
    pub(crate) fn refused(
        provider: Provider,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        // https://developer.spotify.com/documentation/web-api/concepts/api-calls#response-error
        // https://developers.google.com/youtube/v3/docs/errors
        let error = serde_json::from_slice::<Envelope>(body)
            .unwrap_or_default()
            .error;
        let reasons: Vec<&str> = error
            .errors
            .iter()
            .filter_map(|e| e.reason.as_deref())
            .chain(error.reason.as_deref())
            .collect();
        let message = error.message.unwrap_or_default();
        let failure = match provider {
            Provider::Spotify => spotify(status, &reasons, &message),
            Provider::YouTube => youtube(status, &reasons),
        };
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let said = if message.is_empty() {
            status.to_string()
        } else {
            format!("{status}: {message}")
        };
        Self {
            retry_after,
            ..Self::new(failure, said)
        }
    }
}

impl From<reqwest::Error> for ProviderError {
    fn from(error: reqwest::Error) -> Self {
        let failure = if error.is_timeout() {
            Failure::TimedOut
        } else {
            Failure::Unreachable
        };
        // The URL may carry a page token; the cause is what helps.
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Self::new(failure, cause.unwrap_or_else(|| error.to_string()))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    error: ErrorBody,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    message: Option<String>,
    reason: Option<String>,
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

fn spotify(status: StatusCode, reasons: &[&str], message: &str) -> Failure {
    let message = message.to_lowercase();
    match status.as_u16() {
        401 => Failure::TokenExpired,
        403 if message.contains("scope") => Failure::ScopeMissing,
        403 if message.contains("not registered") || message.contains("developer") => {
            Failure::NotAllowListed
        }
        404 | 410 => Failure::NotOffered,
        429 if reasons.contains(&"QUOTA_EXCEEDED") => Failure::QuotaExceeded,
        429 => Failure::RateLimited,
        500.. => Failure::ServerError,
        _ => Failure::Refused,
    }
}

fn youtube(status: StatusCode, reasons: &[&str]) -> Failure {
    let has = |reason: &str| reasons.contains(&reason);
    match status.as_u16() {
        401 => Failure::TokenExpired,
        _ if has("quotaExceeded") || has("dailyLimitExceeded") => Failure::QuotaExceeded,
        _ if has("rateLimitExceeded") || has("userRateLimitExceeded") => Failure::RateLimited,
        _ if has("invalidPageToken") => Failure::PageExpired,
        _ if has("insufficientPermissions") => Failure::ScopeMissing,
        404 | 410 => Failure::NotOffered,
        429 => Failure::RateLimited,
        500.. => Failure::ServerError,
        _ => Failure::Refused,
    }
}
