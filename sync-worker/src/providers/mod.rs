//! What providers offer: calls, pages, and what their refusals mean.

pub mod answer;
mod api;
mod client;
mod error;
mod meanings;
mod meanings_youtube;
mod retry_after;
pub mod spotify;
mod stop;
mod token_endpoint;
pub mod youtube;

pub use answer::{Answer, Item, Losses};
pub use api::{Api, Bearer, Changed};
pub use client::{ProviderClient, ProviderClients};
pub use error::ProviderError;
pub(crate) use meanings::of_oauth_code;
pub(crate) use retry_after::retry_after;
pub(crate) use stop::stop_provider;
pub use token_endpoint::{Grant, TokenEndpoint};

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::PgPool;
use url::Url;

use crate::config::{ProviderConfig, SyncConfig};
use crate::provider::Provider;

/// How the worker is registered with a provider, and where that provider is. Base URLs
/// are configuration, so that the same binary runs against a stand-in.
#[derive(Clone, Debug)]
pub struct ProviderAccess {
    /// OAuth client id; also in `bondhu.provider_settings`.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: SecretString,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: Url,
    /// Where a consent is revoked, where the provider has such an endpoint.
    pub revoke_url: Option<Url>,
    /// Where browsers reach this worker's callback; also in `bondhu.provider_settings`.
    pub redirect_uri: Url,
    /// The API, without a slash at the end.
    pub api_url: Url,
}

impl ProviderAccess {
    /// The providers that are set up.
    #[must_use]
    pub fn of(config: &SyncConfig) -> HashMap<Provider, Self> {
        let access = |provider: Provider, of: &ProviderConfig| Self {
            client_id: of.client_id.clone(),
            client_secret: of.client_secret.clone(),
            token_url: under(
                &of.oauth_url,
                match provider {
                    Provider::Spotify => "/api/token",
                    Provider::YouTube => "/token",
                },
            ),
            revoke_url: match provider {
                Provider::Spotify => None,
                Provider::YouTube => Some(under(&of.oauth_url, "/revoke")),
            },
            redirect_uri: under(&config.public_url, &format!("/oauth/{provider}/callback")),
            api_url: of.api_url.clone(),
        };
        [
            (Provider::Spotify, &config.spotify),
            (Provider::YouTube, &config.youtube),
        ]
        .into_iter()
        .filter_map(|(provider, of)| Some((provider, access(provider, of.as_ref()?))))
        .collect()
    }
}

pub(crate) fn under(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// No call waits longer for an answer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Items that a page has at most, by every call used here of any provider.
pub const PAGE_SIZE: u32 = 50;

/// What is read of one answer: a page that is larger is asked for in smaller ones.
pub const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// An HTTP client as every call to a provider uses it: redirects are not followed, for
/// they could carry a token elsewhere.
///
/// # Errors
/// When TLS cannot be set up.
pub fn http_client() -> reqwest::Result<reqwest::Client> {
    // An error says that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(CALL_TIMEOUT)
        .connect_timeout(Duration::from_secs(5))
        .user_agent(concat!("bondhu-sync-worker/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Enters one request in the ledger that all workers share, before it is sent. `Some`: the
/// provider's budget is used up until then, and the request must not be sent.
///
/// # Errors
/// When the database does not answer, or refuses.
pub async fn spend_request(
    database: &PgPool,
    provider: Provider,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select bondhu.spend_request($1)")
        .bind(provider.name())
        .fetch_one(database)
        .await
}

/// The body of an answer, refused once it grows over [`LARGEST_ANSWER`].
pub(crate) async fn bounded_body(mut answer: reqwest::Response) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(ProviderError::too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
