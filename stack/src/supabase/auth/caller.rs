//! Who calls: a person by an access token, or whoever holds the secret key.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use serde_json::Value;
use uuid::Uuid;

use super::Auth;
use super::account::Account;
use super::error::{AuthError, AuthResult};
use crate::supabase::keys::{ApiRole, Claims, TokenError};

/// A person signed in: the account and the session of an access token.
pub(super) struct Person {
    pub(super) account: Account,
    pub(super) session: Option<Uuid>,
}

/// Whoever holds the secret key.
pub(super) struct Admin;

fn claims_of(parts: &Parts, auth: &Auth) -> AuthResult<Claims> {
    let token = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| {
            AuthError::unauthorized(
                "no_authorization",
                "This endpoint requires a valid Bearer token",
            )
        })?;
    auth.keys.verify(token).map_err(|error| {
        let why = match error {
            TokenError::Malformed => "token is malformed",
            TokenError::Signature => "token signature is invalid",
            TokenError::Expired => "token has invalid claims: token is expired",
        };
        AuthError::forbidden(
            "bad_jwt",
            format!("invalid JWT: unable to parse or verify signature, {why}"),
        )
    })
}

fn id_claim(claims: &Claims, name: &str) -> Option<Uuid> {
    claims.get(name)?.as_str()?.parse().ok()
}

impl FromRequestParts<Auth> for Person {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> AuthResult<Self> {
        let claims = claims_of(parts, auth)?;
        let user = id_claim(&claims, "sub")
            .ok_or_else(|| AuthError::forbidden("bad_jwt", "invalid claim: missing sub claim"))?;
        let mut connection = auth.database.acquire().await?;
        let account = Account::find(&mut connection, user).await?.ok_or_else(|| {
            AuthError::forbidden(
                "user_not_found",
                "User from sub claim in JWT does not exist",
            )
        })?;
        let session = id_claim(&claims, "session_id");
        if let Some(session) = session {
            let lasts: bool =
                sqlx::query_scalar("select exists (select from auth.sessions where id = $1)")
                    .bind(session)
                    .fetch_one(&mut *connection)
                    .await?;
            if !lasts {
                return Err(AuthError::forbidden(
                    "session_not_found",
                    "Session from session_id claim in JWT does not exist",
                ));
            }
        }
        Ok(Self { account, session })
    }
}

impl FromRequestParts<Auth> for Admin {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> AuthResult<Self> {
        let claims = claims_of(parts, auth)?;
        if claims.get("role").and_then(Value::as_str) == Some(ApiRole::ServiceRole.name()) {
            Ok(Self)
        } else {
            Err(AuthError::forbidden("not_admin", "User not allowed"))
        }
    }
}
