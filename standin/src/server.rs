//! The running stand-in: its HTTP server, and what a test can do with it.

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

use super::catalogue::Account;
use super::config::{Consent, StandinConfig};
use super::faults::{Fault, FaultPlan};
use super::models::{self, GEMINI_API, OPENAI_API, Pace};
use super::provider::{Provider, SPOTIFY_API, YOUTUBE_API};
use super::shared::{Shared, lock};
use super::traffic::RecordedRequest;
use super::{middleware, oauth, spotify, youtube};

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

    /// Value for `GEMINI_BASE_URL`; `/models/…` follows it.
    pub fn gemini_url(&self) -> String {
        format!("{}{GEMINI_API}", self.base_url())
    }

    /// Value for `OPENAI_BASE_URL`; `/chat/completions` follows it.
    pub fn openai_url(&self) -> String {
        format!("{}{OPENAI_API}", self.base_url())
    }

    /// Sets how fast the models speak from now on.
    pub fn set_model_pace(&self, pace: Pace) {
        self.shared.models.set_pace(pace);
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

    /// How many calls of the APIs have come, those whose caller gave up included.
    pub fn calls(&self) -> u64 {
        self.shared.traffic.arrived()
    }

    /// How many calls of the APIs are being answered.
    pub fn calls_in_flight(&self) -> u64 {
        self.shared.traffic.in_flight()
    }

    /// Adds this to the time of every call of the APIs.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    /// Current time of the catalogue: nothing in it is later.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.now
    }

    /// Plans one more fault.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// Removes all planned faults.
    pub fn clear_faults(&self) {
        *lock(&self.shared.faults) = FaultPlan::new(Vec::new());
    }

    /// How many planned fault answers have not been given yet.
    pub fn faults_outstanding(&self) -> u32 {
        lock(&self.shared.faults).outstanding()
    }

    /// Signs another account in at the consent page.
    pub fn sign_in(&self, account: u64) {
        lock(&self.shared.browser).account = account;
    }

    /// Sets the answer at the next consent pages.
    pub fn set_consent(&self, consent: Consent) {
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

    /// Expires all access tokens, as an hour would.
    pub fn expire_access_tokens(&self) {
        lock(&self.shared.grants).expire_access_tokens();
    }

    /// Expires all refresh tokens, as six months would.
    pub fn expire_refresh_tokens(&self) {
        lock(&self.shared.grants).expire_refresh_tokens();
    }

    /// Withdraws every consent to the application, as people do on the provider's account page.
    pub fn withdraw_consents(&self, provider: Provider) {
        lock(&self.shared.grants).withdraw(provider);
    }

    /// Refresh tokens issued so far, in no order.
    pub fn refresh_tokens(&self) -> Vec<String> {
        lock(&self.shared.grants).refresh_tokens()
    }

    /// All tokens issued so far, and codes not exchanged: what must not be stored or logged in clear.
    pub fn issued_secrets(&self) -> Vec<String> {
        lock(&self.shared.grants).secrets()
    }

    /// YouTube units used since the start; every request costs one, also when it is answered with an
    /// error or 304.
    pub fn youtube_units_used(&self) -> u32 {
        lock(&self.shared.youtube_quota).used
    }

    /// Stops listening and waits for the requests in progress.
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

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/spotify/authorize", get(oauth::authorize_spotify))
        .route("/spotify/api/token", post(oauth::token_spotify))
        .route("/google/authorize", get(oauth::authorize_google))
        .route("/google/token", post(oauth::token_google))
        .route("/google/revoke", post(oauth::revoke_google))
        .merge(models::router())
        .merge(
            Router::new()
                .nest(SPOTIFY_API, spotify::router())
                .nest(YOUTUBE_API, youtube::router())
                .layer(axum::middleware::from_fn_with_state(
                    Arc::clone(&shared),
                    middleware::count_and_delay,
                )),
        )
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&shared),
            middleware::record_and_fault,
        ))
        .with_state(shared)
}
