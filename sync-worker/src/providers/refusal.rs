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

    pub(crate) fn unasked_304() -> Self {
        Self::new(Failure::Malformed, "304 to a request without an entity tag")
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

#[cfg(test)]
mod tests {
    use super::{Duration, Failure, HeaderMap, Provider, ProviderError, StatusCode};
    use serde_json::Value;

    /// An answer of `standin/specs/wire-examples.json`, read as the worker reads it.
    fn read(provider: Provider, name: &str) -> ProviderError {
        let examples: Value =
            serde_json::from_str(include_str!("../../../standin/specs/wire-examples.json"))
                .unwrap();
        let example = &examples[provider.name()][name];
        let mut headers = HeaderMap::new();
        if let Some(wait) = example["headers"]["retry-after"].as_str() {
            headers.insert("retry-after", wait.parse().unwrap());
        }
        let status = u16::try_from(example["status"].as_u64().unwrap()).unwrap();
        ProviderError::refused(
            provider,
            StatusCode::from_u16(status).unwrap(),
            &headers,
            example["body"].to_string().as_bytes(),
        )
    }

    #[test]
    fn every_recorded_refusal_is_told_apart() {
        for (provider, name, failure) in [
            (Provider::Spotify, "api_401", Failure::TokenExpired),
            (
                Provider::Spotify,
                "api_403_playlist_not_owned_or_removed_endpoint",
                Failure::Refused,
            ),
            (Provider::Spotify, "api_429_rate", Failure::RateLimited),
            (
                Provider::Spotify,
                "api_429_rate_no_header",
                Failure::RateLimited,
            ),
            (Provider::Spotify, "api_429_quota", Failure::QuotaExceeded),
            (Provider::YouTube, "quotaExceeded", Failure::QuotaExceeded),
            (Provider::YouTube, "rateLimitExceeded", Failure::RateLimited),
            (Provider::YouTube, "forbidden_scope", Failure::ScopeMissing),
            (Provider::YouTube, "unauthorized", Failure::TokenExpired),
            (Provider::YouTube, "invalidPageToken", Failure::PageExpired),
            (Provider::YouTube, "playlistNotFound", Failure::NotOffered),
        ] {
            assert_eq!(read(provider, name).failure, failure, "{name}");
        }
    }

    #[test]
    fn a_wish_to_wait_is_kept_when_there_is_one() {
        let wait = |name| read(Provider::Spotify, name).retry_after;
        assert_eq!(wait("api_429_rate"), Some(Duration::from_secs(2)));
        assert_eq!(wait("api_429_quota"), Some(Duration::from_secs(48_925)));
        assert_eq!(wait("api_429_rate_no_header"), None);
    }

    #[test]
    fn a_refusal_that_is_not_json_goes_by_its_status() {
        let read = |status: StatusCode| {
            ProviderError::refused(Provider::YouTube, status, &HeaderMap::new(), b"<html>").failure
        };
        assert_eq!(read(StatusCode::BAD_GATEWAY), Failure::ServerError);
        assert_eq!(read(StatusCode::FORBIDDEN), Failure::Refused);
        assert_eq!(read(StatusCode::TOO_MANY_REQUESTS), Failure::RateLimited);
    }
}
