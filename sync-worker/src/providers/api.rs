//! One call to a provider's API: bearer, limits, and what came back.

use bondhu_core::retry::Failure;
use reqwest::StatusCode;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Answer, ProviderError, bounded_body};
use crate::provider::Provider;

/// No entity tag is kept that is longer, in bytes: it goes with every request for its page.
const LONGEST_TAG: usize = 1_024;

/// A document that was asked for under the entity tag of a former one.
#[derive(Debug)]
pub enum Changed {
    /// It is another by now; with its own entity tag, if the provider gives one.
    Yes(Answer, Option<String>),
    /// 304: it still is what it was.
    No,
}

/// An access token on its way to the provider it belongs to.
pub type Bearer = SecretString;

/// A provider's API.
#[derive(Debug)]
pub struct Api {
    provider: Provider,
    http: reqwest::Client,
    base: Url,
}

impl Api {
    /// The API at `base`.
    #[must_use]
    pub fn new(provider: Provider, http: reqwest::Client, base: Url) -> Self {
        Self {
            provider,
            http,
            base,
        }
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
            && url
                .path()
                .strip_prefix(self.base.path().trim_end_matches('/'))
                .is_some_and(|rest| rest.starts_with('/'));
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
    pub async fn get(&self, url: Url, bearer: &Bearer) -> Result<Answer, ProviderError> {
        match self.get_if_changed(url, bearer, None).await? {
            Changed::Yes(document, _) => Ok(document),
            Changed::No => Err(ProviderError::unasked_304()),
        }
    }

    /// Gets a JSON document unless it still is the one of `etag` (RFC 9110, section 13.1.2).
    ///
    /// # Errors
    /// [`ProviderError`], by what went wrong.
    pub async fn get_if_changed(
        &self,
        url: Url,
        bearer: &Bearer,
        etag: Option<&str>,
    ) -> Result<Changed, ProviderError> {
        let mut request = self.http.get(url).bearer_auth(bearer.expose_secret());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status == StatusCode::NOT_MODIFIED && etag.is_some() {
            return Ok(Changed::No);
        }
        let body = bounded_body(answer).await?;
        if !status.is_success() {
            return Err(ProviderError::refused(
                self.provider,
                status,
                &headers,
                &body,
            ));
        }
        let document = Answer::read(&body).map_err(|error| ProviderError::malformed(&error))?;
        let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.filter(|etag| (1..=LONGEST_TAG).contains(&etag.len()));
        Ok(Changed::Yes(document, etag.map(str::to_owned)))
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
            "https://api.spotify.com/v1evil/me",
            "https://api.spotify.com/v1/../elsewhere",
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
