//! Who signed in: access tokens of Supabase Auth.
//!
//! A token names a key (`kid`) and is checked with that key's own algorithm; what its header says
//! about the algorithm has to agree and decides nothing. `jku`, `x5u` and `jwk` are never looked at.
//!
//! <https://supabase.com/docs/guides/auth/signing-keys>

mod key_set;

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use key_set::{KeySet, VerifyingKey};

/// Clocks may differ by so much, in seconds.
const LEEWAY_SECONDS: u64 = 10;

/// Longer texts are no access token.
const LONGEST_TOKEN: usize = 16 * 1024;

/// The only audience and role that a signed-in user's token has.
const AUTHENTICATED: &str = "authenticated";

/// Why a token is not accepted. The texts are for whoever sent it: they name no key and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// There is none, or the header holds something else.
    #[error("send the user's access token: Authorization: Bearer …")]
    Missing,
    /// It is no JSON Web Token.
    #[error("the access token is malformed")]
    Malformed,
    /// No known key made it.
    #[error("the access token is signed with a key that this project does not have")]
    UnknownKey,
    /// The key that it names did not sign it.
    #[error("the access token's signature is not valid")]
    Signature,
    /// Its time is over.
    #[error("the access token has expired; refresh the session")]
    Expired,
    /// Its time has not come.
    #[error("the access token is not valid yet")]
    NotYet,
    /// It is somebody else's, or for something else.
    #[error("the access token is not one of a signed-in user of this project: its {0} differs")]
    NotForUs(&'static str),
    /// The project's keys cannot be had.
    #[error("the project's signing keys cannot be fetched just now; try again")]
    KeysUnavailable,
}

/// A user whose token was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    /// `auth.users.id`.
    pub user: Uuid,
    /// Whether nobody knows who it is: signed in without an address or an account elsewhere.
    /// <https://supabase.com/docs/guides/auth/auth-anonymous>
    pub anonymous: bool,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    role: String,
    is_anonymous: Option<bool>,
}

/// Checks access tokens of one Supabase project.
#[derive(Debug)]
pub struct JwtVerifier {
    issuer: String,
    key_set: KeySet,
    legacy: Option<VerifyingKey>,
}

impl JwtVerifier {
    /// For the project at `supabase_url`, whose public keys are fetched when first needed and kept
    /// up with as they rotate; and, while the project still has one, its legacy HS256 secret.
    #[must_use]
    pub fn new(
        supabase_url: &Url,
        legacy_secret: Option<&SecretString>,
        http: reqwest::Client,
    ) -> Arc<Self> {
        let issuer = format!("{}/auth/v1", supabase_url.as_str().trim_end_matches('/'));
        Arc::new(Self {
            key_set: KeySet::new(format!("{issuer}/.well-known/jwks.json"), http),
            legacy: legacy_secret
                .map(|secret| VerifyingKey::hs256(secret.expose_secret().as_bytes())),
            issuer,
        })
    }

    /// Checks the one `Authorization` header of a request. Of two, others on the way may have read
    /// the other one, so that neither counts.
    ///
    /// # Errors
    /// As [`Self::verify`]; [`JwtError::Missing`] when there is no one bearer token.
    pub async fn verify_headers(&self, headers: &HeaderMap) -> Result<SignedIn, JwtError> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let authorization = match (given.next(), given.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        };
        let (scheme, token) = authorization
            .and_then(|value| value.split_once(' '))
            .ok_or(JwtError::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(JwtError::Missing);
        }
        self.verify(token.trim()).await
    }

    /// Checks signature, issuer, audience, time, role and subject of a token.
    ///
    /// # Errors
    /// What does not hold; [`JwtError::KeysUnavailable`] when that cannot be told now.
    pub async fn verify(&self, token: &str) -> Result<SignedIn, JwtError> {
        if token.len() > LONGEST_TOKEN {
            return Err(JwtError::Malformed);
        }
        let kid = decode_header(token).map_err(|_| JwtError::Malformed)?.kid;
        let key = self.key(kid.as_deref()).await?;

        let mut expected = Validation::new(key.algorithm);
        expected.leeway = LEEWAY_SECONDS;
        expected.validate_nbf = true;
        expected.set_issuer(&[&self.issuer]);
        expected.set_audience(&[AUTHENTICATED]);
        expected.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(token, &key.key, &expected)
            .map_err(|error| refusal(error.kind()))?
            .claims;
        if claims.role != AUTHENTICATED {
            return Err(JwtError::NotForUs("role"));
        }
        let user = Uuid::try_parse(&claims.sub).map_err(|_| JwtError::NotForUs("subject"))?;
        Ok(SignedIn {
            user,
            anonymous: claims.is_anonymous.unwrap_or(false),
        })
    }

    /// The key with that id; the legacy secret, which is in no key set, for any other.
    async fn key(&self, kid: Option<&str>) -> Result<VerifyingKey, JwtError> {
        let Some(kid) = kid else {
            return self.legacy.clone().ok_or(JwtError::UnknownKey);
        };
        match self.key_set.get(kid).await {
            Ok(Some(key)) => Ok(key),
            Ok(None) => self.legacy.clone().ok_or(JwtError::UnknownKey),
            Err(error) => {
                tracing::warn!(%error, "the project's signing keys cannot be fetched");
                self.legacy.clone().ok_or(JwtError::KeysUnavailable)
            }
        }
    }
}

fn refusal(kind: &ErrorKind) -> JwtError {
    match kind {
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => JwtError::Signature,
        ErrorKind::ExpiredSignature => JwtError::Expired,
        ErrorKind::ImmatureSignature => JwtError::NotYet,
        ErrorKind::InvalidIssuer => JwtError::NotForUs("issuer"),
        ErrorKind::InvalidAudience => JwtError::NotForUs("audience"),
        ErrorKind::MissingRequiredClaim(_) => JwtError::NotForUs("set of claims"),
        _ => JwtError::Malformed,
    }
}
