//! A project's keys: the one that signs its users' access tokens, and those that tell its apps apart.
//!
//! <https://supabase.com/docs/guides/auth/signing-keys>, <https://supabase.com/docs/guides/api/api-keys>

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::run_directory::write_secret;

/// What a token says, by name.
pub type Claims = Map<String, Value>;

/// Seconds that the two old API keys, which are tokens themselves, are good for: ten years.
const LEGACY_LIFETIME: i64 = 10 * 365 * 24 * 3600;

/// Whom an API key stands for when nobody has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiRole {
    /// The publishable key, or `anon`.
    Anon,
    /// The secret key, or `service_role`.
    ServiceRole,
}

impl ApiRole {
    /// The database's role.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anon => "anon",
            Self::ServiceRole => "service_role",
        }
    }
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is no JSON Web Token.
    Malformed,
    /// No key of this project signed it.
    Signature,
    /// Its time is over.
    Expired,
}

/// The keys of one project.
#[derive(Clone, Debug)]
pub struct Keys {
    stored: Stored,
    signing: EncodingKey,
    /// Coordinates of the public key, base64url.
    x: String,
    y: String,
    /// The old keys.
    anon: String,
    service_role: String,
}

/// What is kept of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    kid: String,
    /// PKCS #8, base64.
    signing_key: String,
    legacy_secret: String,
    issued_at: i64,
    publishable: String,
    secret: String,
}

impl Keys {
    /// New ones.
    ///
    /// # Errors
    /// A key cannot be encoded.
    pub fn fresh() -> Result<Self> {
        let random = |bytes: usize| {
            let bytes: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
            URL_SAFE_NO_PAD.encode(bytes)
        };
        // One in 2^32 random texts is no scalar of the curve.
        let signing_key = (0..8)
            .find_map(|_| p256::SecretKey::from_slice(&rand::random::<[u8; 32]>()).ok())
            .context("no signing key")?;
        Self::of(Stored {
            kid: uuid::Uuid::new_v4().to_string(),
            signing_key: STANDARD.encode(signing_key.to_pkcs8_der()?.as_bytes()),
            legacy_secret: random(36),
            issued_at: Utc::now().timestamp(),
            publishable: format!("sb_publishable_{}", random(24)),
            secret: format!("sb_secret_{}", random(24)),
        })
    }

    /// Those that a file keeps; new ones, kept there from now on, when there is no file.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
    pub fn kept_in(file: &Path) -> Result<Self> {
        if let Ok(kept) = std::fs::read_to_string(file) {
            let stored = serde_json::from_str(&kept)
                .with_context(|| format!("{} holds no keys", file.display()))?;
            return Self::of(stored);
        }
        let keys = Self::fresh()?;
        write_secret(file, &serde_json::to_string(&keys.stored)?)?;
        Ok(keys)
    }

    fn of(stored: Stored) -> Result<Self> {
        let der = STANDARD.decode(&stored.signing_key)?;
        let point = p256::SecretKey::from_pkcs8_der(&der)?
            .public_key()
            .to_encoded_point(false);
        let coordinate = |bytes: Option<&p256::FieldBytes>| {
            bytes
                .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
                .context("a point at infinity")
        };
        let legacy = |role: ApiRole| {
            let claims = json!({
                "iss": "supabase", "ref": "local", "role": role.name(),
                "iat": stored.issued_at, "exp": stored.issued_at + LEGACY_LIFETIME,
            });
            let key = EncodingKey::from_secret(stored.legacy_secret.as_bytes());
            encode(&Header::new(Algorithm::HS256), &claims, &key)
        };
        Ok(Self {
            signing: EncodingKey::from_ec_der(&der),
            x: coordinate(point.x())?,
            y: coordinate(point.y())?,
            anon: legacy(ApiRole::Anon)?,
            service_role: legacy(ApiRole::ServiceRole)?,
            stored,
        })
    }

    /// The key for browsers, `sb_publishable_…`.
    pub fn publishable(&self) -> &str {
        &self.stored.publishable
    }

    /// The key for servers, `sb_secret_…`.
    pub fn secret(&self) -> &str {
        &self.stored.secret
    }

    /// The old key for browsers, a token of role `anon`.
    pub fn anon(&self) -> &str {
        &self.anon
    }

    /// The old key for servers, a token of role `service_role`.
    pub fn service_role(&self) -> &str {
        &self.service_role
    }

    /// The secret that signs the old keys.
    pub fn legacy_secret(&self) -> &str {
        &self.stored.legacy_secret
    }

    /// What anybody checks access tokens with: a JSON Web Key Set.
    pub fn key_set(&self) -> Value {
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": true,
            "kid": self.stored.kid, "x": self.x, "y": self.y,
        }] })
    }

    /// What the project's own services check tokens with: that, and the secret of the old keys.
    pub fn all(&self) -> Value {
        let mut keys = self.key_set();
        if let Some(keys) = keys["keys"].as_array_mut() {
            let secret = URL_SAFE_NO_PAD.encode(self.legacy_secret());
            keys.push(json!({ "kty": "oct", "alg": "HS256", "k": secret }));
        }
        keys
    }

    /// Whom an API key stands for; `None` when it is none of this project's.
    pub fn role_of(&self, api_key: &str) -> Option<ApiRole> {
        if api_key == self.publishable() || api_key == self.anon() {
            Some(ApiRole::Anon)
        } else if api_key == self.secret() || api_key == self.service_role() {
            Some(ApiRole::ServiceRole)
        } else {
            None
        }
    }

    /// Signs a token as the project signs its users' (ES256).
    ///
    /// # Errors
    /// The claims are no JSON.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.stored.kid.clone());
        Ok(encode(&header, claims, &self.signing)?)
    }

    /// Checks signature and time of a token of either key, without leeway as the Data API does.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        let key = match header.alg {
            Algorithm::ES256 => DecodingKey::from_ec_components(&self.x, &self.y)
                .map_err(|_| TokenError::Signature)?,
            Algorithm::HS256 => DecodingKey::from_secret(self.legacy_secret().as_bytes()),
            _ => return Err(TokenError::Signature),
        };
        let mut expected = Validation::new(header.alg);
        expected.leeway = 0;
        expected.validate_aud = false;
        expected.set_required_spec_claims::<&str>(&[]);
        match decode::<Claims>(token, &key, &expected) {
            Ok(data) => Ok(data.claims),
            Err(error) => Err(match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                ErrorKind::InvalidSignature => TokenError::Signature,
                _ => TokenError::Malformed,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_accepted_while_its_time_lasts() -> Result<()> {
        let keys = Keys::fresh()?;
        let now = Utc::now().timestamp();
        let token = keys.sign(&json!({ "sub": "ada", "exp": now + 60 }))?;
        assert_eq!(
            keys.verify(&token).map(|claims| claims["sub"].clone()),
            Ok(json!("ada"))
        );
        let old = keys.sign(&json!({ "sub": "ada", "exp": now - 1 }))?;
        assert_eq!(keys.verify(&old), Err(TokenError::Expired));
        Ok(())
    }

    #[test]
    fn another_projects_tokens_are_refused() -> Result<()> {
        let (ours, theirs) = (Keys::fresh()?, Keys::fresh()?);
        let claims = json!({ "exp": Utc::now().timestamp() + 60 });
        assert_eq!(
            ours.verify(&theirs.sign(&claims)?),
            Err(TokenError::Signature)
        );
        assert_eq!(
            ours.verify(theirs.service_role()),
            Err(TokenError::Signature)
        );
        assert_eq!(ours.verify("no token"), Err(TokenError::Malformed));
        assert_eq!(ours.role_of(theirs.secret()), None);
        Ok(())
    }

    #[test]
    fn keys_outlive_a_restart() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("keys.json");
        let (before, after) = (Keys::kept_in(&file)?, Keys::kept_in(&file)?);
        assert_eq!(before.anon(), after.anon());
        assert_eq!(before.key_set(), after.key_set());
        assert_eq!(after.role_of(before.secret()), Some(ApiRole::ServiceRole));
        assert!(after.verify(before.service_role()).is_ok());
        Ok(())
    }
}
