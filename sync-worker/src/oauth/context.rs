//! What the ways of linking an account share.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Extensions, HeaderMap};
use sqlx::PgPool;
use uuid::Uuid;

use crate::http::attempts::{Attempts, Caller};
use crate::http::client_address::TrustedProxies;
use crate::jwt::JwtVerifier;
use crate::providers::ProviderClients;
use crate::vault::Vault;

/// What linking an account needs, whichever way it comes.
#[derive(Debug)]
pub struct LinkingContext {
    /// As `bondhu_worker`.
    pub database: PgPool,
    /// Seals what is granted.
    pub vault: Arc<Vault>,
    /// Talk with the providers that are set up.
    pub clients: ProviderClients,
    /// Knows who signed in; `None`: nobody can bring a token.
    pub verifier: Option<Arc<JwtVerifier>>,
    /// Whose word on a client's address counts.
    pub proxies: TrustedProxies,
    /// How often who tried.
    pub attempts: Attempts,
}

impl LinkingContext {
    /// Counts an attempt of a person, and of the address it comes from. `Some`: too many, it has
    /// to wait so long. In front of everything that costs a provider's attention.
    pub(super) fn too_many(
        &self,
        user: Uuid,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Option<Duration> {
        let address = self.proxies.client(extensions, headers);
        let of_person = self.attempts.take(Caller::Person(user));
        of_person.max(
            self.attempts
                .take(address.map_or(Caller::Crowd, Caller::at)),
        )
    }
}

/// No code, and no token, is longer.
const LONGEST_CREDENTIAL: usize = 8 * 1024;

/// Whether a code or a token may be one: visible characters (RFC 6749, appendix A), and not too
/// many. Anything else is not worth a call.
pub(super) fn is_credential(text: &str) -> bool {
    (1..=LONGEST_CREDENTIAL).contains(&text.len())
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// Does work that must not be left half done, for it uses up what works once: it goes on when
/// whoever asked for it leaves, or has waited too long.
pub(super) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and this with it.
            Err(_) => std::future::pending().await,
        },
    }
}
