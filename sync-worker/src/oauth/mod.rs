//! OAuth2: codes and refresh tokens against the provider's token endpoint, the callback that
//! the user's browser comes back to, and tokens that an app brings by itself.

mod account;
mod callback;
mod keeping;
mod link;
mod pending;
mod refusal;
mod tokens;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, header};
use axum::routing::{get, post};
use sqlx::PgPool;
use tower_http::cors::CorsLayer;
use uuid::Uuid;

use crate::http::attempts::{Attempts, Who};
use crate::http::bounded;
use crate::http::client_address::TrustedProxies;
use crate::http::jwt::JwtVerifier;
use crate::provider::Provider;
use crate::providers::ProviderAccess;
use crate::vault::Vault;

pub use account::Account;
pub use tokens::{Grant, TokenEndpoint};

/// What the callback needs.
#[derive(Debug)]
pub struct CallbackState {
    /// As `bondhu_worker`.
    pub database: PgPool,
    /// Seals what is granted.
    pub vault: Arc<Vault>,
    /// Talks with the providers.
    pub http: reqwest::Client,
    /// The providers that are set up.
    pub providers: HashMap<Provider, ProviderAccess>,
    /// Knows who signed in; `None`: nobody can bring a token.
    pub verifier: Option<Arc<JwtVerifier>>,
    /// Whose word on a client's address counts.
    pub proxies: TrustedProxies,
    /// How often who tried.
    pub attempts: Attempts,
}

impl CallbackState {
    /// Counts an attempt of a person, and of the address it comes from. `Some`: too many, it has
    /// to wait so long. In front of everything that costs a provider's attention.
    fn too_many(
        &self,
        user: Uuid,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Option<Duration> {
        let address = self.proxies.client(extensions, headers);
        let of_person = self.attempts.take(Who::Person(user));
        of_person.max(self.attempts.take(address.map_or(Who::Crowd, Who::at)))
    }
}

/// A token and its envelope are far smaller.
const LARGEST_LINK: usize = 16 * 1024;

/// No code, and no token, is longer.
const LONGEST_CREDENTIAL: usize = 8 * 1024;

/// The routes of linking; tokens may be brought by pages of these origins.
pub fn router(state: Arc<CallbackState>, origins: Vec<HeaderValue>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER]);
    let linking = Router::new()
        .route("/link", post(link::link))
        .layer(DefaultBodyLimit::max(LARGEST_LINK))
        .with_state(Arc::clone(&state));
    let callback = Router::new()
        .route("/oauth/{provider}/callback", get(callback::callback))
        .with_state(state);
    bounded(linking).layer(cors).merge(bounded(callback))
}

/// Whether a code or a token may be one: visible characters (RFC 6749, appendix A), and not too
/// many. Anything else is not worth a call.
fn is_credential(text: &str) -> bool {
    (1..=LONGEST_CREDENTIAL).contains(&text.len())
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// Does work that must not be left half done, for it uses up what works once: it goes on when
/// whoever asked for it leaves, or has waited too long.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and this with it.
            Err(_) => std::future::pending().await,
        },
    }
}
