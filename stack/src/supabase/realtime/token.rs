//! Whom a token stands for, and what is said of one that stands for nobody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use serde_json::Value;

use crate::supabase::keys::{ApiRole, Claims, Keys, TokenError};

/// A token that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) token: String,
    pub(super) claims: Claims,
    pub(super) role: String,
    pub(super) subject: Option<String>,
    /// Unix seconds.
    pub(super) expires_at: i64,
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenFault {
    Malformed,
    Expired {
        seconds_ago: i64,
    },
    MissingClaims,
    Signature,
    /// No key has this name.
    Signer(Option<String>),
}

impl TokenFault {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "MalformedJWT",
            Self::Expired { .. } | Self::MissingClaims => "InvalidJWTToken",
            Self::Signature => "JwtSignatureError",
            Self::Signer(_) => "JwtSignerError",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Malformed => "The token provided is not a valid JWT".to_owned(),
            Self::Expired { seconds_ago } => format!("Token has expired {seconds_ago} seconds ago"),
            Self::MissingClaims => "Fields `role` and `exp` are required in JWT".to_owned(),
            Self::Signature => "Failed to validate JWT signature".to_owned(),
            Self::Signer(kid) => {
                let which = kid.as_ref().map(|kid| format!(" for key ID (kid) {kid:?}"));
                format!(
                    "Failed to generate JWT signer{}, check your JWT secret or JWKS configuration",
                    which.unwrap_or_default()
                )
            }
        }
    }

    /// The answer to a join.
    pub(super) fn reason(&self) -> String {
        format!("{}: {}", self.code(), self.message())
    }

    /// The answer to a handshake.
    pub(super) fn at_the_door(&self) -> String {
        match self {
            Self::Expired { .. } => "Token has expired".to_owned(),
            _ => self.message(),
        }
    }

    /// What a channel says that ends because of it.
    pub(super) fn last_words(&self) -> String {
        match self {
            Self::Signature => ":signature_error".to_owned(),
            Self::Signer(None) => ":error_generating_signer".to_owned(),
            _ => self.message(),
        }
    }
}

/// The token that a project's gateway makes of an API key.
pub(super) fn of_api_key(keys: &Keys, role: ApiRole) -> &str {
    match role {
        ApiRole::Anon => keys.anon(),
        ApiRole::ServiceRole => keys.service_role(),
    }
}

/// Accepts a token, at this moment.
///
/// # Errors
/// Why it is not accepted.
pub(super) fn open(keys: &Keys, token: &str) -> Result<Session, TokenFault> {
    let token: String = token.split_whitespace().collect();
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenFault::Malformed);
    };
    let (header, unchecked) = (object(header)?, object(claims)?);
    let kid = header.get("kid").and_then(Value::as_str);
    match (header.get("alg").and_then(Value::as_str), kid) {
        (Some("HS256" | "HS384" | "HS512"), _) => {}
        (Some("ES256"), Some(kid)) if keys.key_set()["keys"][0]["kid"] == kid => {}
        (Some(algorithm), Some(kid)) if algorithm != "none" => {
            return Err(TokenFault::Signer(Some(kid.to_owned())));
        }
        _ => return Err(TokenFault::Signer(None)),
    }

    let now = Utc::now().timestamp();
    let expired = |claims: &Claims| TokenFault::Expired {
        seconds_ago: now - seconds(claims).unwrap_or(now),
    };
    let claims = keys.verify(&token).map_err(|error| match error {
        TokenError::Malformed => TokenFault::Malformed,
        TokenError::Signature => TokenFault::Signature,
        TokenError::Expired => expired(&unchecked),
    })?;
    let expires_at = seconds(&claims).ok_or(TokenFault::MissingClaims)?;
    if expires_at <= now {
        return Err(expired(&claims));
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Session {
        role: text("role").ok_or(TokenFault::MissingClaims)?,
        subject: text("sub"),
        expires_at,
        claims,
        token,
    })
}

fn object(part: &str) -> Result<Claims, TokenFault> {
    let bytes = URL_SAFE_NO_PAD.decode(part);
    let bytes = bytes.map_err(|_| TokenFault::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenFault::Malformed)
}

/// When the token's time is over; a part of a second is possible there.
#[allow(clippy::cast_possible_truncation)] // saturates, which is far enough
fn seconds(claims: &Claims) -> Option<i64> {
    let time = claims.get("exp")?;
    time.as_i64()
        .or_else(|| time.as_f64().map(|time| time.round() as i64))
}

#[cfg(test)]
mod tests {
    use anyhow::Result;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_fault_has_its_words() -> Result<()> {
        let (ours, theirs) = (Keys::fresh()?, Keys::fresh()?);
        let now = Utc::now().timestamp();
        let signed = |keys: &Keys, claims: Value| keys.sign(&claims);
        let reason = |token: &str| open(&ours, token).err().map(|fault| fault.reason());
        let starts = |token: &str, with: &str| {
            let reason = reason(token).unwrap_or_default();
            assert!(reason.starts_with(with), "{token}: {reason}");
        };

        let good = signed(&ours, json!({ "role": "authenticated", "exp": now + 60 }))?;
        assert_eq!(reason(&good), None);
        assert_eq!(reason(&format!(" {good}\n")), None);
        assert_eq!(reason(ours.anon()), None);
        starts("", "MalformedJWT: The token provided is not a valid JWT");
        starts("a.b.c", "MalformedJWT: ");
        starts(
            &signed(&ours, json!({ "role": "authenticated", "exp": now - 60 }))?,
            "InvalidJWTToken: Token has expired 6",
        );
        starts(
            &signed(&ours, json!({ "exp": now + 60 }))?,
            "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
        );
        starts(
            &signed(&ours, json!({ "role": "authenticated" }))?,
            "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
        );
        starts(
            &signed(&theirs, json!({ "role": "authenticated", "exp": now + 60 }))?,
            "JwtSignerError: Failed to generate JWT signer for key ID (kid) ",
        );
        starts(
            theirs.service_role(),
            "JwtSignatureError: Failed to validate JWT signature",
        );
        let unsigned = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode(r#"{"role":"service_role","exp":9999999999}"#)
        );
        starts(&unsigned, "JwtSignerError: Failed to generate JWT signer, ");
        Ok(())
    }
}
