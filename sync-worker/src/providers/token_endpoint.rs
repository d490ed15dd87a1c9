//! A provider's token endpoint: codes and refresh tokens against access tokens, and back.

use std::time::Duration;

use bondhu_core::retry::Failure;
use chrono::{DateTime, TimeDelta, Utc};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, TokenResponse,
    TokenUrl,
};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{ProviderAccess, ProviderError, bounded_body, of_oauth_code};
use crate::provider::Provider;

type Client =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// What a token endpoint grants.
#[derive(Debug)]
pub struct Grant {
    /// Access token.
    pub access: SecretString,
    /// When the access token ends; `None` when the provider does not say.
    pub access_expires_at: Option<DateTime<Utc>>,
    /// A new refresh token. `None` when absent or empty in the answer: the old one stays.
    pub refresh: Option<SecretString>,
    /// Granted scopes; `None` when the provider does not say, which means those asked for
    /// (RFC 6749 section 5.1).
    pub scopes: Option<Vec<String>>,
}

/// A provider's token endpoint.
#[derive(Debug)]
pub struct TokenEndpoint {
    client: Client,
    revoke_url: Option<Url>,
    http: reqwest::Client,
}

impl TokenEndpoint {
    /// The endpoint of `config`.
    #[must_use]
    pub fn new(provider: Provider, config: &ProviderAccess, http: reqwest::Client) -> Self {
        let client = BasicClient::new(ClientId::new(config.client_id.clone()))
            .set_client_secret(ClientSecret::new(
                config.client_secret.expose_secret().to_owned(),
            ))
            .set_redirect_uri(RedirectUrl::from_url(config.redirect_uri.clone()))
            .set_token_uri(TokenUrl::from_url(config.token_url.clone()))
            .set_auth_type(match provider {
                // https://developer.spotify.com/documentation/web-api/tutorials/code-flow
                Provider::Spotify => AuthType::BasicAuth,
                // https://developers.google.com/identity/protocols/oauth2/web-server
                Provider::YouTube => AuthType::RequestBody,
            });
        Self {
            client,
            revoke_url: config.revoke_url.clone(),
            http,
        }
    }

    /// Exchanges an authorisation code, with the PKCE verifier of its consent.
    ///
    /// # Errors
    /// [`ProviderError`]; [`Failure::ConsentEnded`] for a code that is no longer good.
    pub async fn exchange(&self, code: String, verifier: String) -> Result<Grant, ProviderError> {
        self.client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(&|request| send(self.http.clone(), request))
            .await
            .map(grant)
            .map_err(failure)
    }

    /// Brings a new access token.
    ///
    /// # Errors
    /// [`ProviderError`]; [`Failure::ConsentEnded`] is final.
    pub async fn refresh(&self, refresh: &SecretString) -> Result<Grant, ProviderError> {
        self.client
            .exchange_refresh_token(&RefreshToken::new(refresh.expose_secret().to_owned()))
            .request_async(&|request| send(self.http.clone(), request))
            .await
            .map(grant)
            .map_err(failure)
    }

    /// Ends a consent by its refresh token (RFC 7009, section 2.1).
    ///
    /// # Errors
    /// [`ProviderError`]; [`Failure::NotOffered`] where the provider has no such endpoint.
    pub async fn revoke(&self, refresh: &SecretString) -> Result<(), ProviderError> {
        let url = self.revoke_url.clone().ok_or_else(|| {
            ProviderError::new(
                Failure::NotOffered,
                "the provider revokes nothing by itself",
            )
        })?;
        let form = [("token", refresh.expose_secret())];
        let answer = self.http.post(url).form(&form).send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = bounded_body(answer).await?;
        // 400: it was no longer good, which is as good.
        if status.is_success() || status == StatusCode::BAD_REQUEST {
            return Ok(());
        }
        Err(ProviderError::refused_by_oauth(status, &headers, &body))
    }
}

/// Carries a request of crate `oauth2` over our own HTTP client.
async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ProviderError> {
    let request = reqwest::Request::try_from(request)?;
    let answer = http.execute(request).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = bounded_body(answer).await?;
    // One table says what refusals mean, also those that are not written as RFC 6749 has it.
    if !status.is_success() {
        return Err(ProviderError::refused_by_oauth(status, &headers, &body));
    }
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn grant(answer: BasicTokenResponse) -> Grant {
    let lifetime = answer.expires_in().unwrap_or(Duration::ZERO);
    Grant {
        access: SecretString::from(answer.access_token().secret().as_str()),
        access_expires_at: TimeDelta::from_std(lifetime)
            .ok()
            .filter(|lifetime| !lifetime.is_zero())
            .and_then(|lifetime| Utc::now().checked_add_signed(lifetime)),
        refresh: answer
            .refresh_token()
            .map(RefreshToken::secret)
            .filter(|token| !token.is_empty())
            .map(|token| SecretString::from(token.as_str())),
        scopes: answer
            .scopes()
            .map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect()),
    }
}

fn failure(
    error: RequestTokenError<ProviderError, oauth2::basic::BasicErrorResponse>,
) -> ProviderError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(refusal) => {
            let code = refusal.error().to_string();
            let said = refusal
                .error_description()
                .map_or(code.clone(), |text| format!("{code}: {text}"));
            ProviderError::new(of_oauth_code(&code), said)
        }
        // The body may hold a token, so that none of it is shown.
        RequestTokenError::Parse(error, _) => ProviderError::new(
            Failure::Malformed,
            format!("token answer: {}", what_is_wrong(error.inner())),
        ),
        RequestTokenError::Other(said) => ProviderError::new(Failure::Malformed, said),
    }
}

fn what_is_wrong(error: &serde_json::Error) -> &'static str {
    use serde_json::error::Category;
    match error.classify() {
        Category::Io => "could not be read",
        Category::Syntax => "not JSON",
        Category::Data => "not of the described shape",
        Category::Eof => "cut off",
    }
}
