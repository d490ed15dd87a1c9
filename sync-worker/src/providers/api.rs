//! One call to a provider's API: bearer, limits, and what came back.

use std::sync::atomic::{AtomicI64, Ordering};

use bondhu_core::retry::Failure;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::{ProviderError, bounded_body};
use crate::provider::Provider;

/// An access token on its way to the provider it belongs to.
pub type Bearer = SecretString;

/// A provider's API. Counts the requests it sends, for the ledger.
#[derive(Debug)]
pub struct Api {
    provider: Provider,
    http: reqwest::Client,
    base: Url,
    sent: AtomicI64,
}

impl Api {
    /// The API at `base`.
    #[must_use]
    pub fn new(provider: Provider, http: reqwest::Client, base: Url) -> Self {
        Self {
            provider,
            http,
            base,
            sent: AtomicI64::new(0),
        }
    }

    /// Requests sent since this was last asked.
    pub fn take_sent(&self) -> i64 {
        self.sent.swap(0, Ordering::Relaxed)
    }

    /// Gives back what could not be entered in the ledger.
    pub fn put_back_sent(&self, sent: i64) {
        self.sent.fetch_add(sent, Ordering::Relaxed);
    }

    /// The URL of `path` under the base, with a query.
    #[must_use]
    pub fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = super::under(&self.base, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// A `next` link, if it leads to this API and nowhere else: the bearer goes with it.
    ///
    /// # Errors
    /// [`Failure::ForeignLink`], [`Failure::Malformed`].
    pub fn own_link(&self, link: &str) -> Result<Url, ProviderError> {
        let url = Url::parse(link).map_err(|error| {
            ProviderError::new(Failure::Malformed, format!("`next` is no URL: {error}"))
        })?;
        let own = url.origin() == self.base.origin()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path().starts_with(self.base.path());
        if own {
            Ok(url)
        } else {
            let host = url.host_str().unwrap_or("nowhere");
            Err(ProviderError::new(
                Failure::ForeignLink,
                format!("`next` leads to {host}"),
            ))
        }
    }

    /// Gets a JSON document.
    ///
    /// # Errors
    /// [`ProviderError`], by what went wrong.
    pub async fn get<T: DeserializeOwned>(
        &self,
        url: Url,
        bearer: &Bearer,
    ) -> Result<T, ProviderError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = self
            .http
            .get(url)
            .bearer_auth(bearer.expose_secret())
            .send()
            .await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = bounded_body(answer).await?;
        if !status.is_success() {
            return Err(ProviderError::refused(
                self.provider,
                status,
                &headers,
                &body,
            ));
        }
        serde_json::from_slice(&body).map_err(|error| ProviderError::malformed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::{Api, Provider};
    use crate::providers::http_client;
    use bondhu_core::retry::Failure;

    fn api() -> Api {
        let base = "https://api.spotify.com/v1".parse().unwrap();
        Api::new(Provider::Spotify, http_client().unwrap(), base)
    }

    #[test]
    fn a_next_link_is_followed_to_the_providers_host_only() {
        let api = api();
        assert!(
            api.own_link("https://api.spotify.com/v1/me/top/artists?offset=50")
                .is_ok()
        );
        for foreign in [
            "https://api.spotify.com.evil.example/v1/me",
            "http://api.spotify.com/v1/me",
            "https://api.spotify.com:8443/v1/me",
            "https://user@api.spotify.com/v1/me",
            "https://api.spotify.com/elsewhere",
        ] {
            assert_eq!(
                api.own_link(foreign).unwrap_err().failure,
                Failure::ForeignLink,
                "{foreign}"
            );
        }
        assert_eq!(
            api.own_link("/v1/me").unwrap_err().failure,
            Failure::Malformed
        );
    }

    #[test]
    fn a_path_is_put_under_the_base() {
        let url = api().url("/me/top/artists", &[("limit", "50")]);
        assert_eq!(
            url.as_str(),
            "https://api.spotify.com/v1/me/top/artists?limit=50"
        );
    }
}
