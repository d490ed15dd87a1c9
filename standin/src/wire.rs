//! Answers: those that `standin/specs/wire-examples.json` records of the real providers, and their
//! error envelopes.

use std::collections::BTreeMap;

use anyhow::Context;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

const EXAMPLES: &str = include_str!("../specs/wire-examples.json");

/// A complete answer, as an error or an injected fault sends it.
#[derive(Clone, Debug, Deserialize)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers; `content-type` where it is not JSON.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The JSON body; with a `content-type` of `text/plain`, the text.
    pub body: Value,
}

impl Reply {
    /// An answer made by the caller.
    pub fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: BTreeMap::new(),
            body,
        }
    }

    /// The recorded answer at `provider.name`, as in `spotify.api_429_quota`.
    ///
    /// # Errors
    /// Names the example that the file does not have, or that is not an answer.
    pub fn recorded(provider: &str, name: &str) -> anyhow::Result<Self> {
        let examples: Value =
            serde_json::from_str(EXAMPLES).context("wire-examples.json is not JSON")?;
        let example = examples
            .get(provider)
            .and_then(|of_provider| of_provider.get(name))
            .with_context(|| format!("wire-examples.json has no {provider}.{name}"))?;
        Self::deserialize(example)
            .with_context(|| format!("wire-examples.json: {provider}.{name} is no answer"))
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let plain = self
            .headers
            .get(header::CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.starts_with("text/plain"));
        let mut response = match self.body {
            Value::String(text) if plain => (status, text).into_response(),
            body => (status, axum::Json(body)).into_response(),
        };
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The recorded answers that handlers give, read once at the start.
#[derive(Clone, Debug)]
pub(super) struct RecordedReplies {
    pub(super) spotify_unauthorized: Reply,
    pub(super) spotify_forbidden: Reply,
    pub(super) spotify_invalid_client: Reply,
    pub(super) spotify_refresh_revoked: Reply,
    pub(super) spotify_refresh_expired: Reply,
    pub(super) youtube_unauthorized: Reply,
    pub(super) youtube_scope: Reply,
    pub(super) youtube_quota: Reply,
    pub(super) youtube_page_token: Reply,
    pub(super) youtube_playlist_not_found: Reply,
    pub(super) google_invalid_grant: Reply,
    pub(super) recently_played_exhausted: Value,
}

impl RecordedReplies {
    pub(super) fn load() -> anyhow::Result<Self> {
        Ok(Self {
            spotify_unauthorized: Reply::recorded("spotify", "api_401")?,
            spotify_forbidden: Reply::recorded(
                "spotify",
                "api_403_playlist_not_owned_or_removed_endpoint",
            )?,
            spotify_invalid_client: Reply::recorded("spotify", "token_invalid_client")?,
            spotify_refresh_revoked: Reply::recorded("spotify", "token_invalid_grant_revoked")?,
            spotify_refresh_expired: Reply::recorded("spotify", "token_invalid_grant_expired")?,
            youtube_unauthorized: Reply::recorded("youtube", "unauthorized")?,
            youtube_scope: Reply::recorded("youtube", "forbidden_scope")?,
            youtube_quota: Reply::recorded("youtube", "quotaExceeded")?,
            youtube_page_token: Reply::recorded("youtube", "invalidPageToken")?,
            youtube_playlist_not_found: Reply::recorded("youtube", "playlistNotFound")?,
            google_invalid_grant: Reply::recorded("google", "token_invalid_grant")?,
            recently_played_exhausted: Reply::recorded("spotify", "recently_played_exhausted")?
                .body,
        })
    }
}

/// Spotify's error envelope of the Web API (`ErrorObject`).
pub(super) fn spotify_error(status: u16, message: &str) -> Reply {
    Reply::new(
        status,
        json!({ "error": { "status": status, "message": message } }),
    )
}

/// Google's error envelope; a client branches on `reason`.
pub(super) fn google_error(status: u16, domain: &str, reason: &str, message: &str) -> Reply {
    Reply::new(
        status,
        json!({ "error": {
            "code": status,
            "message": message,
            "errors": [{ "message": message, "domain": domain, "reason": reason }],
        } }),
    )
}

/// A token endpoint's error, RFC 6749 section 5.2.
pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> Reply {
    Reply::new(
        status,
        json!({ "error": error, "error_description": description }),
    )
    .header(header::CACHE_CONTROL.as_str(), "no-store")
}
