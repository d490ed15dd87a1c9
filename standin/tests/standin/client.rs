//! An application that talks to the stand-in, and the browser of its user.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bondhu_standin::{Provider, Standin, StandinConfig};
use reqwest::StatusCode;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

pub(crate) const SPOTIFY_SCOPES: &str = "user-top-read user-read-recently-played";
pub(crate) const YOUTUBE_SCOPE: &str = "https://www.googleapis.com/auth/youtube.readonly";
pub(crate) const VERIFIER: &str = "a-code-verifier-of-at-least-forty-three-characters";

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.body[field]
            .as_str()
            .unwrap_or_else(|| panic!("{field} is missing in {}", self.body))
    }

    pub(crate) fn items(&self) -> &[Value] {
        self.body["items"]
            .as_array()
            .unwrap_or_else(|| panic!("no items in {}", self.body))
    }
}

/// The application, with a stand-in of its own.
pub(crate) struct App {
    pub(crate) standin: Standin,
    http: reqwest::Client,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(StandinConfig::default()).await
    }

    pub(crate) async fn with(config: StandinConfig) -> Self {
        // Ignored: another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            standin: Standin::start(config).await.unwrap(),
            http,
        }
    }

    /// The query of an ordinary authorisation request, for a test to change.
    pub(crate) fn authorization(&self, provider: Provider) -> HashMap<&'static str, String> {
        let config = StandinConfig::default();
        let (client, scope) = match provider {
            Provider::Spotify => (config.spotify, SPOTIFY_SCOPES),
            Provider::YouTube => (config.google, YOUTUBE_SCOPE),
        };
        HashMap::from([
            ("client_id", client.id),
            ("redirect_uri", client.redirect_uris[0].clone()),
            ("response_type", "code".to_owned()),
            ("scope", scope.to_owned()),
            ("state", "the state".to_owned()),
            ("code_challenge_method", "S256".to_owned()),
            (
                "code_challenge",
                URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)),
            ),
            ("access_type", "offline".to_owned()),
        ])
    }

    /// Opens the authorise page: the status, and where it redirects to.
    pub(crate) async fn open(
        &self,
        provider: Provider,
        query: &HashMap<&'static str, String>,
    ) -> (StatusCode, Option<Url>) {
        let url = self.standin.authorize_url(provider);
        let response = self.http.get(url).query(query).send().await.unwrap();
        let location = response
            .headers()
            .get("location")
            .map(|value| Url::parse(value.to_str().unwrap()).unwrap());
        (response.status(), location)
    }

    /// Opens the authorise page: the parameters that come back.
    pub(crate) async fn redirected(
        &self,
        provider: Provider,
        query: &HashMap<&'static str, String>,
    ) -> HashMap<String, String> {
        let (status, location) = self.open(provider, query).await;
        assert_eq!(status, StatusCode::FOUND);
        location.unwrap().query_pairs().into_owned().collect()
    }

    /// A code from an ordinary consent.
    pub(crate) async fn code(&self, provider: Provider) -> String {
        self.redirected(provider, &self.authorization(provider))
            .await
            .remove("code")
            .unwrap()
    }

    /// Posts to the token endpoint under the client's credentials.
    pub(crate) async fn token(&self, provider: Provider, form: &[(&str, &str)]) -> Answer {
        let config = StandinConfig::default();
        let (url, client) = match provider {
            Provider::Spotify => (
                format!("{}/api/token", self.standin.spotify_accounts_url()),
                config.spotify,
            ),
            Provider::YouTube => (
                format!("{}/token", self.standin.google_oauth_url()),
                config.google,
            ),
        };
        answer(
            self.http
                .post(url)
                .basic_auth(client.id, Some(client.secret))
                .form(form),
        )
        .await
    }

    /// Exchanges a code as it should be done.
    pub(crate) async fn exchange(&self, provider: Provider, code: &str, verifier: &str) -> Answer {
        let redirect_uri = &self.authorization(provider)["redirect_uri"];
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        self.token(provider, &form).await
    }

    pub(crate) async fn refresh(&self, provider: Provider, refresh_token: &str) -> Answer {
        self.token(
            provider,
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh_token),
            ],
        )
        .await
    }

    /// The whole way to tokens: `(access, refresh)`.
    pub(crate) async fn tokens(&self, provider: Provider) -> (String, String) {
        let code = self.code(provider).await;
        let tokens = self.exchange(provider, &code, VERIFIER).await;
        assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
        (
            tokens.text("access_token").to_owned(),
            tokens.text("refresh_token").to_owned(),
        )
    }

    /// The whole way to an access token.
    pub(crate) async fn access_token(&self, provider: Provider) -> String {
        self.tokens(provider).await.0
    }

    pub(crate) async fn get(&self, token: &str, url: &str) -> Answer {
        answer(self.http.get(url).bearer_auth(token)).await
    }

    pub(crate) async fn spotify(&self, token: &str, path: &str) -> Answer {
        self.get(token, &format!("{}{path}", self.standin.spotify_api_url()))
            .await
    }

    pub(crate) async fn youtube(&self, token: &str, path: &str) -> Answer {
        self.get(token, &format!("{}{path}", self.standin.youtube_api_url()))
            .await
    }

    /// A request of the test's own making.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

/// Sends a request and reads its answer; an empty body is null.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).unwrap()
    };
    Answer {
        status,
        headers,
        body,
    }
}
