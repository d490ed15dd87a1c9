//! A stand-in for Spotify and YouTube, in this process and over real HTTP.
//!
//! It speaks the published descriptions in `standin/specs/` about invented people, artists and
//! channels: consent with PKCE, tokens that expire, pages, quotas and, on demand, faults.
//! Everything it says about an account follows from the account's number.
//!
//! | provider | authorise page | tokens | API |
//! |---|---|---|---|
//! | Spotify | `/spotify/authorize` | `/spotify/api/token` | `/spotify/v1/…` |
//! | Google | `/google/authorize` | `/google/token`, `/google/revoke` | `/youtube/v3/…` |

pub mod catalogue;
pub mod descriptions;
mod faults;
mod grants;
mod oauth;
mod requests;
mod spotify;
mod spotify_resources;
mod state;
mod wire;
mod youtube;
mod youtube_resources;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use catalogue::Account;
pub use faults::{Fault, Outcome};
pub use requests::{Params, RecordedRequest};
pub use wire::Reply;

use state::{Shared, lock};

const SPOTIFY_API: &str = "/spotify/v1";
const YOUTUBE_API: &str = "/youtube/v3";

/// Whom the stand-in stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// Spotify's accounts service and Web API.
    Spotify,
    /// Google's OAuth and the YouTube Data API v3.
    YouTube,
}

/// An application registered with a provider.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: String,
    /// Redirect URIs, compared as whole strings.
    pub redirect_uris: Vec<String>,
}

/// What the person at the consent page does.
#[derive(Clone, Debug, Default)]
pub enum Consent {
    /// Agrees to every scope asked for.
    #[default]
    Grant,
    /// Unticks every scope but these.
    GrantOnly(Vec<String>),
    /// Cancels: `error=access_denied`.
    Deny,
}

/// What Spotify's refresh says about the refresh token. All three have been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshAnswer {
    /// No `refresh_token`: the old one stays good.
    #[default]
    Omitted,
    /// An empty `refresh_token`: the old one stays good.
    Empty,
    /// A new one; the old one is revoked.
    Rotated,
}

/// How a stand-in is set up.
#[derive(Clone, Debug)]
pub struct StandinConfig {
    /// Port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The application at Spotify.
    pub spotify: Client,
    /// The application at Google.
    pub google: Client,
    /// Account that consents until [`Standin::sign_in`] says otherwise.
    pub account: u64,
    /// How long access tokens live. Both providers: an hour.
    pub access_token_lifetime: Duration,
    /// What a refresh at Spotify answers.
    pub spotify_refresh: RefreshAnswer,
    /// Whether the Spotify application has extended access: audio features.
    pub spotify_extended: bool,
    /// Units of the YouTube project's day.
    pub youtube_daily_units: u32,
    /// Whether catalogues hold what providers send although their descriptions do not
    /// admit it: null items, local files without an id.
    pub oddities: bool,
    /// The catalogue's present; `None` is the moment of start.
    pub now: Option<DateTime<Utc>>,
    /// Whether recorded requests come with their answers; a long run has no room for them.
    pub keep_answers: bool,
    /// Faults planned from the start.
    pub faults: Vec<Fault>,
}

impl Default for StandinConfig {
    fn default() -> Self {
        let client = |name: &str, provider: &str| Client {
            id: format!("{name}-client"),
            secret: format!("{name}-secret"),
            redirect_uris: vec![format!("http://127.0.0.1:8787/oauth/{provider}/callback")],
        };
        Self {
            port: 0,
            spotify: client("spotify", "spotify"),
            google: client("google", "youtube"),
            account: 1,
            access_token_lifetime: Duration::from_secs(3600),
            spotify_refresh: RefreshAnswer::Omitted,
            spotify_extended: false,
            youtube_daily_units: 10_000,
            oddities: true,
            now: None,
            keep_answers: false,
            faults: Vec::new(),
        }
    }
}

/// A running stand-in. Dropping it stops it; [`Standin::shutdown`] also waits.
#[derive(Debug)]
pub struct Standin {
    shared: Arc<Shared>,
    stop: CancellationToken,
    server: Option<JoinHandle<std::io::Result<()>>>,
}

impl Standin {
    /// Starts listening.
    ///
    /// # Errors
    /// The port is in use, or the recorded answers in `standin/specs/` are not what the code expects.
    pub async fn start(config: StandinConfig) -> anyhow::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, config.port));
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("the providers' stand-in cannot listen on {address}: free the port or choose another"))?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::new(base_url, config)?);

        let stop = CancellationToken::new();
        let server = tokio::spawn(
            axum::serve(listener, router(Arc::clone(&shared)))
                .with_graceful_shutdown(stop.clone().cancelled_owned())
                .into_future(),
        );
        Ok(Self {
            shared,
            stop,
            server: Some(server),
        })
    }

    /// `http://127.0.0.1:port`.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Value for `SPOTIFY_API_URL`; `/me` follows it.
    pub fn spotify_api_url(&self) -> String {
        format!("{}{SPOTIFY_API}", self.base_url())
    }

    /// Value for `SPOTIFY_ACCOUNTS_URL`; `/api/token` follows it.
    pub fn spotify_accounts_url(&self) -> String {
        format!("{}/spotify", self.base_url())
    }

    /// Value for `YOUTUBE_API_URL`; `/subscriptions` follows it.
    pub fn youtube_api_url(&self) -> String {
        format!("{}{YOUTUBE_API}", self.base_url())
    }

    /// Value for `GOOGLE_OAUTH_URL`; `/token` and `/revoke` follow it.
    pub fn google_oauth_url(&self) -> String {
        format!("{}/google", self.base_url())
    }

    /// Value for `bondhu.provider_settings.authorize_url`.
    pub fn authorize_url(&self, provider: Provider) -> String {
        match provider {
            Provider::Spotify => format!("{}/spotify/authorize", self.base_url()),
            Provider::YouTube => format!("{}/google/authorize", self.base_url()),
        }
    }

    /// Every request so far, in the order of their answers.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// How many calls of the APIs have come, those that their caller gave up on too.
    pub fn calls(&self) -> u64 {
        self.shared.traffic.arrived()
    }

    /// How many calls of the APIs are being answered.
    pub fn calls_in_flight(&self) -> u64 {
        self.shared.traffic.in_flight()
    }

    /// Lets every call of the APIs take this long, and its own time on top.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    /// The catalogue's present: nothing in it is later.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.now
    }

    /// Plans one more fault.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// Drops every fault that is still planned.
    pub fn heal(&self) {
        *lock(&self.shared.faults) = faults::FaultPlan::new(Vec::new());
    }

    /// How many planned fault answers have not been given yet.
    pub fn faults_outstanding(&self) -> u32 {
        lock(&self.shared.faults).outstanding()
    }

    /// Puts another account in front of the consent page.
    pub fn sign_in(&self, account: u64) {
        lock(&self.shared.browser).account = account;
    }

    /// Decides what the next consent pages are answered with.
    pub fn consent(&self, consent: Consent) {
        lock(&self.shared.browser).consent = consent;
    }

    /// Registers one more redirect URI with the provider's application.
    pub fn register_redirect_uri(&self, provider: Provider, uri: &str) {
        if let Some(client) = lock(&self.shared.clients).get_mut(&provider) {
            client.redirect_uris.push(uri.to_owned());
        }
    }

    /// Reads or changes what an account holds, as its owner does between two syncs.
    pub fn with_account<T>(&self, account: u64, edit: impl FnOnce(&mut Account) -> T) -> T {
        self.shared.with_account(account, edit)
    }

    /// Ends every access token at once, as an hour would.
    pub fn expire_access_tokens(&self) {
        lock(&self.shared.grants).expire_access_tokens();
    }

    /// Ends every refresh token at once, as six months would.
    pub fn expire_refresh_tokens(&self) {
        lock(&self.shared.grants).expire_refresh_tokens();
    }

    /// Withdraws every consent to the application, as people do on the provider's account page.
    pub fn withdraw_consents(&self, provider: Provider) {
        lock(&self.shared.grants).withdraw(provider);
    }

    /// Refresh tokens handed out so far, in no order.
    pub fn refresh_tokens(&self) -> Vec<String> {
        lock(&self.shared.grants).refresh_tokens()
    }

    /// Every token handed out so far, and codes not exchanged: what must be in clear nowhere.
    pub fn issued_secrets(&self) -> Vec<String> {
        lock(&self.shared.grants).secrets()
    }

    /// YouTube units used since the start; every request costs one, invalid and 304 too.
    pub fn youtube_units_used(&self) -> u32 {
        lock(&self.shared.youtube_quota).used
    }

    /// Stops listening and waits for the requests under way.
    ///
    /// # Errors
    /// The server ended with an I/O error, or its task was lost.
    pub async fn shutdown(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        match self.server.take() {
            Some(server) => Ok(server.await.context("the stand-in's task was lost")??),
            None => Ok(()),
        }
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Whether a path is of a provider's API, and not of its tokens or consent.
pub fn is_api(path: &str) -> bool {
    path.starts_with(SPOTIFY_API) || path.starts_with(YOUTUBE_API)
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/spotify/authorize", get(oauth::authorize_spotify))
        .route("/spotify/api/token", post(oauth::token_spotify))
        .route("/google/authorize", get(oauth::authorize_google))
        .route("/google/token", post(oauth::token_google))
        .route("/google/revoke", post(oauth::revoke_google))
        .merge(
            Router::new()
                .nest(SPOTIFY_API, spotify::router())
                .nest(YOUTUBE_API, youtube::router())
                .layer(axum::middleware::from_fn_with_state(
                    Arc::clone(&shared),
                    requests::pace,
                )),
        )
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&shared),
            requests::observe,
        ))
        .with_state(shared)
}
