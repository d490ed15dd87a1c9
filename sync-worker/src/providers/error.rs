//! From an HTTP answer to a [`Failure`]: what it says, however it says it. What that means is in
//! the table of `meanings`.

use std::time::Duration;

use bondhu_core::retry::{APP_REFUSED_PAUSE, Failure};
use chrono::Utc;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use super::meanings::{Endpoint, Form, RefusedAnswer, row};
use super::retry_after::retry_after;
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

    /// Reads a refusal of a provider's API.
    pub(crate) fn refused(
        provider: Provider,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        Self::read(Endpoint::Api(provider), status, headers, body)
    }

    /// Reads a refusal of a token endpoint or of the endpoint that revokes.
    pub(crate) fn refused_by_oauth(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        Self::read(Endpoint::OAuth, status, headers, body)
    }

    fn read(endpoint: Endpoint, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let said = Said::read(headers, body);
        let reasons: Vec<&str> = said.reasons.iter().map(String::as_str).collect();
        let refusal = RefusedAnswer {
            endpoint,
            status: status.as_u16(),
            form: said.form,
            reasons: &reasons,
            text: &said.text.to_lowercase(),
        };
        let failure = row(&refusal).failure;
        let wish = retry_after(headers, Utc::now());
        let detail = [status.to_string(), said.reasons.join(", "), said.text]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(": ");
        Self {
            retry_after: wish.or((failure == Failure::AppRefused).then_some(APP_REFUSED_PAUSE)),
            ..Self::new(failure, detail)
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

/// A text for people is no longer, by far; the rest of a page is not looked at.
const LONGEST_TEXT: usize = 500;

/// What an answer says, however it says it.
#[derive(Debug)]
struct Said {
    form: Form,
    reasons: Vec<String>,
    text: String,
}

impl Said {
    /// <https://developer.spotify.com/documentation/web-api/concepts/api-calls#response-error>,
    /// <https://developers.google.com/youtube/v3/docs/errors>, RFC 6749 section 5.2. Field by field:
    /// one that is not as described takes nothing away from the others.
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        if let Ok(Value::Object(whole)) = serde_json::from_slice(body) {
            let error = whole.get("error").unwrap_or(&Value::Null);
            let list = |name| error[name].as_array().into_iter().flatten();
            let reasons = [error, &error["reason"]]
                .into_iter()
                .chain(
                    list("errors")
                        .chain(list("details"))
                        .map(|one| &one["reason"]),
                )
                .filter_map(Value::as_str);
            let text = [
                &error["message"],
                whole.get("error_description").unwrap_or(&Value::Null),
            ];
            return Self {
                form: Form::Json,
                reasons: reasons.map(shortened).collect(),
                text: text
                    .into_iter()
                    .find_map(Value::as_str)
                    .map(shortened)
                    .unwrap_or_default(),
            };
        }
        let stated = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let plain = stated.is_none_or(|kind| {
            kind.trim_start()
                .to_ascii_lowercase()
                .starts_with("text/plain")
        });
        // What proxies send may have no type either.
        let text = if plain && !body.trim_ascii_start().starts_with(b"<") {
            shortened(String::from_utf8_lossy(&body[..body.len().min(LONGEST_TEXT)]).trim())
        } else {
            String::new()
        };
        Self {
            form: if text.is_empty() {
                Form::Other
            } else {
                Form::Text
            },
            reasons: Vec::new(),
            text,
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_TEXT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Duration, Failure, HeaderMap, Provider, ProviderError, StatusCode, Value};
    use bondhu_core::retry::{APP_REFUSED_PAUSE, RetryPolicy};
    use proptest::prelude::{any, proptest};
    use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
    use serde_json::json;

    /// An answer of `standin/specs/wire-examples.json`, read as the worker reads it.
    fn read(provider: Provider, name: &str) -> ProviderError {
        let examples: Value =
            serde_json::from_str(include_str!("../../../standin/specs/wire-examples.json"))
                .unwrap();
        let example = &examples[provider.name()][name];
        let mut headers = HeaderMap::new();
        for (name, value) in example["headers"].as_object().into_iter().flatten() {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, value.as_str().unwrap().parse().unwrap());
        }
        let body = match &example["body"] {
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        let status = u16::try_from(example["status"].as_u64().unwrap()).unwrap();
        ProviderError::refused(
            provider,
            StatusCode::from_u16(status).unwrap(),
            &headers,
            body.as_bytes(),
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
            (
                Provider::Spotify,
                "api_403_user_not_registered",
                Failure::NotAllowListed,
            ),
            (
                Provider::Spotify,
                "api_403_owner_without_premium",
                Failure::AppRefused,
            ),
            (
                Provider::YouTube,
                "accessNotConfigured",
                Failure::AppRefused,
            ),
            (
                Provider::YouTube,
                "youtubeSignupRequired",
                Failure::NoChannel,
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
            (Provider::YouTube, "playlistNotFound", Failure::Gone),
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
    fn read_as(kind: &'static str, status: u16, body: &[u8]) -> ProviderError {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let status = StatusCode::from_u16(status).unwrap();
        ProviderError::refused(Provider::Spotify, status, &headers, body)
    }

    #[test]
    fn a_text_decides_whether_it_is_plain_or_in_json_and_a_page_does_not() {
        let text = "User not registered in the Developer Dashboard";
        let envelope = json!({"error": {"status": 403, "message": text}}).to_string();
        for (kind, body) in [
            ("text/plain", text),
            ("TEXT/PLAIN; charset=utf-8", text),
            ("text/plain", envelope.as_str()),
            ("application/json", envelope.as_str()),
        ] {
            let error = read_as(kind, 403, body.as_bytes());
            assert_eq!(error.failure, Failure::NotAllowListed, "{kind}");
            assert!(error.detail.contains(text), "{error}");
        }
        for (kind, body) in [
            ("text/html", format!("<html>{text}")),
            ("text/plain", format!("  <html>{text}")),
        ] {
            assert_eq!(
                read_as(kind, 403, body.as_bytes()).failure,
                Failure::Refused
            );
        }
    }

    #[test]
    fn a_refusal_of_the_app_stops_it_for_a_while_at_least() {
        let error = read(Provider::YouTube, "accessNotConfigured");
        assert_eq!(error.failure.policy(), RetryPolicy::StopProvider);
        assert_eq!(error.retry_after, Some(APP_REFUSED_PAUSE));
    }

    #[test]
    fn one_field_that_is_not_as_described_takes_nothing_from_the_others() {
        let quota = json!([null, 7, {"reason": null}, {"reason": "quotaExceeded"}]);
        for body in [
            json!({"error": {"errors": quota, "message": 5}}),
            json!({"error": {"errors": {}, "details": quota, "code": "x"}}),
            json!({"error": {"errors": [], "reason": "quotaExceeded"}}),
        ] {
            let (status, headers) = (StatusCode::FORBIDDEN, HeaderMap::new());
            let body = body.to_string();
            let error =
                ProviderError::refused(Provider::YouTube, status, &headers, body.as_bytes());
            assert_eq!(error.failure, Failure::QuotaExceeded, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_under_any_status_mean_something_and_are_shown_short(
            status in 300_u16..600, body in any::<Vec<u8>>(), youtube in any::<bool>(),
        ) {
            let provider = if youtube { Provider::YouTube } else { Provider::Spotify };
            let status = StatusCode::from_u16(status).unwrap();
            let error = ProviderError::refused(provider, status, &HeaderMap::new(), &body);
            assert!(error.detail.chars().count() <= 200);
            assert!(!error.detail.chars().any(char::is_control));
        }
    }
}
