//! The project's public keys (RFC 7517), fetched when needed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use tokio::sync::Mutex;

/// A set older than this is fetched anew, so that a revoked key goes. Supabase's edge keeps it as long.
const FRESH_FOR: Duration = Duration::from_secs(10 * 60);

/// While it cannot be fetched, a set serves so long.
const TRUSTED_FOR: Duration = Duration::from_secs(60 * 60);

/// An unknown `kid` may be a new key: look, but no more often than this.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// Requests wait for the keys no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A project has a handful of keys.
const LARGEST_SET: usize = 256 * 1024;

/// A key and the one algorithm it is for.
#[derive(Debug, Clone)]
pub(super) struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl VerifyingKey {
    pub(super) fn hs256(secret: &[u8]) -> Self {
        Self {
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret),
        }
    }

    /// The algorithm follows from the key's type. A symmetric key is never taken from a public set.
    fn of(jwk: &Jwk) -> Option<Self> {
        if !matches!(
            jwk.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        ) {
            return None;
        }
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            _ => return None,
        };
        let named = jwk.common.key_algorithm.map(|named| named.to_string());
        if named.is_some_and(|named| named != format!("{algorithm:?}")) {
            return None;
        }
        Some(Self {
            algorithm,
            key: DecodingKey::from_jwk(jwk).ok()?,
        })
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeySetError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the key set is larger than {LARGEST_SET} bytes")]
    TooLarge,
    #[error("the key set is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it could not be fetched a moment ago")]
    Lately,
}

#[derive(Debug, Default)]
struct FetchedKeys {
    keys: HashMap<String, VerifyingKey>,
    fetched: Option<Instant>,
}

impl FetchedKeys {
    fn younger_than(&self, age: Duration) -> bool {
        self.fetched.is_some_and(|at| at.elapsed() < age)
    }

    fn get(&self, kid: &str) -> Option<VerifyingKey> {
        self.keys.get(kid).cloned()
    }
}

/// Keys by `kid`.
#[derive(Debug)]
pub(super) struct KeySet {
    url: String,
    http: reqwest::Client,
    held: RwLock<Arc<FetchedKeys>>,
    /// When was last looked; held by whoever looks.
    looking: Mutex<Option<Instant>>,
}

impl KeySet {
    pub(super) fn new(url: String, http: reqwest::Client) -> Self {
        Self {
            url,
            http,
            held: RwLock::default(),
            looking: Mutex::default(),
        }
    }

    /// The key with that id; `None` when the project has none.
    pub(super) async fn get(&self, kid: &str) -> Result<Option<VerifyingKey>, KeySetError> {
        let held = self.held();
        let key = held.get(kid);
        if key.is_some() && held.younger_than(FRESH_FOR) {
            return Ok(key);
        }
        let looking = self.looking.try_lock();
        if key.is_some() && held.younger_than(TRUSTED_FOR) && looking.is_err() {
            return Ok(key);
        }
        let mut looked = match looking {
            Ok(looked) => looked,
            Err(_) => self.looking.lock().await,
        };
        if looked.is_none_or(|at| at.elapsed() >= LOOK_AT_MOST_EVERY) {
            let outcome = self.fetch().await;
            *looked = Some(Instant::now());
            match outcome {
                Ok(keys) => self.hold(keys),
                Err(error) if !held.younger_than(TRUSTED_FOR) => return Err(error),
                Err(error) => tracing::warn!(%error, "the signing keys are not up to date"),
            }
        }
        let held = self.held();
        if held.younger_than(TRUSTED_FOR) {
            Ok(held.get(kid))
        } else {
            Err(KeySetError::Lately)
        }
    }

    fn held(&self) -> Arc<FetchedKeys> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&held)
    }

    fn hold(&self, keys: HashMap<String, VerifyingKey>) {
        let fetched = Some(Instant::now());
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(FetchedKeys { keys, fetched });
    }

    async fn fetch(&self) -> Result<HashMap<String, VerifyingKey>, KeySetError> {
        /// Keys one by one: a type that is not known here must not spoil the others.
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let mut answer = self
            .http
            .get(&self.url)
            .timeout(PATIENCE)
            .send()
            .await?
            .error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > LARGEST_SET {
                return Err(KeySetError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let set: Set = serde_json::from_slice(&body)?;
        let keys = set.keys.into_iter().filter_map(|key| {
            let jwk: Jwk = serde_json::from_value(key).ok()?;
            Some((jwk.common.key_id.clone()?, VerifyingKey::of(&jwk)?))
        });
        Ok(keys.collect())
    }
}
